"""Checks of the annotations of a pod or template that mean something to a node. Called by the pod checks; wording is upstream's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubern.api import field
from kubern.api.podspec.containers import all_containers
from kubern.api.podspec.paths import descending_path
from kubern.api.podspec.update import MIRROR
from kubern.base.errors import Cause
from kubern.base.json import Obj

_COST = "controller.kubernetes.io/pod-deletion-cost"
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
_SECCOMP = ("runtime/default", "docker/default", "unconfined")
_LOCAL = "localhost/"
_NUMBER = re.compile(r"0|-?[1-9][0-9]*")
_MOST = 1 << 31


def check_pod_annotations(annotations: dict[str, str] | None, spec: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a pod's annotations at `path` (`metadata.annotations`)."""
    return [cause for key, value in (annotations or {}).items() for cause in _check(key, value, spec, f"{path}[{key}]")]


def check_kept_annotations(new: Obj, old: Obj) -> list[Cause]:
    """Return a cause for each annotation that an update adds, takes away or changes though it is fixed."""
    now, before = (obj["metadata"].get("annotations") or {} for obj in (new, old))
    return [
        cause
        for key in [*before, *(key for key in now if key not in before)]
        if now.get(key) != before.get(key)
        for cause in _check_fixed(key, key in before)
    ]


def _check_fixed(key: str, known: bool) -> Iterator[Cause]:
    verb = "remove or update" if known else "add"
    if key.startswith(_APP_ARMOR):
        yield field.forbidden(f"metadata.annotations[{key}]", f"may not {verb} AppArmor annotations")
    if key == MIRROR:
        yield field.forbidden(f"metadata.annotations[{key}]", f"may not {verb} mirror pod annotation")


def _check(key: str, value: str, spec: Obj, path: str) -> list[Cause]:
    if key == MIRROR and not spec.get("nodeName"):
        return [field.invalid(path, value, "must set spec.nodeName if mirror pod annotation is set")]
    if key == _COST and not (_NUMBER.fullmatch(value) and -_MOST <= int(value) < _MOST):
        return [field.invalid(path, value, "must be a 32bit integer")]
    if key == _SECCOMP_POD or key.startswith(_SECCOMP_CONTAINER):
        return _check_seccomp(value, f"{path.partition('[')[0]}.{key}")  # as upstream says it
    return _check_app_armor(key.removeprefix(_APP_ARMOR), value, spec, path) if key.startswith(_APP_ARMOR) else []


def _check_seccomp(profile: str, path: str) -> list[Cause]:
    if profile.startswith(_LOCAL):
        return descending_path(profile.removeprefix(_LOCAL), path)
    return [] if profile in _SECCOMP else [field.invalid(path, profile, "must be a valid seccomp profile")]


def _check_app_armor(container: str, profile: str, spec: Obj, path: str) -> list[Cause]:
    causes = []
    if container not in {each.get("name") for each in all_containers(spec)}:
        causes.append(field.invalid(path, container, "container not found"))
    if profile not in ("", "runtime/default", "unconfined") and not profile.startswith(_LOCAL):
        causes.append(field.invalid(path, profile, f"invalid AppArmor profile name: {field.quote(profile)}"))
    return causes
