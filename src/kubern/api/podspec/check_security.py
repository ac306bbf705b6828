"""Checks of security contexts, of containers and of the pod. Called by the pod checks; wording is upstream's."""

from __future__ import annotations

import re

from kubern.api import field
from kubern.api.podspec.check_windows import check_windows_options
from kubern.api.podspec.paths import descending_path
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_ID = 2147483647
_SYSCTL = re.compile(r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$")
_SYSCTL_LIMIT = 253
_IPC = ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
_MAX_PROFILE = 4095
_PROFILES = ["Localhost", "RuntimeDefault", "Unconfined"]
_ESCALATION = "cannot set `allowPrivilegeEscalation` to false and "


def check_container_security(context: Obj | None, path: str, host_users: bool = True) -> list[Cause]:
    """Return what is wrong with a container's `securityContext`; `host_users`: the pod shares the node's users."""
    if not context:
        return []
    causes = _check_ids(context, path, ("runAsUser", "runAsGroup"))
    proc = context.get("procMount")
    if proc is not None and proc not in ("Default", "Unmasked"):
        causes.append(field.not_supported(f"{path}.procMount", proc, ["Default", "Unmasked"]))
    if proc == "Unmasked" and host_users:
        causes.append(field.invalid(f"{path}.procMount", proc, "`hostUsers` must be false to use `Unmasked`"))
    causes += _check_seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            causes.append(field.invalid(path, context, _ESCALATION + "`privileged` to true"))
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            causes.append(field.invalid(path, context, _ESCALATION + "`capabilities.Add` CAP_SYS_ADMIN"))
    causes += check_windows_options(context.get("windowsOptions") or {}, f"{path}.windowsOptions")
    return causes + _check_app_armor(context.get("appArmorProfile"), f"{path}.appArmorProfile")


def check_pod_security(spec: Obj, path: str) -> list[Cause]:
    """Return what is wrong with the pod's `securityContext` and its sharing of namespaces."""
    context, here = spec.get("securityContext") or {}, f"{path}.securityContext"
    causes = _check_ids(context, here, ("fsGroup", "runAsUser", "runAsGroup"))
    for i, group in enumerate(context.get("supplementalGroups") or ()):
        causes += _check_id(group, f"{here}.supplementalGroups[{i}]")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        message = "ShareProcessNamespace and HostPID cannot both be enabled"  # upstream keeps the two in the context
        causes.append(field.invalid(f"{here}.shareProcessNamespace", True, message))
    causes += _check_sysctls(context.get("sysctls") or [], spec, f"{here}.sysctls")
    causes += _check_policy(context, "fsGroupChangePolicy", ["Always", "OnRootMismatch"], here)
    causes += _check_seccomp(context.get("seccompProfile"), f"{here}.seccompProfile")
    causes += check_windows_options(context.get("windowsOptions") or {}, f"{here}.windowsOptions")
    causes += _check_app_armor(context.get("appArmorProfile"), f"{here}.appArmorProfile")
    causes += _check_policy(context, "supplementalGroupsPolicy", ["Merge", "Strict"], here)
    return causes + _check_policy(context, "seLinuxChangePolicy", ["MountOption", "Recursive"], here)


def _check_policy(context: Obj, name: str, supported: list[str], path: str) -> list[Cause]:
    value = context.get(name)
    return [] if value is None or value in supported else [field.not_supported(f"{path}.{name}", value, supported)]


def _check_ids(context: Obj, path: str, fields: tuple[str, ...]) -> list[Cause]:
    return [cause for name in fields for cause in _check_id(context.get(name), f"{path}.{name}")]


def _check_id(value: int | None, path: str) -> list[Cause]:
    if value is None or 0 <= value <= _MAX_ID:
        return []
    return [field.invalid(path, value, f"must be between 0 and {_MAX_ID}, inclusive")]


def _check_seccomp(profile: Obj | None, path: str) -> list[Cause]:
    if profile is None:
        return []
    here, local = f"{path}.localhostProfile", profile.get("localhostProfile")
    causes = _check_profile_type(profile, path, "seccompProfile")
    if profile.get("type") != "Localhost":
        if local is not None:
            causes.append(field.invalid(here, local, "can only be set when seccomp type is Localhost"))
        return causes
    if local is None:
        return [*causes, field.required(here, "must be set when seccomp type is Localhost")]
    return causes + descending_path(local, here)


def _check_app_armor(profile: Obj | None, path: str) -> list[Cause]:
    if profile is None:
        return []
    here, kind, local = f"{path}.localhostProfile", profile.get("type"), profile.get("localhostProfile")
    if kind in ("RuntimeDefault", "Unconfined") and local is not None:
        return [field.invalid(here, local, "can only be set when AppArmor type is Localhost")]
    if kind != "Localhost":
        return _check_profile_type(profile, path, "appArmorProfile")
    return _check_local_profile(local, here) if local else [
        field.required(here, "must be set when AppArmor type is Localhost")
    ]  # fmt: skip


def _check_profile_type(profile: Obj, path: str, name: str) -> list[Cause]:
    kind = profile.get("type") or ""
    if not kind:
        return [field.required(f"{path}.type", f"type is required when {name} is set")]
    return [] if kind in _PROFILES else [field.not_supported(f"{path}.type", kind, _PROFILES)]


def _check_local_profile(profile: str, path: str) -> list[Cause]:
    causes = []
    if profile.strip() != profile:
        causes.append(field.invalid(path, profile, "must not be padded with whitespace"))
    return causes + ([field.too_long(path, _MAX_PROFILE)] if len(profile.encode()) > _MAX_PROFILE else [])


def _shared(name: str, spec: Obj) -> str:
    """Return the namespace of a kernel parameter that the pod has from its node, or nothing."""
    name = name.replace("/", ".")
    if spec.get("hostNetwork") and name.startswith("net."):
        return "hostNetwork"
    return "hostIPC" if spec.get("hostIPC") and name.startswith(_IPC) else ""


def _check_sysctls(sysctls: list[Obj], spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    taken: set[str] = set()
    for i, sysctl in enumerate(sysctls):
        name, here = sysctl.get("name") or "", f"{path}[{i}].name"
        if not name:
            causes.append(field.required(here))
        elif len(name) > _SYSCTL_LIMIT or not _SYSCTL.match(name):
            message = f"must have at most {_SYSCTL_LIMIT} characters and match regex {_SYSCTL.pattern}"
            causes.append(field.invalid(here, name, message))
        elif name.replace("/", ".") in taken:
            causes.append(field.duplicate(here, name))
        shared = _shared(name, spec)
        if shared:
            causes.append(field.invalid(here, name, f"may not be specified when '{shared}' is true"))
        taken.add(name.replace("/", "."))
    return causes
