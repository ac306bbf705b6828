"""What may change in a pod after its creation. Called by the Pod resource and by its subresources.

What always holds: a pod's specification is fixed but for images, its deadline (only sooner), added tolerations, and, while
scheduling gates hold it, the gates' removal and a narrower node selection. Wording is upstream's.
"""

from __future__ import annotations

from typing import Any

import orjson

from kubern.api import field
from kubern.base.errors import Cause
from kubern.base.json import Obj

MIRROR = "kubernetes.io/config.mirror"
"""The annotation of a pod that stands for one of a node's own."""
_MAX_INT32 = 2147483647
_MAY_CHANGE = ",".join(
    (
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    )
)
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def copied(obj: Any) -> Any:
    """Return a deep copy of a JSON-shaped value."""
    return orjson.loads(orjson.dumps(obj))


def validate_pod_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what an update through the pod's own path may not do."""
    fresh, stored = new.get("spec") or {}, old.get("spec") or {}
    causes: list[Cause] = []
    for name in ("containers", "initContainers"):
        if len(fresh.get(name) or ()) != len(stored.get(name) or ()):
            causes.append(field.forbidden(f"spec.{name}", "pod updates may not add or remove containers"))
    if causes:
        return causes
    causes += _check_deadline(fresh, stored)
    if causes and fresh.get("activeDeadlineSeconds") is not None:
        return causes
    causes += _check_tolerations(fresh, stored)
    causes += _check_gates(fresh, stored)
    munged = _munged(fresh, stored)
    if stored.get("schedulingGates"):
        causes += _check_narrowing(fresh, stored, munged)
    if munged != stored:
        message = f"pod updates may not change fields other than {_MAY_CHANGE}\n{difference(stored, munged)}"
        causes.append(field.forbidden("spec", message))
    return causes


def _munged(fresh: Obj, stored: Obj) -> Obj:
    """Return the new specification with everything that may change put back as it was."""
    munged: Obj = copied(fresh)
    for name in ("containers", "initContainers"):
        for container, before in zip(munged.get(name) or (), stored.get(name) or (), strict=True):
            _put_back(container, before, "image")
    for name in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        _put_back(munged, stored, name)
    if (stored.get("terminationGracePeriodSeconds") or 0) < 0 and munged.get("terminationGracePeriodSeconds") == 1:
        _put_back(munged, stored, "terminationGracePeriodSeconds")
    return munged


def _put_back(new: Obj, old: Obj, name: str) -> None:
    if name in old:
        new[name] = old[name]
    else:
        new.pop(name, None)


def _check_deadline(fresh: Obj, stored: Obj) -> list[Cause]:
    path = "spec.activeDeadlineSeconds"
    now, before = fresh.get("activeDeadlineSeconds"), stored.get("activeDeadlineSeconds")
    if now is None:
        message = "must not update from a positive integer to nil value"
        return [] if before is None else [field.invalid(path, now, message)]
    if not 0 <= now <= _MAX_INT32:
        return [field.invalid(path, now, f"must be between 0 and {_MAX_INT32}, inclusive")]
    if before is not None and before < now:
        return [field.invalid(path, now, "must be less than or equal to previous value")]
    return []


def _check_tolerations(fresh: Obj, stored: Obj) -> list[Cause]:
    """Tolerations may be added, and the seconds of one that stands may change."""

    def identity(toleration: Obj) -> Obj:
        return {name: value for name, value in toleration.items() if name != "tolerationSeconds"}

    now = [identity(toleration) for toleration in fresh.get("tolerations") or ()]
    if all(identity(toleration) in now for toleration in stored.get("tolerations") or ()):
        return []
    message = "existing toleration can not be modified except its tolerationSeconds"
    return [field.forbidden("spec.tolerations", message)]


def _check_gates(fresh: Obj, stored: Obj) -> list[Cause]:
    before = {gate.get("name") for gate in stored.get("schedulingGates") or ()}
    causes: list[Cause] = []
    for i, gate in enumerate(fresh.get("schedulingGates") or ()):
        if gate.get("name") not in before:
            message = f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'"
            causes.append(field.forbidden(f"spec.schedulingGates[{i}]", message))
    return causes


