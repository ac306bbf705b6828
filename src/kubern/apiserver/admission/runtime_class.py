"""RuntimeClass: a pod that names a runtime class gets its overhead, its node selector and its tolerations."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.base.json import Obj
from kubern.base.quantity import canonical_map


def _class_of(attributes: Attributes) -> Obj | None:
    name = ((attributes.obj or {}).get("spec") or {}).get("runtimeClassName")
    if not name:
        return None
    entry = attributes.core.storage_of("runtimeclasses", "node.k8s.io").find("", name)
    if entry is None:
        raise refused(attributes, f'pod rejected: RuntimeClass "{name}" not found')
    return entry.obj()


def take_over(attributes: Attributes) -> None:
    """Put the class's overhead and scheduling into the pod. Raises `Forbidden` for an unknown class and for what contradicts it."""
    runtime_class = _class_of(attributes)
    if runtime_class is None or attributes.obj is None:
        return
    spec = attributes.obj["spec"]
    fixed = (runtime_class.get("overhead") or {}).get("podFixed")
    if fixed:
        if spec.get("overhead") and canonical_map(spec["overhead"]) != canonical_map(fixed):
            text = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
            raise refused(attributes, text)
        spec["overhead"] = dict(fixed)
    scheduling = runtime_class.get("scheduling") or {}
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if (spec.get("nodeSelector") or {}).get(key, value) != value:
            text = (
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = "
                f"{spec['nodeSelector'][key]}"
            )
            raise refused(attributes, text)
    if scheduling.get("nodeSelector"):
        spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), **scheduling["nodeSelector"]}
    present = spec.get("tolerations") or []
    added = [each for each in scheduling.get("tolerations") or () if each not in present]
    if added:
        spec["tolerations"] = [*present, *added]


def check(attributes: Attributes) -> None:
    """Refuse an overhead that no class gives. Raises `Forbidden`."""
    spec = (attributes.obj or {}).get("spec") or {}
    if spec.get("overhead") and not spec.get("runtimeClassName"):
        raise refused(attributes, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")


ADMISSION = Admission("RuntimeClass", 100, ("CREATE",), ("pods",), mutate=take_over, validate=check)
