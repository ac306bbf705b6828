"""What the subresource `resize` may change in a pod: how much cpu and memory its containers get. Wording is upstream's."""

from __future__ import annotations

from collections.abc import Iterator

from kubern.api import field
from kubern.api.podspec.containers import is_sidecar
from kubern.api.podspec.qos import qos_class
from kubern.api.podspec.update import MIRROR, copied
from kubern.base.errors import Cause
from kubern.base.json import Obj

_LISTS = ("containers", "initContainers")
_RESIZABLE = ("cpu", "memory")


def prepare_resize_update(new: Obj, old: Obj) -> None:
    """Keep of an update only the resources and resize policies of containers; one that moves containers is left to be refused."""
    wanted, stored = new.get("spec") or {}, old.get("spec") or {}
    kept = copied(stored)
    for name in _LISTS:
        asked, had = wanted.get(name) or [], stored.get(name) or []
        if len(asked) != len(had):
            return
        if any(each.get("name") != before.get("name") for each, before in zip(asked, had, strict=True)):
            kept[name] = asked
            continue
        for container, each in zip(kept.get(name) or (), asked, strict=True):
            for part in ("resources", "resizePolicy"):
                container.pop(part, None)
                if part in each:
                    container[part] = each[part]
    new["spec"], new["status"] = kept, copied(old.get("status") or {})


def validate_resize_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what an update through `/resize` may not do."""
    if MIRROR in (old["metadata"].get("annotations") or {}):
        return [field.forbidden("", "static pods cannot be resized")]
    if (old["spec"].get("os") or {}).get("name") == "windows":
        return [field.forbidden("", "windows pods cannot be resized")]
    causes: list[Cause] = []
    if qos_class(new["spec"]) != qos_class(old["spec"]):
        message = "Pod QOS Class may not change as a result of resizing"
        causes.append(field.invalid("spec", (new.get("status") or {}).get("qosClass") or "", message))
    moved = list(_check_moved(new["spec"], old["spec"]))
    return causes + (moved or list(_check_resources(new["spec"], old["spec"])))


def _check_moved(fresh: Obj, stored: Obj) -> Iterator[Cause]:
    for kind in _LISTS:
        now, before = fresh.get(kind) or [], stored.get(kind) or []
        if len(now) != len(before):
            yield field.forbidden(f"spec.{kind}", f"{_words(kind)} may not be added or removed on resize")
            continue
        for i, (one, other) in enumerate(zip(now, before, strict=True)):
            if one.get("name") != other.get("name"):
                message = f"{_words(kind)} may not be renamed or reordered on resize"
                yield field.forbidden(f"spec.{kind}[{i}].name", message)


def _words(kind: str) -> str:
    return "initContainers" if kind == "initContainers" else "containers"


def _check_resources(fresh: Obj, stored: Obj) -> Iterator[Cause]:
    for kind in _LISTS:
        for i, (now, before) in enumerate(zip(fresh.get(kind) or (), stored.get(kind) or (), strict=True)):
            resizable = kind == "containers" or is_sidecar(before)
            if not resizable and (now.get("resources") or {}) != (before.get("resources") or {}):
                yield field.forbidden("spec", "resources for non-sidecar init containers are immutable")
            elif _others(now) != _others(before):
                what = "cpu and memory resources" + (" for sidecar containers" if kind != "containers" else "")
                yield field.forbidden("spec", f"only {what} are mutable")
            if resizable:
                yield from _check_removed(now, before, f"spec.{kind}[{i}].resources")


def _check_removed(now: Obj, before: Obj, path: str) -> Iterator[Cause]:
    for part in ("requests", "limits"):
        had, has = (before.get("resources") or {}).get(part) or {}, (now.get("resources") or {}).get(part) or {}
        if any(name in had and name not in has for name in _RESIZABLE):
            yield field.forbidden(f"{path}.{part}", f"resource {part} cannot be removed")


def _others(container: Obj) -> Obj:
    resources = container.get("resources") or {}
    return {
        part: {name: value for name, value in (resources.get(part) or {}).items() if name not in _RESIZABLE}
        for part in ("limits", "requests")
    } | {"claims": resources.get("claims") or []}
