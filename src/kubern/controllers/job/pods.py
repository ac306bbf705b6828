"""The pods that a Job makes, lets go and deletes. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from kubern.base.json import Obj
from kubern.controllers.actions import Delete, Patch, Told
from kubern.controllers.job.facts import INDEX, TRACKING
from kubern.controllers.pods import from_template
from kubern.controllers.resources import PODS


def new_pod(job: Obj, reference: Obj, index: int | None, annotations: Mapping[str, str]) -> Obj:
    """Return a pod of the Job; with an index, that index's, which also carries `annotations`."""
    pod = from_template(job["spec"]["template"], job, reference)
    meta, spec = pod["metadata"], pod["spec"]
    meta = {**meta, "finalizers": [*(meta.get("finalizers") or ()), TRACKING]}
    if index is not None:
        name = f"{job['metadata']['name']}-{index}"
        meta["generateName"] = f"{name}-"
        meta["annotations"] = {**(meta.get("annotations") or {}), INDEX: str(index), **annotations}
        meta["labels"] = {**(meta.get("labels") or {}), INDEX: str(index)}
        spec = {**spec, "hostname": name} if len(name) <= 63 else spec
        for field in ("containers", "initContainers"):
            if spec.get(field):
                spec = {**spec, field: [_with_index(each) for each in spec[field]]}
    return {**pod, "metadata": meta, "spec": spec}


def _with_index(container: Obj) -> Obj:
    env = container.get("env") or []
    if any(each["name"] == "JOB_COMPLETION_INDEX" for each in env):
        return container
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
    return {**container, "env": [*env, {"name": "JOB_COMPLETION_INDEX", "valueFrom": source}]}


def deletion(job: Obj, pod: Obj) -> Delete:
    """Delete a pod, and tell so."""
    told = Told(job, "SuccessfulDelete", "Deleted pod: {name}", "FailedDelete", "Error deleting: {error}")
    meta = pod["metadata"]
    return Delete(PODS, meta["namespace"], meta["name"], meta["uid"], told)


def release(pod: Obj) -> Patch:
    """Take our finalizer off a pod."""
    meta = pod["metadata"]
    kept = [each for each in meta.get("finalizers") or () if each != TRACKING]
    changes = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"], "finalizers": kept}
    return Patch(PODS, meta["namespace"], meta["name"], {"metadata": changes})
