"""The query and path parameters of the API's operations, in the words of this project and upstream's names and types."""

from __future__ import annotations

from kubern.base.json import Obj


def _query(name: str, type: str, description: str) -> Obj:
    return {"name": name, "in": "query", "description": description, "schema": {"type": type, "uniqueItems": True}}


def _path(name: str, description: str) -> Obj:
    schema = {"type": "string", "uniqueItems": True}
    return {"name": name, "in": "path", "description": description, "required": True, "schema": schema}


_ALL = (
    _query("allowWatchBookmarks", "boolean", "Send BOOKMARK events to watchers from time to time."),
    _query("continue", "string", "Go on with a list where the token of the last part ended."),
    _query("fieldSelector", "string", "Keep only objects whose fields match."),
    _query("labelSelector", "string", "Keep only objects whose labels match."),
    _query("limit", "integer", "Return at most this many objects, and a token to go on with."),
    _query("resourceVersion", "string", "How new the answer has to be, or where a watch begins."),
    _query("resourceVersionMatch", "string", "How resourceVersion is applied to a list: Exact or NotOlderThan."),
    _query("sendInitialEvents", "boolean", "Begin a watch with the objects that exist, then a bookmark."),
    _query("timeoutSeconds", "integer", "End the list or watch after this time."),
    _query("watch", "boolean", "Stream changes instead of returning a list."),
    _query("dryRun", "string", "All: check and answer as if the change were made, and keep nothing."),
    _query("fieldManager", "string", "Who makes the change, for field ownership."),
    _query(
        "fieldValidation", "string",
        "What to do about unknown and duplicate fields: Ignore them, Warn of them, or refuse the request (Strict).",
    ),
    _query("force", "boolean", "Take over fields that others own; for apply patches."),
    _query("gracePeriodSeconds", "integer", "Seconds that the object gets to end; zero: at once."),
    _query("ignoreStoreReadErrorWithClusterBreakingPotential", "boolean", "Delete an object even if it cannot be read."),
    _query("orphanDependents", "boolean", "Deprecated: leave dependents behind. Use propagationPolicy."),
    _query("propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground."),
    _query("pretty", "string", "Indent the answer when 'true'."),
    _query("container", "string", "The container; the only one of the pod when there is no more than one."),
    _query("follow", "boolean", "Go on as the log grows."),
    _query("insecureSkipTLSVerifyBackend", "boolean", "Do not check the kubelet's certificate."),
    _query("limitBytes", "integer", "Return at most this many bytes."),
    _query("previous", "boolean", "The log of the container that ran before."),
    _query("sinceSeconds", "integer", "Begin this many seconds ago."),
    _query("stream", "string", "Which stream: All, Stdout or Stderr."),
    _query("tailLines", "integer", "Begin this many lines from the end."),
    _query("timestamps", "boolean", "Put the time before each line."),
    _query("command", "string", "The command to run, one argument each."),
    _query("stdin", "boolean", "Connect standard input."),
    _query("stdout", "boolean", "Connect standard output."),
    _query("stderr", "boolean", "Connect standard error."),
    _query("tty", "boolean", "Give the command a terminal."),
    _query("ports", "integer", "The ports to forward."),
    _query("path", "string", "The path on the server behind the proxy."),
    _path("name", "name of the object"),
    _path("namespace", "object name and auth scope, such as for teams and projects"),
)  # fmt: skip
PARAMETERS: dict[str, Obj] = {parameter["name"]: parameter for parameter in _ALL}

LIST = (
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "resourceVersionMatch",
    "sendInitialEvents", "timeoutSeconds", "watch",
)  # fmt: skip
WRITE = ("dryRun", "fieldManager", "fieldValidation")
PATCH = (*WRITE, "force")
DELETE = (
    "dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents",
    "propagationPolicy",
)  # fmt: skip
DELETE_COLLECTION = (*DELETE, *(name for name in LIST if name not in ("allowWatchBookmarks", "watch")))
CONNECT: dict[str, tuple[str, ...]] = {
    "attach": ("container", "stdin", "stdout", "stderr", "tty"),
    "exec": ("command", "container", "stdin", "stdout", "stderr", "tty"),
    "log": (
        "container", "follow", "insecureSkipTLSVerifyBackend", "limitBytes", "previous", "sinceSeconds", "stream", "tailLines",
        "timestamps",
    ),
    "portforward": ("ports",),
    "proxy": ("path",),
}  # fmt: skip
