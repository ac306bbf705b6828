"""Checks of probes and life-cycle handlers. Called by the container checks; paths and wording are upstream's."""

from __future__ import annotations

from typing import Any

from kubern.api import field, names
from kubern.base.errors import Cause
from kubern.base.json import Obj

_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")


def check_probes(container: Obj, path: str, grace: int) -> list[Cause]:
    """Return what is wrong with a container's three probes; `grace` is the pod's grace period in seconds."""
    causes: list[Cause] = []
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind)
        if probe is None:
            continue
        here = f"{path}.{kind}"
        causes += _check_probe(probe, here, grace)
        if kind == "readinessProbe":
            seconds = probe.get("terminationGracePeriodSeconds")
            if seconds is not None:
                message = "must not be set for readinessProbes"
                causes.append(field.invalid(f"{here}.terminationGracePeriodSeconds", seconds, message))
        elif (probe.get("successThreshold") or 0) != 1:
            causes.append(field.invalid(f"{here}.successThreshold", probe.get("successThreshold") or 0, "must be 1"))
    return causes


def check_lifecycle(lifecycle: Obj | None, path: str, grace: int) -> list[Cause]:
    """Return what is wrong with a container's life-cycle handlers."""
    causes: list[Cause] = []
    for hook in ("postStart", "preStop"):
        if (lifecycle or {}).get(hook) is not None:
            causes += _check_handler((lifecycle or {})[hook], f"{path}.{hook}", grace)
    return causes


def port_or_name(port: Any, path: str) -> list[Cause]:
    """Return what is wrong with a port that is given as a number or a port's name."""
    if isinstance(port, str):
        return [field.invalid(path, port, message) for message in names.port_name(port)]
    number = port or 0
    return [field.invalid(path, number, message) for message in names.port_number(number)]


def _check_probe(probe: Obj, path: str, grace: int) -> list[Cause]:
    causes = _check_handler(probe, path, grace)
    for name in _NUMBERS:
        if (probe.get(name) or 0) < 0:
            causes.append(field.invalid(f"{path}.{name}", probe[name], "must be greater than or equal to 0"))
    seconds = probe.get("terminationGracePeriodSeconds")
    if seconds is not None and seconds <= 0:
        causes.append(field.invalid(f"{path}.terminationGracePeriodSeconds", seconds, "must be greater than 0"))
    return causes


def _check_handler(handler: Obj, path: str, grace: int) -> list[Cause]:
    causes: list[Cause] = []
    given = [kind for kind in _HANDLERS if handler.get(kind) is not None]
    if not given:
        return [field.required(path, "must specify a handler type")]
    causes += _CHECKS[given[0]](handler[given[0]], f"{path}.{given[0]}", grace)
    for kind in given[1:]:
        causes.append(field.forbidden(f"{path}.{kind}", "may not specify more than 1 handler type"))
    return causes


def _check_exec(action: Obj, path: str, grace: int) -> list[Cause]:
    return [] if action.get("command") else [field.required(f"{path}.command")]


def _check_http(action: Obj, path: str, grace: int) -> list[Cause]:
    causes: list[Cause] = []
    if not action.get("path"):
        causes.append(field.required(f"{path}.path"))
    causes += port_or_name(action.get("port"), f"{path}.port")
    if action.get("scheme") not in ("HTTP", "HTTPS"):
        causes.append(field.not_supported(f"{path}.scheme", action.get("scheme") or "", ["HTTP", "HTTPS"]))
    for header in action.get("httpHeaders") or ():
        name = header.get("name") or ""
        causes += [field.invalid(f"{path}.httpHeaders", name, message) for message in names.http_header_name(name)]
    return causes


def _check_tcp(action: Obj, path: str, grace: int) -> list[Cause]:
    return port_or_name(action.get("port"), f"{path}.port")


def _check_sleep(action: Obj, path: str, grace: int) -> list[Cause]:
    seconds = action.get("seconds") or 0
    if 0 <= seconds <= grace:
        return []
    return [field.invalid(path, seconds, f"must be non-negative and less than terminationGracePeriodSeconds ({grace})")]


_CHECKS = {
    "exec": _check_exec,
    "httpGet": _check_http,
    "tcpSocket": _check_tcp,
    "grpc": _check_tcp,
    "sleep": _check_sleep,
}
