"""Controllers on a real apiserver in the same process: what workloads, owners and namespaces come to in the end.

Nodes and kubelets are played by a task that binds, runs and ends pods.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kubern.api.resources import load
from kubern.apiserver.aggregation.extensions import Extensions
from kubern.apiserver.config import Config
from kubern.apiserver.identity import AUTHENTICATED, MASTERS, User
from kubern.apiserver.server import ApiServer
from kubern.base.clock import SystemClock, rfc3339, rfc3339_micro
from kubern.base.errors import NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.client.contract import GVR
from kubern.client.informer import Informers
from kubern.client.transport_inprocess import InProcessTransport
from kubern.controllers import resources as r
from kubern.controllers.cache import Options
from kubern.controllers.runner import run_controllers
from kubern.http.contract import Peer
from kubern.store.embedded import EmbeddedStore

LIMIT = 30
NS = "default"
READY = {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}


class Cluster:
    """The API, informers to look at it, and a stand-in for nodes."""

    def __init__(self, client: ApiClient, informers: Informers) -> None:
        self.client = client
        self.informers = informers
        self.dead: set[str] = set()
        self.changed = asyncio.Event()
        self.extensions: Extensions

    def get(self, gvr: GVR, name: str, namespace: str = NS) -> Obj | None:
        return self.informers.of(gvr).get(namespace, name)

    def list(self, gvr: GVR, namespace: str = NS) -> list[Obj]:
        return self.informers.of(gvr).list(namespace)

    async def until(self, what: Callable[[], Any]) -> Any:
        """Return what becomes true; looked at after each change."""
        for gvr in (r.PODS, r.DEPLOYMENTS, r.REPLICA_SETS):
            self.informers.of(gvr)
        async with asyncio.timeout(LIMIT):
            while True:
                found = what()
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def play_nodes(self) -> None:
        """Bind, run and end pods, and renew the leases of nodes that live."""
        clock = SystemClock()
        while True:
            alive = [n["metadata"]["name"] for n in self.list(r.NODES, "") if n["metadata"]["name"] not in self.dead]
            for name in alive:
                with contextlib.suppress(StatusError):
                    spec = {"holderIdentity": name, "renewTime": rfc3339_micro(clock.now()), "leaseDurationSeconds": 40}
                    await self.client.patch(r.LEASES, name, {"spec": spec}, "kube-node-lease")
                    if "Unknown" in str(self.get(r.NODES, name, "")):
                        await self.client.patch(r.NODES, name, {"status": READY}, subresource="status")
            for pod in self.list(r.PODS, ""):
                with contextlib.suppress(StatusError):
                    await self._play_pod(pod, alive)
            await asyncio.sleep(0.02)

    async def _play_pod(self, pod: Obj, alive: list[str]) -> None:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        node = pod["spec"].get("nodeName")
        if not node and alive:
            wanted = str(pod["spec"].get("affinity", ""))
            target = next((each for each in alive if f"'{each}'" in wanted), alive[0])
            binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": target}}
            await self.client.create(r.PODS, binding, namespace, name=name, subresource="binding")
        elif node in alive and pod["metadata"].get("deletionTimestamp"):
            await self.client.delete(r.PODS, name, namespace, grace_period=0)
        elif node in alive and (pod.get("status") or {}).get("phase") == "Pending":
            once = pod["spec"]["restartPolicy"] != "Always"
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(SystemClock().now())}
            address = f"10.0.0.{int(pod['metadata']['uid'][:2], 16) % 254 + 1}"
            ran = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": [ready]}
            done = {"phase": "Succeeded"} if once else ran
            await self.client.patch(r.PODS, name, {"status": done}, namespace, subresource="status")


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with started(tmp_path, Options(node_monitor_grace_period=1.0, root_ca="PEM")) as made:
        yield made


@asynccontextmanager
async def started(tmp_path: Path, options: Options) -> AsyncIterator[Cluster]:
    """An apiserver, controllers and two played nodes in this process."""
    clock = SystemClock()
    store = await EmbeddedStore.open(tmp_path / "store", clock=clock)
    api = ApiServer(store, load(), Config(authorization_mode=("AlwaysAllow",)), clock)
    await api.start()
    peer = Peer(user=User("admin", (MASTERS, AUTHENTICATED)), memo={})
    client = ApiClient(InProcessTransport(api.handler, peer))
    informers = Informers(client, clock)
    made = Cluster(client, informers)
    made.extensions = api.core.extensions

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(run_controllers(client, clock, informers, options=options))
            informers.start(group)
            group.create_task(made.play_nodes())

    task = asyncio.create_task(run())
    await made.until(lambda: made.get(r.SERVICE_ACCOUNTS, "default"))
    for name in ("n1", "n2"):
        await add_node(client, name)
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await client.close()
        await api.close()
        await store.close()


async def add_node(client: ApiClient, name: str) -> None:
    await client.create(r.NODES, {"metadata": {"name": name}})
    await client.patch(r.NODES, name, {"status": READY}, subresource="status")
    spec = {"holderIdentity": name, "leaseDurationSeconds": 40}
    await client.create(r.LEASES, {"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": spec})


def workload(name: str, *, image: str = "one", policy: str = "", pod: Obj | None = None, **spec: Any) -> Obj:
    containers = [{"name": "c", "image": image, "ports": [{"name": "http", "containerPort": 80}]}]
    pod_spec = {"containers": containers, **({"restartPolicy": policy} if policy else {}), **(pod or {})}
    template = {"metadata": {"labels": {"app": name}}, "spec": pod_spec}
    selector = {} if policy else {"selector": {"matchLabels": {"app": name}}}
    return {"metadata": {"name": name, "namespace": NS}, "spec": {**selector, "template": template, **spec}}


def rolled_out(cluster: Cluster, name: str, count: int, generation: int = 1) -> bool:
    found = cluster.get(r.DEPLOYMENTS, name)
    if found is None or found.get("status", {}).get("observedGeneration", 0) < generation:
        return False
    names = ("replicas", "updatedReplicas", "availableReplicas")
    return all(found["status"].get(each, 0) == count for each in names)


async def test_a_deployment_rolls_out_scales_and_rolls_back(cluster: Cluster) -> None:
    client = cluster.client
    await client.create(r.DEPLOYMENTS, workload("web", replicas=3))
    service = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}
    await client.create(r.SERVICES, {"metadata": {"name": "web", "namespace": NS}, "spec": service})
    await cluster.until(lambda: rolled_out(cluster, "web", 3))
    await cluster.until(lambda: [s for s in cluster.list(r.ENDPOINT_SLICES) if len(s.get("endpoints") or ()) == 3])
    containers = workload("web", image="two")["spec"]["template"]["spec"]["containers"]
    await client.patch(r.DEPLOYMENTS, "web", {"spec": {"template": {"spec": {"containers": containers}}}}, NS)
    await cluster.until(lambda: rolled_out(cluster, "web", 3, 2))
    await client.patch(r.DEPLOYMENTS, "web", {"spec": {"replicas": 5}}, NS, subresource="scale")
    await cluster.until(lambda: rolled_out(cluster, "web", 5, 3))
    old = workload("web")["spec"]["template"]["spec"]["containers"]
    await client.patch(r.DEPLOYMENTS, "web", {"spec": {"template": {"spec": {"containers": old}}}}, NS)
    await cluster.until(lambda: rolled_out(cluster, "web", 5, 4))
    images = {
        pod["spec"]["containers"][0]["image"]
        for pod in cluster.list(r.PODS)
        if not pod["metadata"].get("deletionTimestamp")
    }
    assert images == {"one"}
    deployment = cluster.get(r.DEPLOYMENTS, "web")
    assert deployment is not None
    assert deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    endpoints = await cluster.until(lambda: (e := cluster.get(r.ENDPOINTS, "web")) and e.get("subsets") and e)
    assert endpoints["subsets"][0]["ports"] == [{"port": 80, "protocol": "TCP"}]


@pytest.mark.parametrize(("policy", "pods_stay"), [("Background", False), ("Foreground", False), ("Orphan", True)])
async def test_deletion_policies(cluster: Cluster, policy: str, pods_stay: bool) -> None:
    client = cluster.client
    await client.create(r.REPLICA_SETS, workload("web", replicas=2))
    await cluster.until(lambda: len([p for p in cluster.list(r.PODS) if p["status"]["phase"] == "Running"]) == 2)
    await client.delete(r.REPLICA_SETS, "web", NS, propagation=policy)
    await cluster.until(lambda: not cluster.list(r.REPLICA_SETS))
    if policy == "Foreground":
        assert cluster.list(r.PODS) == []
    if pods_stay:
        assert [pod["metadata"].get("ownerReferences") for pod in cluster.list(r.PODS)] == [None, None]
    else:
        await cluster.until(lambda: not cluster.list(r.PODS))


async def test_a_namespace_goes_with_all_that_it_holds(cluster: Cluster) -> None:
    client = cluster.client
    await client.create(r.NAMESPACES, {"metadata": {"name": "x"}})
    await cluster.until(lambda: cluster.get(r.CONFIG_MAPS, "kube-root-ca.crt", "x"))
    made = workload("web", replicas=2)
    made["metadata"]["namespace"] = "x"
    await client.create(r.DEPLOYMENTS, made, "x")
    held = {"metadata": {"name": "held", "namespace": "x", "finalizers": ["x.io/wait"]}}
    await client.create(r.CONFIG_MAPS, held)
    await cluster.until(lambda: len(cluster.list(r.PODS, "x")) == 2)
    await client.delete(r.NAMESPACES, "x")
    await cluster.until(lambda: "x.io/wait in 1" in str(cluster.get(r.NAMESPACES, "x", "")))
    await client.patch(r.CONFIG_MAPS, "held", {"metadata": {"finalizers": None}}, "x")
    await cluster.until(lambda: cluster.get(r.NAMESPACES, "x", "") is None)
    with pytest.raises(NotFound):
        await client.get(r.NAMESPACES, "x")


async def test_a_silent_nodes_pods_come_back_elsewhere(cluster: Cluster) -> None:
    keys = ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")
    short = [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1} for key in keys]
    await cluster.client.create(r.DEPLOYMENTS, workload("web", replicas=2, pod={"tolerations": short}))
    await cluster.until(lambda: rolled_out(cluster, "web", 2))
    assert {pod["spec"]["nodeName"] for pod in cluster.list(r.PODS)} == {"n1"}
    cluster.dead.add("n1")
    await cluster.until(lambda: "NodeStatusUnknown" in str(cluster.get(r.NODES, "n1", "")))

    def running() -> list[Obj]:
        pods = cluster.list(r.PODS)
        return [p for p in pods if p["spec"].get("nodeName") == "n2" and p["status"]["phase"] == "Running"]

    await cluster.until(lambda: len(running()) == 2)
    cluster.dead.clear()
    await cluster.until(lambda: not (cluster.get(r.NODES, "n1", "") or {})["spec"].get("taints"))


async def test_the_other_workloads_come_to_what_they_are_to(cluster: Cluster) -> None:
    client = cluster.client
    claims = [
        {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    ]
    await client.create(r.STATEFUL_SETS, workload("db", replicas=3, serviceName="db", volumeClaimTemplates=claims))
    await client.create(r.DAEMON_SETS, workload("agent"))
    await client.create(
        r.JOBS, workload("once", policy="Never", completions=3, parallelism=2, completionMode="Indexed")
    )
    template = {"spec": workload("tick", policy="Never")["spec"]}
    cron = {"schedule": "* * * * *", "suspend": True, "jobTemplate": template}
    await client.create(r.CRON_JOBS, {"metadata": {"name": "tick", "namespace": NS}, "spec": cron})
    budget = {"minAvailable": 2, "selector": {"matchLabels": {"app": "db"}}}
    await client.create(r.DISRUPTION_BUDGETS, {"metadata": {"name": "db", "namespace": NS}, "spec": budget})
    await client.create(
        r.RESOURCE_QUOTAS, {"metadata": {"name": "q", "namespace": NS}, "spec": {"hard": {"count/jobs.batch": "9"}}}
    )
    checks: dict[str, Callable[[], Any]] = {
        "stateful set": lambda: _status(cluster, r.STATEFUL_SETS, "db").get("readyReplicas") == 3,
        "daemon set": lambda: _status(cluster, r.DAEMON_SETS, "agent").get("numberReady") == 2,
        "job": lambda: _status(cluster, r.JOBS, "once").get("completedIndexes") == "0-2",
        "job's end": lambda: "CompletionsReached" in str(_status(cluster, r.JOBS, "once")),
        "budget": lambda: _status(cluster, r.DISRUPTION_BUDGETS, "db").get("disruptionsAllowed") == 1,
        "quota": lambda: _status(cluster, r.RESOURCE_QUOTAS, "q").get("used") == {"count/jobs.batch": "1"},
        "pod range": lambda: (
            cluster.get(r.NODES, "n2", "") and "podCIDR" in (cluster.get(r.NODES, "n2", "") or {})["spec"]
        ),
    }
    for name, check in checks.items():
        try:
            await cluster.until(check)
        except TimeoutError:
            pytest.fail(f"{name} never came")


def _status(cluster: Cluster, gvr: GVR, name: str) -> Obj:
    found = cluster.get(gvr, name)
    return (found or {}).get("status") or {}


async def test_policies_are_told_what_does_not_fit(cluster: Cluster) -> None:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    for name, expression in (("fits", "object.spec.replicas > 1"), ("does-not", "object.spec.replica > 1")):
        spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": expression}]}
        await cluster.client.create(r.VALIDATING_POLICIES, {"metadata": {"name": name}, "spec": spec})

    async def checking(name: str) -> Obj:
        def status() -> Any:
            found = (cluster.get(r.VALIDATING_POLICIES, name, "") or {}).get("status") or {}
            return found if "typeChecking" in found else None

        seen: Obj = await cluster.until(status)
        return seen

    assert await checking("fits") == {"observedGeneration": 1, "typeChecking": {}}
    (warning,) = (await checking("does-not"))["typeChecking"]["expressionWarnings"]
    assert warning["fieldRef"] == "spec.validations[0].expression"
    assert warning["warning"].startswith("apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replica'")


async def test_claim_is_bound_and_its_volume_released(cluster: Cluster) -> None:
    def phase(gvr: GVR, name: str, namespace: str) -> str:
        return ((cluster.get(gvr, name, namespace) or {}).get("status") or {}).get("phase", "")

    modes = {"accessModes": ["ReadWriteOnce"], "storageClassName": "manual"}
    for name, size in (("big", "5Gi"), ("small", "1Gi")):
        spec = {**modes, "capacity": {"storage": size}, "hostPath": {"path": f"/tmp/{name}"}}
        await cluster.client.create(r.VOLUMES, {"metadata": {"name": name}, "spec": spec})
    await cluster.until(lambda: phase(r.VOLUMES, "big", "") == phase(r.VOLUMES, "small", "") == "Available")
    for name in ("one", "two"):
        spec = {**modes, "resources": {"requests": {"storage": "1Gi"}}}
        await cluster.client.create(r.CLAIMS, {"metadata": {"name": name}, "spec": spec}, NS)
    await cluster.until(lambda: phase(r.CLAIMS, "one", NS) == phase(r.CLAIMS, "two", NS) == "Bound")
    claims = {each["metadata"]["name"]: each for each in cluster.list(r.CLAIMS)}
    assert {each["spec"]["volumeName"] for each in claims.values()} == {"big", "small"}
    taken = claims["one"]["spec"]["volumeName"]
    volume = await cluster.until(lambda: phase(r.VOLUMES, taken, "") == "Bound" and cluster.get(r.VOLUMES, taken, ""))
    assert volume["spec"]["claimRef"]["uid"] == claims["one"]["metadata"]["uid"]
    assert claims["one"]["status"]["capacity"] == volume["spec"]["capacity"]
    await cluster.client.delete(r.CLAIMS, "one", NS)
    await cluster.until(lambda: phase(r.VOLUMES, taken, "") == "Released")


def with_volume(name: str, volume: Obj) -> Obj:
    """Return a pod with one volume, `v`."""
    containers = [{"name": "c", "image": "i"}]
    return {"metadata": {"name": name}, "spec": {"containers": containers, "volumes": [{"name": "v", **volume}]}}


async def test_a_claim_that_a_pod_brings_along_is_made_once_its_name_is_free(cluster: Cluster) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}
    await cluster.client.create(r.CLAIMS, {"metadata": {"name": "p-v"}, "spec": spec}, NS)
    await cluster.until(lambda: cluster.get(r.CLAIMS, "p-v"))
    wanted = with_volume(
        "p", {"ephemeral": {"volumeClaimTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": spec}}}
    )
    pod = await cluster.client.create(r.PODS, wanted, NS)
    events = GVR("", "v1", "events")
    told = await cluster.until(
        lambda: [
            each for each in cluster.list(events)
            if each["reason"] == "FailedBinding" and each["involvedObject"].get("uid") == pod["metadata"]["uid"]
        ]
    )  # fmt: skip
    said = "ephemeral volume v: PVC default/p-v was not created for pod default/p (pod is not owner)"
    assert told[0]["message"] == said
    await cluster.client.delete(r.CLAIMS, "p-v", NS)

    def made() -> Obj | None:
        found = cluster.get(r.CLAIMS, "p-v")
        return found if found and found["metadata"].get("ownerReferences") else None

    claim = await cluster.until(made)
    (owner,) = claim["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (pod["metadata"]["uid"], True)
    assert claim["metadata"]["labels"] == {"a": "b"}
    await cluster.client.delete(r.PODS, "p", NS)
    await cluster.until(lambda: cluster.get(r.CLAIMS, "p-v") is None)


async def test_a_drivers_volume_is_attached_for_its_pod_and_detached_after_it(cluster: Cluster) -> None:
    modes = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    source = {"csi": {"driver": "disk.example.com", "volumeHandle": "h1"}}
    volume = {"metadata": {"name": "disk"}, "spec": {**modes, **source, "capacity": {"storage": "1Gi"}}}
    await cluster.client.create(r.VOLUMES, volume)
    spec = {**modes, "volumeName": "disk", "resources": {"requests": {"storage": "1Gi"}}}
    await cluster.client.create(r.CLAIMS, {"metadata": {"name": "c"}, "spec": spec}, NS)
    await cluster.client.create(r.PODS, with_volume("p", {"persistentVolumeClaim": {"claimName": "c"}}), NS)
    (attachment,) = await cluster.until(lambda: cluster.list(r.ATTACHMENTS, ""))
    name, node = attachment["metadata"]["name"], attachment["spec"]["nodeName"]
    assert attachment["spec"]["source"] == {"persistentVolumeName": "disk"}
    done = {"status": {"attached": True}}
    await cluster.client.patch(r.ATTACHMENTS, name, done, subresource="status")

    def told() -> list[str]:
        status = (cluster.get(r.NODES, node, "") or {}).get("status") or {}
        return [each["name"] for each in status.get("volumesAttached") or ()]

    await cluster.until(lambda: told() == ["kubernetes.io/csi/disk.example.com^h1"])
    await cluster.client.delete(r.PODS, "p", NS)
    await cluster.until(lambda: not cluster.list(r.ATTACHMENTS, "") and told() == [])


COUNTS: dict[str, tuple[GVR, Obj]] = {
    "deployment": (r.DEPLOYMENTS, {"spec": {"replicas": 2}}),
    "replica set": (r.REPLICA_SETS, {"spec": {"replicas": 2}}),
    "stateful set": (r.STATEFUL_SETS, {"spec": {"replicas": 2}}),
    "daemon set": (r.DAEMON_SETS, {"spec": {"minReadySeconds": 1}}),
    "replication controller": (r.REPLICATION_CONTROLLERS, {"spec": {"replicas": 2}}),
    "disruption budget": (r.DISRUPTION_BUDGETS, {"spec": {"minAvailable": 2}}),
    "admission policy": (r.VALIDATING_POLICIES, {"spec": {"failurePolicy": "Ignore"}}),
}
"""The kinds whose controllers say which generation they have seen, and a change of what is wanted of each."""


def _counted(gvr: GVR) -> Obj:
    """Return a new object of a kind of `COUNTS`, named `seen`."""
    made = workload("seen", replicas=1)
    if gvr == r.DAEMON_SETS:
        del made["spec"]["replicas"]
    elif gvr == r.STATEFUL_SETS:
        made["spec"]["serviceName"] = "seen"
    elif gvr == r.REPLICATION_CONTROLLERS:
        made["spec"]["selector"] = {"app": "seen"}
    elif gvr == r.DISRUPTION_BUDGETS:
        made["spec"] = {"minAvailable": 1, "selector": {"matchLabels": {"app": "seen"}}}
    elif gvr == r.VALIDATING_POLICIES:
        rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
        spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": "true"}]}
        made = {"metadata": {"name": "seen"}, "spec": spec}
    return made


@pytest.mark.parametrize("kind", COUNTS)
async def test_controllers_say_which_generation_they_have_seen(cluster: Cluster, kind: str) -> None:
    gvr, change = COUNTS[kind]
    space = "" if gvr == r.VALIDATING_POLICIES else NS

    def seen() -> tuple[int, int]:
        found = cluster.get(gvr, "seen", space) or {"metadata": {}}
        return found["metadata"].get("generation", 0), (found.get("status") or {}).get("observedGeneration", 0)

    made = await cluster.client.create(gvr, _counted(gvr), space)
    assert made["metadata"]["generation"] == 1
    await cluster.until(lambda: seen() == (1, 1))
    labelled = await cluster.client.patch(gvr, "seen", {"metadata": {"labels": {"a": "b"}}}, space)
    assert labelled["metadata"]["generation"] == 1
    changed = await cluster.client.patch(gvr, "seen", change, space)
    assert changed["metadata"]["generation"] == 2
    await cluster.until(lambda: seen() == (2, 2))
    if gvr == r.DISRUPTION_BUDGETS:
        (condition,) = (cluster.get(gvr, "seen") or {})["status"]["conditions"]
        assert condition["observedGeneration"] == 2


async def test_conditions_of_pods_say_which_generation_they_are_of(cluster: Cluster) -> None:
    client = cluster.client
    taint = {"key": "seven", "effect": "NoExecute"}
    await client.create(r.DEPLOYMENTS, workload("web", replicas=1))
    pod = await cluster.until(lambda: next((p for p in cluster.list(r.PODS) if is_running(p)), None))
    name = pod["metadata"]["name"]
    await client.patch(r.PODS, name, {"metadata": {"finalizers": ["x.io/stay"]}}, NS)
    await client.patch(r.PODS, name, {"spec": {"activeDeadlineSeconds": 999}}, NS)
    await cluster.until(lambda: (cluster.get(r.PODS, name) or pod)["metadata"]["generation"] == 2)
    await client.patch(r.NODES, pod["spec"]["nodeName"], {"spec": {"taints": [taint]}})

    def leaving() -> Any:
        conditions = (cluster.get(r.PODS, name) or {})["status"].get("conditions") or ()
        return next((each for each in conditions if each["type"] == "DisruptionTarget"), None)

    condition = await cluster.until(leaving)
    assert (condition["reason"], condition["observedGeneration"]) == ("DeletionByTaintManager", 2)
    await client.patch(r.PODS, name, {"metadata": {"finalizers": None}}, NS)


def is_running(pod: Obj) -> bool:
    return bool(pod["status"].get("phase") == "Running")
