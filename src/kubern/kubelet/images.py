"""Images for containers: there already, pulled, or waited for in back-off.

Source: the Kubernetes documentation, "Images".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

import orjson

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.kubelet.podspec import Step, uid
from kubern.kubelet.recording import NORMAL, WARNING, Recorder
from kubern.kubelet.runtime.config import SandboxConfig
from kubern.kubelet.runtime.contract import Auth, Image, Runtime, RuntimeFailure
from kubern.kubelet.volume import ObjectSource

_BASE, _CAP = 10.0, 300.0
_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}/)?{_PART}(?:/{_PART})*(?::[\w][\w.-]{{0,127}})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{{32,}})?"
)


class ImageError(Exception):
    """The image cannot be had now. `retry_after` is in seconds."""

    def __init__(self, reason: str, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class _Wait:
    """One image's back-off for one pod."""

    def __init__(self, delay: float, until: float, error: str) -> None:
        self.delay = delay
        self.until = until
        self.error = error


class Images:
    """Sees to the images of all pods of the node."""

    def __init__(self, runtime: Runtime, objects: ObjectSource, events: Recorder, clock: Clock) -> None:
        self._runtime = runtime
        self._objects = objects
        self._events = events
        self._clock = clock
        self._waits: dict[tuple[str, str], _Wait] = {}

    async def ensure(self, pod: Obj, step: Step, sandbox: SandboxConfig) -> Image:
        """Return the container's image, pulled if its policy says so. Raises `ImageError`."""
        name = step.container.get("image", "")
        if not _REFERENCE.fullmatch(name):
            message = f'Failed to apply default image tag "{name}": couldn\'t parse image name "{name}": invalid reference format'
            self._events.event(pod, WARNING, "InspectFailed", message, field_path=step.field_path)
            raise ImageError("InvalidImageName", message, _CAP)
        policy = step.container.get("imagePullPolicy") or default_policy(name)
        try:
            found = await self._runtime.image_status(name)
        except RuntimeFailure as failure:
            message = f'Failed to inspect image "{name}": {failure.message}'
            self._events.event(pod, WARNING, "InspectFailed", message, field_path=step.field_path)
            raise ImageError("ImageInspectError", message, _BASE) from failure
        if found and policy != "Always":
            message = f'Container image "{name}" already present on machine and can be accessed by the pod'
            self._events.event(pod, NORMAL, "Pulled", message, field_path=step.field_path)
            return found
        if policy == "Never":
            message = f'Container image "{name}" is not present with pull policy of Never'
            self._events.event(pod, WARNING, "ErrImageNeverPull", message, field_path=step.field_path)
            raise ImageError("ErrImageNeverPull", message, _BASE)
        return await self._pulled(pod, step, name, sandbox)

    async def _pulled(self, pod: Obj, step: Step, name: str, sandbox: SandboxConfig) -> Image:
        wait = self._waits.get((uid(pod), name))
        now = self._clock.monotonic()
        if wait is not None and now < wait.until:
            text = f'Back-off pulling image "{name}"'
            self._events.event(pod, NORMAL, "BackOff", text, field_path=step.field_path)
            raise ImageError("ImagePullBackOff", f"{text}: ErrImagePull: {wait.error}", wait.until - now)
        self._events.event(pod, NORMAL, "Pulling", f'Pulling image "{name}"', field_path=step.field_path)
        try:
            reference = await self._pull(pod, name, sandbox)
            found = await self._runtime.image_status(reference) or await self._runtime.image_status(name)
            if found is None:
                raise RuntimeFailure("NOT_FOUND", f'image "{name}" is gone right after it was pulled')
        except RuntimeFailure as failure:
            delay = min(wait.delay * 2, _CAP) if wait is not None else _BASE
            self._waits[uid(pod), name] = _Wait(delay, self._clock.monotonic() + delay, failure.message)
            text = f'Failed to pull image "{name}": {failure.message}'
            self._events.event(pod, WARNING, "Failed", text, field_path=step.field_path)
            # the next look shows the back-off, so it comes soon
            raise ImageError("ErrImagePull", failure.message, min(delay, 3.0)) from failure
        self._waits.pop((uid(pod), name), None)
        took = f"{self._clock.monotonic() - now:.3g}s"
        message = (
            f'Successfully pulled image "{name}" in {took} ({took} including waiting). Image size: {found.size} bytes.'
        )
        self._events.event(pod, NORMAL, "Pulled", message, field_path=step.field_path)
        return found

    async def _pull(self, pod: Obj, name: str, sandbox: SandboxConfig) -> str:
        """Pull with each sign-in that fits the registry in turn, or without any."""
        failure: RuntimeFailure | None = None
        for auth in await self._sign_ins(pod, name) or [None]:
            try:
                return await self._runtime.pull_image(name, auth, sandbox)
            except RuntimeFailure as error:
                failure = error
        assert failure is not None
        raise failure

    async def _sign_ins(self, pod: Obj, name: str) -> list[Auth | None]:
        found: list[Auth | None] = []
        for reference in pod["spec"].get("imagePullSecrets") or ():
            secret = await self._objects.get("secret", pod["metadata"]["namespace"], reference.get("name", ""))
            if secret is None:
                missing = reference.get("name", "")
                text = f"Unable to retrieve some image pull secrets ({missing}); attempting to pull the image may not succeed."
                self._events.event(pod, WARNING, "FailedToRetrieveImagePullSecret", text)
            else:
                found += sign_ins(secret.get("data") or {}, name)
        return found

    def forget(self, pod_uid: str) -> None:
        """Forget a pod's back-offs."""
        self._waits = {key: wait for key, wait in self._waits.items() if key[0] != pod_uid}


def default_policy(image: str) -> str:
    """Return the pull policy of an image whose container names none: Always for `latest`, else IfNotPresent."""
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2] if "@" not in image else "digest"
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def registry(image: str) -> str:
    """Return the registry that an image's name leads to."""
    first = image.partition("/")[0]
    return first if "/" in image and ("." in first or ":" in first or first == "localhost") else "docker.io"


def sign_ins(data: Mapping[str, str], image: str) -> list[Auth]:
    """Return the sign-ins of a pull secret's data that fit the image's registry, the most particular first."""
    text = data.get(".dockerconfigjson") or data.get(".dockercfg")
    if not text:
        return []
    try:
        config = orjson.loads(base64.b64decode(text))
    except ValueError:
        return []
    entries: Obj = config.get("auths", {}) if ".dockerconfigjson" in data else config
    host = registry(image)
    full = image if image.startswith(f"{host}/") else f"{host}/{image}"
    fitting = sorted((server for server in entries if _fits(server, host, full)), key=len, reverse=True)
    return [_auth(server, entries[server]) for server in fitting]


def _fits(server: str, host: str, full: str) -> bool:
    place = server.removeprefix("https://").removeprefix("http://").removesuffix("/")
    if host == "docker.io" and place.split("/")[0] in ("index.docker.io", "docker.io", "registry-1.docker.io"):
        return True
    name, _, path = place.partition("/")
    if path in ("v1", "v2"):
        path = ""
    pattern = re.escape(name).replace(r"\*", "[^.]*")
    return bool(re.fullmatch(pattern, host)) and (not path or full.startswith(f"{host}/{path}"))


def _auth(server: str, entry: Obj) -> Auth:
    username, password = entry.get("username", ""), entry.get("password", "")
    if not username and entry.get("auth"):
        username, _, password = base64.b64decode(entry["auth"]).decode(errors="replace").partition(":")
    return Auth(username, password, server=server, identity_token=entry.get("identitytoken", ""))
