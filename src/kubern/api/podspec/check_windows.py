"""Checks of `windowsOptions`, for pods that run on Windows nodes. Called by the pod checks; wording is upstream's.

Source: the documentation "Configure RunAsUserName", "Configure GMSA" and "HostProcess Pods".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubern.api import field, names
from kubern.base.errors import Cause
from kubern.base.json import Obj

_LISTS = ("initContainers", "containers", "ephemeralContainers")
_SPEC_KIB, _DOMAIN, _USER = 64, 256, 104
_NETBIOS = re.compile(r'[^*\\/:?"<>|.][^*\\/:?"<>|]{0,14}')
_DNS = re.compile(r"[a-zA-Z0-9.][a-zA-Z0-9.\-]{0,254}")
_NOT_IN_USERS = re.compile(r'["/:;|=,+*?<>@\[\]]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_host_process(spec: Obj, path: str) -> list[Cause]:
    """Return what is wrong with which of a pod's containers are processes of their host."""
    containers = [
        (_options(container), f"{path}.{kind}[{i}]")
        for kind in _LISTS
        for i, container in enumerate(spec.get(kind) or ())
    ]
    return list(_check_host_process(spec, _options(spec), containers, path))


def _options(holder: Obj) -> Obj:
    found: Obj = (holder.get("securityContext") or {}).get("windowsOptions") or {}
    return found


def check_windows_options(options: Obj, path: str) -> list[Cause]:
    """Return what is wrong with the options for Windows of a pod or a container."""
    causes: list[Cause] = []
    name = options.get("gmsaCredentialSpecName")
    if name is not None:
        here = f"{path}.gmsaCredentialSpecName"
        causes += [field.invalid(here, name, message) for message in names.dns1123_subdomain(name)]
    content = options.get("gmsaCredentialSpec")
    if content is not None:
        problem = "" if content else "gmsaCredentialSpec cannot be an empty string"
        if len(content.encode()) > _SPEC_KIB * 1024:
            problem = f"gmsaCredentialSpec size must be under {_SPEC_KIB} KiB"
        causes += [field.invalid(f"{path}.gmsaCredentialSpec", content, problem)] if problem else []
    user = options.get("runAsUserName")
    if user is not None:
        causes += [field.invalid(f"{path}.runAsUserName", user, problem) for problem in _user_problems(user)]
    return causes


def _user_problems(value: str) -> Iterator[str]:
    """Yield what is wrong with `[DOMAIN\\]USER`."""
    if not value:
        yield "runAsUserName cannot be an empty string"
        return
    if _CONTROL.search(value):
        yield "runAsUserName cannot contain control characters"
        return
    parts = value.split("\\")
    if len(parts) > 2:
        yield "runAsUserName cannot contain more than one backslash"
        return
    if len(parts) == 2:
        if len(parts[0]) >= _DOMAIN:
            yield f"runAsUserName's Domain length must be under {_DOMAIN} characters"
        if not (_NETBIOS.fullmatch(parts[0]) or _DNS.fullmatch(parts[0])):
            yield "runAsUserName's Domain doesn't match the NetBios nor the DNS format"
    user = parts[-1]
    if not user:
        yield "runAsUserName's User cannot be empty"
    elif len(user) > _USER:
        yield f"runAsUserName's User length must not be longer than {_USER} characters"
    if user and not user.strip(". "):
        yield "runAsUserName's User cannot contain only periods or spaces"
    if _NOT_IN_USERS.search(user):
        yield "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"


def _check_host_process(spec: Obj, own: Obj, containers: list[tuple[Obj, str]], path: str) -> Iterator[Cause]:
    """All containers are processes of the host or none is; one that is needs the host's network."""
    pod = own.get("hostProcess")
    counts = []
    for options, here in containers:
        container = options.get("hostProcess")
        if pod is not None and container is not None and pod != container:
            message = f"pod hostProcess value must be identical if both are specified, was {str(pod).lower()}"
            yield field.invalid(f"{here}.securityContext.windowsOptions.hostProcess", container, message)
        counts.append(bool(pod if container is None else container))
    if not any(counts):
        return
    if not all(counts):
        yield field.invalid(
            path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        )
    if not spec.get("hostNetwork"):
        message = "hostNetwork must be true if pod contains any hostProcess containers"
        yield field.invalid(f"{path}.hostNetwork", False, message)
