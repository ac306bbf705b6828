"""Checks that a new pod's older annotations of seccomp and AppArmor say what its fields say. Called by the Pod resource.

Wording is upstream's.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubern.api import field
from kubern.base.errors import Cause
from kubern.base.json import Obj

_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP, _APP_ARMOR = (
    "container.seccomp.security.alpha.kubernetes.io/",
    "container.apparmor.security.beta.kubernetes.io/",
)
_DEFAULTS = {"seccomp": ("runtime/default", "docker/default"), "apparmor": ("runtime/default",)}
_LISTS = ("initContainers", "containers", "ephemeralContainers")
_LOCAL = "localhost/"


def check_profiles(annotations: dict[str, str] | None, spec: Obj, path: str) -> list[Cause]:
    """Return a cause for each profile that an annotation gives otherwise than its field does; `path` is the spec's."""
    return list(_check(annotations, spec, path)) if annotations else []


def _check(annotations: dict[str, str], spec: Obj, path: str) -> Iterator[Cause]:
    own = spec.get("securityContext") or {}
    here = f"{path}.securityContext.seccompProfile"
    yield from _matches(annotations.get(_SECCOMP_POD), own.get("seccompProfile"), here, "seccomp")
    for name, context, place in _contexts(spec, path):
        here = f"{place}.seccompProfile"
        yield from _matches(annotations.get(_SECCOMP + name), context.get("seccompProfile"), here, "seccomp")
    if (spec.get("os") or {}).get("name") == "windows":
        return
    for name, context, place in _contexts(spec, path):
        profile = context.get("appArmorProfile") or own.get("appArmorProfile")
        yield from _matches(annotations.get(_APP_ARMOR + name), profile, f"{place}.appArmorProfile", "apparmor")


def _contexts(spec: Obj, path: str) -> Iterator[tuple[str, Obj, str]]:
    for kind in _LISTS:
        for i, container in enumerate(spec.get(kind) or ()):
            yield (
                container.get("name") or "",
                container.get("securityContext") or {},
                f"{path}.{kind}[{i}].securityContext",
            )


def _matches(annotation: str | None, profile: Obj | None, path: str, word: str) -> Iterator[Cause]:
    if annotation is None or profile is None:
        return
    kind = profile.get("type")
    if kind == "Localhost" and annotation.startswith(_LOCAL):
        if annotation.removeprefix(_LOCAL) != profile.get("localhostProfile"):
            yield field.forbidden(f"{path}.localhostProfile", f"{word} profile in annotation and field must match")
        return
    fits = {"Unconfined": ("unconfined",), "RuntimeDefault": _DEFAULTS[word], "Localhost": ()}.get(kind or "")
    if fits is not None and annotation not in fits:
        yield field.forbidden(f"{path}.type", f"{word} type in annotation and field must match")
