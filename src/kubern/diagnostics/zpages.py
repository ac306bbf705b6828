"""`/statusz` and `/flagz`: what a program is and how it was started, as text or as upstream's structured answer.

Served by the apiserver and by the ports of the other programs. What always holds: settings are shown as they are; a file's contents, a
key or a token is never among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from kubern.base.clock import Clock, rfc3339
from kubern.base.json import Obj
from kubern.base.version import VERSION
from kubern.http.answers import JSON_HEADERS, text_response
from kubern.http.contract import Answer, Request, Response

_WARNING = (
    "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for "
    "debugging purposes only."
)
_ASKED = re.compile(r"application/json;(?=.*\bg=config\.k8s\.io\b)(?=.*\bv=(v1alpha1|v1beta1)\b)(?=.*\bas=(\w+)\b)")


class ZPages:
    """The two pages of the program `name`; `paths` are what it serves, `flags` its settings by their flags' names."""

    def __init__(
        self, name: str, clock: Clock, paths: Callable[[], list[str]], flags: Callable[[], Mapping[str, str]]
    ) -> None:
        self._name, self._clock, self._paths, self._flags = name, clock, paths, flags
        self._started, self._begun = clock.now(), clock.monotonic()

    def statusz(self, request: Request) -> Answer:
        """Answer `/statusz`."""
        up = int(self._clock.monotonic() - self._begun)
        version = f"{VERSION['major']}.{VERSION['minor']}"
        paths = self._paths()
        structured: Obj = {
            "startTime": rfc3339(self._started), "uptimeSeconds": up, "goVersion": VERSION["goVersion"],
            "binaryVersion": VERSION["gitVersion"].lstrip("v"), "emulationVersion": version, "paths": paths,
        }  # fmt: skip
        lines = (
            f"Started: {self._started:%a %b %e %H:%M:%S} UTC {self._started:%Y}",
            f"Up: {up // 3600} hr {up // 60 % 60:02d} min {up % 60:02d} sec",
            f"Binary version: {VERSION['gitVersion'].lstrip('v')}",
            f"Emulation version: {version}",
            f"Paths: {' '.join(paths)}",
        )
        return self._page(request, "Statusz", structured, lines)

    def flagz(self, request: Request) -> Answer:
        """Answer `/flagz`."""
        flags = dict(sorted(self._flags().items()))
        return self._page(request, "Flagz", {"flags": flags}, tuple(f"{name}={value}" for name, value in flags.items()))

    def _page(self, request: Request, kind: str, structured: Obj, lines: tuple[str, ...]) -> Answer:
        accept = request.headers.get("accept", "") or "*/*"
        asked = _ASKED.search(accept.replace(" ", ""))
        if asked and asked[2] == kind:
            head = {"kind": kind, "apiVersion": f"config.k8s.io/{asked[1]}", "metadata": {"name": self._name}}
            return Response(200, JSON_HEADERS, orjson.dumps(head | structured), True)
        if not any(each in accept for each in ("*/*", "text/*", "text/plain")):
            return text_response(
                406, "the server serves text/plain, and application/json as v1alpha1 or v1beta1 of config.k8s.io\n"
            )
        return text_response(200, "\n".join(["", f"{self._name} {kind.lower()}", _WARNING, "", *lines, ""]))


def shown(value: Any) -> str:
    """Return a setting as a flag has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ",".join(f"{key}={shown(each)}" for key, each in value.items())
    if isinstance(value, (tuple, list)) and len(value) == 2 and all(type(each) is int for each in value):
        return f"{value[0]}-{value[1]}"
    if isinstance(value, (tuple, list, frozenset)):
        return ",".join(sorted(map(shown, value)) if isinstance(value, frozenset) else map(shown, value))
    return str(value) if isinstance(value, (int, str, Path)) else f"{value:g}s"