def _check_narrowing(fresh: Obj, stored: Obj, munged: Obj) -> list[Cause]:
    """Let a gated pod's node selection become narrower; puts what is allowed back into `munged`."""
    causes: list[Cause] = []
    now, before = fresh.get("nodeSelector") or {}, stored.get("nodeSelector") or {}
    if now != before:
        if before.items() <= now.items():
            _put_back(munged, stored, "nodeSelector")
        else:
            message = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            causes.append(field.invalid("spec.nodeSelector", now, message))
            _put_back(munged, stored, "nodeSelector")
    affinity, was = (
        (fresh.get("affinity") or {}).get("nodeAffinity"),
        (stored.get("affinity") or {}).get("nodeAffinity"),
    )
    if affinity != was:
        causes += _check_node_affinity(affinity or {}, was or {})
        wide, kept = dict(munged.get("affinity") or {}), stored.get("affinity")
        _put_back(wide, kept or {}, "nodeAffinity")
        if wide or kept is not None:
            munged["affinity"] = wide
        else:
            munged.pop("affinity", None)
    return causes


def _check_node_affinity(now: Obj, before: Obj) -> list[Cause]:
    path = f"spec.affinity.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
    terms = (now.get(_REQUIRED) or {}).get("nodeSelectorTerms") or []
    old_terms = (before.get(_REQUIRED) or {}).get("nodeSelectorTerms") or []
    if old_terms and len(terms) != len(old_terms):
        message = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        return [field.invalid(path, terms, message)]
    causes: list[Cause] = []
    for i, (term, old) in enumerate(zip(terms, old_terms, strict=False)):
        kept = all(
            (term.get(name) or [])[: len(old.get(name) or ())] == (old.get(name) or [])
            for name in ("matchExpressions", "matchFields")
        )
        if not kept:
            message = "only additions are allowed (no mutations or deletions)"
            causes.append(field.invalid(f"{path}[{i}]", term, message))
    return causes


def difference(before: Any, after: Any, path: str = "") -> str:
    """Return the changed fields, one a line: `- path: old` and `+ path: new`."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        parts = [difference(before.get(n), after.get(n), f"{path}.{n}" if path else n) for n in names]
        return "\n".join(part for part in parts if part)
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        parts = [difference(b, a, f"{path}[{i}]") for i, (b, a) in enumerate(zip(before, after, strict=True))]
        return "\n".join(part for part in parts if part)
    if before == after:
        return ""
    lines = [f"- {path}: {orjson.dumps(before).decode()}"] if before is not None else []
    if after is not None:
        lines.append(f"+ {path}: {orjson.dumps(after).decode()}")
    return "\n".join(lines)


def prepare_ephemeral_update(new: Obj, old: Obj) -> None:
    """Keep of an update through `/ephemeralcontainers` only its ephemeral containers."""
    wanted = (new.get("spec") or {}).get("ephemeralContainers")
    new["spec"] = copied(old.get("spec") or {})
    new["status"] = copied(old.get("status") or {})
    if wanted:
        new["spec"]["ephemeralContainers"] = wanted
    else:
        new["spec"].pop("ephemeralContainers", None)


def validate_ephemeral_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what an update through `/ephemeralcontainers` may not do: change or remove one that stands."""
    if MIRROR in (old["metadata"].get("annotations") or {}):
        return [field.forbidden("", "static pods do not support ephemeral containers")]
    now = {container.get("name"): container for container in new["spec"].get("ephemeralContainers") or ()}
    path = "spec.ephemeralContainers"
    causes: list[Cause] = []
    for container in old["spec"].get("ephemeralContainers") or ():
        name = container.get("name")
        if name not in now:
            message = f"existing ephemeral containers {orjson.dumps(name).decode()} may not be removed\n"
            causes.append(field.forbidden(path, message))
        elif now[name] != container:
            changed = difference(container, now[name])
            message = f"existing ephemeral containers {orjson.dumps(name).decode()} may not be changed\n{changed}"
            causes.append(field.forbidden(path, message))
    return causes
