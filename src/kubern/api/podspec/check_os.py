"""Checks of what a pod may not ask of the operating system that it names. Called by the pod checks; wording is upstream's."""

from __future__ import annotations

from collections.abc import Iterator

from kubern.api import field
from kubern.api.rules.values import at
from kubern.base.errors import Cause
from kubern.base.json import Obj

_LISTS = ("initContainers", "containers", "ephemeralContainers")
# in upstream's order: what the security context holds, and what the pod itself says
_NO_POD_ON_WINDOWS = (
    "securityContext.appArmorProfile", "securityContext.seLinuxOptions", "hostUsers", "hostPID", "hostIPC",
    "securityContext.seccompProfile", "securityContext.fsGroup", "securityContext.fsGroupChangePolicy",
    "securityContext.sysctls", "shareProcessNamespace", "securityContext.runAsUser", "securityContext.runAsGroup",
    "securityContext.supplementalGroups", "securityContext.supplementalGroupsPolicy",
    "securityContext.seLinuxChangePolicy", "resources",
)  # fmt: skip
_IF_TRUE = ("hostPID", "hostIPC")
_NO_CONTAINER_ON_WINDOWS = (
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged",
    "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup",
)  # fmt: skip
_NOT_WINDOWS, _NOT_LINUX = "cannot be set for a windows pod", "windows options cannot be set for a linux pod"


def check_os(spec: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a pod specification for its `os`; nothing for one that names none."""
    name = (spec.get("os") or {}).get("name")
    if name == "windows":
        return list(_on_windows(spec, path))
    return list(_on_linux(spec, path)) if name == "linux" else []


def _contexts(spec: Obj, path: str) -> Iterator[tuple[Obj, str]]:
    for kind in _LISTS:
        for i, container in enumerate(spec.get(kind) or ()):
            if container.get("securityContext"):
                yield container["securityContext"], f"{path}.{kind}[{i}].securityContext"


def _on_windows(spec: Obj, path: str) -> Iterator[Cause]:
    for name in _NO_POD_ON_WINDOWS:
        value = at(spec, name)
        if value if name in _IF_TRUE else value is not None:
            yield field.forbidden(f"{path}.{name}", _NOT_WINDOWS)
    for own, here in _contexts(spec, path):
        for name in _NO_CONTAINER_ON_WINDOWS:
            if own.get(name) is not None:
                yield field.forbidden(f"{here}.{name}", _NOT_WINDOWS)


def _on_linux(spec: Obj, path: str) -> Iterator[Cause]:
    if (spec.get("securityContext") or {}).get("windowsOptions") is not None:
        yield field.forbidden(f"{path}.securityContext.windowsOptions", _NOT_LINUX)
    for own, here in _contexts(spec, path):
        if own.get("windowsOptions") is not None:
            yield field.forbidden(f"{here}.windowsOptions", _NOT_LINUX)
