"""What a probe type is. One file below `probes/` exports one `PROBE`; hooks (postStart, preStop) use the same types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import aiohttp

from kubern.base.json import Obj
from kubern.kubelet.runtime.contract import Runtime


class Outcome(NamedTuple):
    """What a check found. `errored` tells that the check itself could not be made."""

    ok: bool
    message: str = ""
    errored: bool = False


class Target(NamedTuple):
    """One container to be checked, and with what: `handler` is the probe's own part, e.g. the value of `httpGet`."""

    handler: Obj
    container: Obj
    container_id: str
    ip: str
    timeout: float
    runtime: Runtime
    http: aiohttp.ClientSession


class Probe(NamedTuple):
    """A probe type: `field` is its name in a probe or a hook."""

    field: str
    check: Callable[[Target], Awaitable[Outcome]]


def port(target: Target) -> int:
    """Return the handler's port, looked up in the container when it is a name. Raises `LookupError`."""
    value = target.handler.get("port")
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isdigit():
        return int(value)
    for each in target.container.get("ports") or ():
        if each.get("name") == value:
            return int(each["containerPort"])
    raise LookupError(f"couldn't find port: {value}")
