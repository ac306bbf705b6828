"""Priority: a pod's priority is the number that its PriorityClass stands for."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes
from kubern.base.errors import Forbidden
from kubern.base.json import Obj

GROUP = "scheduling.k8s.io"
DEFAULT_POLICY = "PreemptLowerPriority"


def resolve(attributes: Attributes) -> None:
    """Fill in spec.priority and spec.preemptionPolicy. Raises `Forbidden` for an unknown class or a number of the pod's own."""
    obj = attributes.obj or {}
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return
    if attributes.operation == "UPDATE":
        old = (attributes.old or {}).get("spec") or {}
        for key in ("priority", "preemptionPolicy"):
            if key not in spec and key in old:
                spec[key] = old[key]
        return
    found = _class_of(attributes, spec.get("priorityClassName") or "")
    priority = found["value"] if found else 0
    policy = (found or {}).get("preemptionPolicy") or DEFAULT_POLICY
    if found:
        spec["priorityClassName"] = found["metadata"]["name"]
    for key, called, computed in (
        ("priority", "integer value of priority", priority),
        ("preemptionPolicy", "string value of PreemptionPolicy", policy),
    ):
        if spec.get(key) not in (None, computed):
            raise _forbidden(
                attributes,
                f"the {called} ({spec[key]}) must not be provided in pod spec; "
                f"priority admission controller computed {computed} from the given PriorityClass name",
            )
    spec["priority"], spec["preemptionPolicy"] = priority, policy


def _class_of(attributes: Attributes, name: str) -> Obj | None:
    """Return the class named, or the global default when none is named."""
    storage = attributes.core.storage_of("priorityclasses", GROUP)
    if name:
        entry = storage.find("", name)
        if entry is None:
            raise _forbidden(attributes, f"no PriorityClass with name {name} was found")
        return entry.obj()
    defaults = [e.obj() for e in storage.cache.entries.values() if b'"globalDefault":true' in e.item]
    return min(defaults, key=lambda obj: int(obj["value"]), default=None)


def _forbidden(attributes: Attributes, text: str) -> Forbidden:
    message = f'pods "{attributes.name}" is forbidden: {text}'
    return Forbidden(message, kind="pods", name=attributes.name)


ADMISSION = Admission("Priority", 50, ("CREATE", "UPDATE"), ("pods",), mutate=resolve)
