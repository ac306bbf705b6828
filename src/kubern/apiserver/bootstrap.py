"""The objects that every cluster has: made at start when they are missing, as upstream's post-start hooks do."""

from __future__ import annotations

import asyncio
import ipaddress
import logging

from kubern.apiserver.allocation.ranges import parse_ranges
from kubern.apiserver.authz.bootstrap import objects as default_roles
from kubern.apiserver.authz.bootstrap import reconciled
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.flow.objects import GROUP as FLOW
from kubern.apiserver.flow.objects import flow_schemas, priority_levels
from kubern.apiserver.identity import LOOPBACK
from kubern.apiserver.options import WriteOptions
from kubern.apiserver.request_info import RequestInfo
from kubern.apiserver.storage import Storage
from kubern.apiserver.writing import create
from kubern.base.clock import rfc3339
from kubern.base.errors import AlreadyExists
from kubern.base.json import Obj
from kubern.http.contract import Peer, Request

RBAC = "rbac.authorization.k8s.io"
NETWORKING, SERVICE_RANGES, DEFAULT_RANGE = "networking.k8s.io", "servicecidrs", "kubernetes"
NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_log = logging.getLogger(__name__)

PRIORITY_CLASSES = (
    ("system-node-critical", 2000001000, "Used for system critical pods that must not be moved from their current node."),
    (
        "system-cluster-critical", 2000000000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
)  # fmt: skip


async def bootstrap(core: Core) -> None:
    """Create what is missing: namespaces, priority classes, roles, flow schemas, the `kubernetes` Service and its endpoints."""
    for name in NAMESPACES:
        await ensure(core, "", "v1", "namespaces", {"metadata": {"name": name}})
    for name, value, description in PRIORITY_CLASSES:
        obj = {"metadata": {"name": name}, "value": value, "description": description}
        await ensure(core, "scheduling.k8s.io", "v1", "priorityclasses", obj)
    await _roles(core)
    for plural, objects in (("prioritylevelconfigurations", priority_levels()), ("flowschemas", flow_schemas())):
        await asyncio.gather(*(ensure(core, FLOW, "v1", plural, obj) for obj in objects))
    await _service_range(core)
    await _kubernetes_service(core)


async def _roles(core: Core) -> None:
    """Create the default roles and bindings, and give back to those that exist what was taken from them."""
    for plural, wanted in default_roles().items():
        storage = core.storage_of(plural, RBAC)
        # all at once: writes that wait together are made durable together
        made = await asyncio.gather(*(ensure(core, RBAC, "v1", plural, obj) for obj in wanted))
        for obj, new in zip(wanted, made, strict=True):
            if not new:
                await _reconcile(storage, obj)


async def _reconcile(storage: Storage, wanted: Obj) -> None:
    metadata = wanted["metadata"]

    async def change(old: Obj) -> Obj:
        return reconciled(old, wanted) or old

    await storage.update(metadata.get("namespace", ""), metadata["name"], change)


async def _service_range(core: Core) -> None:
    """Create the ServiceCIDR of the configured ranges, which is ready at once; say so when it is another one than configured."""
    if (NETWORKING, "v1", SERVICE_RANGES) not in core.resources:
        return
    cidrs = list(parse_ranges(core.config.service_cluster_ip_range))
    await ensure(
        core, NETWORKING, "v1", SERVICE_RANGES, {"metadata": {"name": DEFAULT_RANGE}, "spec": {"cidrs": cidrs}}
    )
    ready = {
        "type": "Ready", "status": "True", "reason": "", "message": "Kubernetes default Service CIDR is ready",
        "lastTransitionTime": rfc3339(core.clock.now()),
    }  # fmt: skip

    async def change(old: Obj) -> Obj:
        held = (old.get("status") or {}).get("conditions") or ()
        if old["spec"]["cidrs"] == cidrs[:1]:
            old = old | {"spec": {"cidrs": cidrs}}  # a cluster that got its second family
        if old["spec"]["cidrs"] != cidrs:
            _log.warning("the default ServiceCIDR %s does not match the configured range", old["spec"]["cidrs"])
            return old
        told = any(each.get("type") == "Ready" for each in held)
        return old if told else old | {"status": {"conditions": [*held, ready]}}

    await core.storage_of(SERVICE_RANGES, NETWORKING).update("", DEFAULT_RANGE, change)


async def _kubernetes_service(core: Core) -> None:
    config = core.config
    address = first_address(parse_ranges(config.service_cluster_ip_range)[0])
    labels = {"component": "apiserver", "provider": "kubernetes"}
    await ensure(core, "", "v1", "services", {
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
        "spec": {
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": ["IPv6" if ":" in address else "IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": config.secure_port}],
            "type": "ClusterIP",
            "sessionAffinity": "None",
        },
    })  # fmt: skip
    if ipaddress.ip_address(config.advertise_address).is_loopback:
        # an address that every node takes for itself: pods cannot reach the API by it, and validation refuses it
        _log.warning("the service kubernetes has no endpoints: the advertise address is a loopback address")
        return
    port = {"name": "https", "port": config.secure_port, "protocol": "TCP"}
    await replace_always(core, "", "v1", "endpoints", {
        "metadata": {
            "name": "kubernetes", "namespace": "default", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [{"addresses": [{"ip": config.advertise_address}], "ports": [port]}],
    })  # fmt: skip
    await replace_always(core, "discovery.k8s.io", "v1", "endpointslices", {
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv6" if ":" in config.advertise_address else "IPv4",
        "endpoints": [{"addresses": [config.advertise_address], "conditions": {"ready": True}}],
        "ports": [port],
    })  # fmt: skip


async def ensure(core: Core, group: str, version: str, plural: str, obj: Obj) -> bool:
    """Create an object unless it exists or the resource is not served; returns whether it was created."""
    resource = core.resources.get((group, version, plural))
    if resource is None:
        return False
    metadata = obj["metadata"]
    namespace = metadata.get("namespace", "")
    if core.storage(resource).find(namespace, metadata["name"]):
        return False
    complete = {"kind": resource.kind, "apiVersion": resource.api_version} | obj
    resource.default(complete)
    info = RequestInfo(True, "create", "", group, version, namespace, plural)
    call = Call(Request("POST", "", "", {}, b"", Peer(user=LOOPBACK)), info, LOOPBACK, resource)
    options = WriteOptions(False, "Ignore", "kube-apiserver")
    core.managing.created(call, complete, options)
    try:
        await create(core, call, complete, options, [])
    except AlreadyExists:
        return False
    _log.debug("created %s %s/%s", resource.kind, namespace, metadata["name"])
    return True


async def replace_always(core: Core, group: str, version: str, plural: str, obj: Obj) -> None:
    """Create an object, or set everything but its metadata to what `obj` says: the server's own address may have changed."""
    if await ensure(core, group, version, plural, obj):
        return
    resource = core.resources.get((group, version, plural))
    if resource is None:
        return
    metadata = obj["metadata"]

    async def change(old: Obj) -> Obj:
        new = old | {key: value for key, value in obj.items() if key != "metadata"}
        resource.default(new)
        return new

    await core.storage(resource).update(metadata.get("namespace", ""), metadata["name"], change)


def first_address(cidr: str) -> str:
    """Return the first usable address of a range: the `kubernetes` Service's."""
    network = ipaddress.ip_network(cidr, strict=False)
    return str(network.network_address + 1)
