"""`/statusz` and `/flagz`: what this server is and how it was started, as text or as upstream's structured answer.

What always holds: settings are shown as they are; a file's contents, a key or a token is never among them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubern.apiserver.answers import object_response, text_response
from kubern.apiserver.core import Core
from kubern.apiserver.health import VERSION
from kubern.apiserver.pipeline import Routes
from kubern.apiserver.request_info import RequestInfo
from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.http.contract import Answer, Request

NAME = "kube-apiserver"
_WARNING = (
    "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for "
    "debugging purposes only."
)
_FLAGS = {"service-account-key-files": "service-account-key-file"}
_PARTS = {"oidc": "oidc", "request-header": "requestheader"}
_ASKED = re.compile(r"application/json;(?=.*\bg=config\.k8s\.io\b)(?=.*\bv=(v1alpha1|v1beta1)\b)(?=.*\bas=(\w+)\b)")


class ZPages:
    """The two pages."""

    def __init__(self, core: Core, routes: Routes) -> None:
        self._core, self._routes = core, routes
        self._started, self._begun = core.clock.now(), core.clock.monotonic()

    def install(self) -> None:
        """Serve the pages."""
        self._routes.add("/statusz", self._statusz)
        self._routes.add("/flagz", self._flagz)

    def _statusz(self, request: Request, info: RequestInfo) -> Answer:
        up = int(self._core.clock.monotonic() - self._begun)
        version = f"{VERSION['major']}.{VERSION['minor']}"
        paths = self._routes.paths()
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
        return _page(request, "Statusz", structured, lines)

    def _flagz(self, request: Request, info: RequestInfo) -> Answer:
        flags = dict(sorted(flags_of(self._core.config)))
        return _page(request, "Flagz", {"flags": flags}, tuple(f"{name}={value}" for name, value in flags.items()))


def _page(request: Request, kind: str, structured: Obj, lines: tuple[str, ...]) -> Answer:
    accept = request.headers.get("accept", "") or "*/*"
    asked = _ASKED.search(accept.replace(" ", ""))
    if asked and asked[2] == kind:
        head = {"kind": kind, "apiVersion": f"config.k8s.io/{asked[1]}", "metadata": {"name": NAME}}
        return object_response(200, head | structured)
    if not any(kind in accept for kind in ("*/*", "text/*", "text/plain")):
        return text_response(
            406, "the server serves text/plain, and application/json as v1alpha1 or v1beta1 of config.k8s.io\n"
        )
    return text_response(200, "\n".join(["", f"{NAME} {kind.lower()}", _WARNING, "", *lines, ""]))


def flags_of(config: object) -> Iterator[tuple[str, str]]:
    """Yield every setting by its flag's name, without the dashes before it."""
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        name, value = field.name.replace("_", "-"), getattr(config, field.name)
        if name in _PARTS:
            if value is not None:
                yield from _part(_PARTS[name], value)
            continue
        yield _FLAGS.get(name, name), shown(value)


def _part(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    parts = (
        value._asdict()
        if hasattr(value, "_asdict")
        else {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    )
    for name, part in parts.items():
        yield f"{prefix}-{name.replace('_', '-')}", shown(part)


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
