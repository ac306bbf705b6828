"""`pods/binding`: the scheduler's word on which node a pod runs."""

from __future__ import annotations

import orjson

from kubern.api import field
from kubern.api.resource import Resource
from kubern.api.resources.core.bindings import validate_binding
from kubern.apiserver.admission_chain import Kind
from kubern.apiserver.admitting import admit
from kubern.apiserver.answers import success
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.decoding import read_kind
from kubern.apiserver.metadata import check_path
from kubern.apiserver.options import write_options
from kubern.apiserver.presenting import show
from kubern.apiserver.storage import conflict
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.clock import rfc3339
from kubern.base.errors import Conflict
from kubern.base.json import Obj
from kubern.http.contract import Answer


async def serve(core: Core, call: Call) -> Answer:
    """Set the pod's node and its PodScheduled condition. Raises `Conflict` for a pod that has a node or is being deleted."""
    options = write_options(call.info, "CreateOptions")
    binding = read_kind(core, call, "io.k8s.api.core.v1.Binding")
    check_path(binding, call.resource, call.namespace, call.info.name)
    causes = validate_binding(binding)
    if causes:
        raise field.invalid_error("Binding", "", call.info.name, causes)
    warnings: list[str] = []
    await admit(core, call, binding, Kind("", "v1", "Binding"), options, warnings)
    await bind(core, call.namespace, call.info.name, binding, dry_run=options.dry_run)
    return show(core, call, success({}) | {"code": 201}, 201, warnings)


async def bind(core: Core, namespace: str, name: str, binding: Obj, *, dry_run: bool) -> None:
    """Set a pod's node. Raises `NotFound`, `Conflict`."""
    storage = core.storage_of("pods")

    async def change(old: Obj) -> Obj:
        return bound(core, storage.resource, old, binding)

    if dry_run:
        await change(storage.get(namespace, name).obj())
    else:
        await storage.update(namespace, name, change)


def bound(core: Core, pods: Resource, old: Obj, binding: Obj) -> Obj:
    """Return the pod on its node. Raises `Conflict`."""
    pod: Obj = orjson.loads(orjson.dumps(old))
    name, metadata, spec = pod["metadata"]["name"], binding["metadata"], pod["spec"]
    node = binding["target"]["name"]
    if metadata.get("uid") and metadata["uid"] != pod["metadata"]["uid"]:
        why = (
            f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {pod['metadata']['uid']}"
        )
        raise conflict(pods, name, why)
    if pod["metadata"].get("deletionTimestamp"):
        raise _binding_conflict(name, f"pod {name} is being deleted, cannot be assigned to a host")
    if spec.get("nodeName"):
        raise _binding_conflict(name, f'pod {name} is already assigned to node "{spec["nodeName"]}"')
    if spec.get("schedulingGates"):
        raise _binding_conflict(name, f"pod {name} has non-empty .spec.schedulingGates")
    spec["nodeName"] = node
    for key in ("annotations", "labels"):
        if metadata.get(key):
            pod["metadata"][key] = (pod["metadata"].get(key) or {}) | metadata[key]
    scheduled: Obj = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
    scheduled["lastTransitionTime"] = rfc3339(core.clock.now())
    if pod["metadata"].get("generation"):
        scheduled["observedGeneration"] = pod["metadata"]["generation"]
    status = pod.setdefault("status", {})
    others = [condition for condition in status.get("conditions") or () if condition.get("type") != "PodScheduled"]
    status["conditions"] = [*others, scheduled]
    return pod


def _binding_conflict(name: str, why: str) -> Conflict:
    return Conflict(f'Operation cannot be fulfilled on pods/binding "{name}": {why}', kind="pods/binding", name=name)


SUBRESOURCE = SubresourceHandler("binding", serve, ("pods",))
