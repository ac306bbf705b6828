"""Where a pod's volumes let it go."""

import asyncio
import random

import pytest

from kubern.base.clock import FakeClock
from kubern.base.errors import Conflict, Timeout
from kubern.scheduler.cycle import Placed, Unplaced, schedule
from kubern.scheduler.framework import Binding, Cycle, Event, Eviction
from kubern.scheduler.listers import CLAIMS, CLASSES, CSI_NODES, VOLUMES, DictListers
from kubern.scheduler.podinfo import PodInfo
from tests.unit.scheduler.placing import PLUGINS, ZONE, columns_of, node, plugin, pod, zoned

NODES = [zoned("a", "za"), zoned("b", "zb")]
BOUND = {"pv.kubernetes.io/bind-completed": "yes"}


def using(*claims, name="p", **more):
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    return pod(name, volumes=volumes, **more)


def claim(name="data", volume="", size="1Gi", storage_class="late", annotations=None, modes=("ReadWriteOnce",), **meta):
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "annotations": annotations or {}} | meta
    spec = {"storageClassName": storage_class, "accessModes": list(modes), "resources": {"requests": {"storage": size}}}
    if volume:
        spec["volumeName"] = volume
        metadata["annotations"] = BOUND
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Bound" if volume else "Pending"}}


def volume(name="pv", on=None, size="1Gi", labels=None, phase="Available", storage_class="late", **spec):
    affinity = {}
    if on:
        term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [on]}]}
        affinity = {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}
    held = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": storage_class}
    return {
        "metadata": {"name": name, "uid": name, "labels": labels or {}, "resourceVersion": "1"},
        "spec": held | affinity | spec,
        "status": {"phase": phase},
    }


def storage(name="late", mode="WaitForFirstConsumer", provisioner="kubernetes.io/no-provisioner", **more):
    return {"metadata": {"name": name}, "volumeBindingMode": mode, "provisioner": provisioner} | more


def listers(claims=(), volumes=(), classes=None, csi_nodes=()):
    classes = [storage()] if classes is None else classes
    return DictListers({CLAIMS: list(claims), VOLUMES: list(volumes), CLASSES: classes, CSI_NODES: list(csi_nodes)})


def tried(asking, held, nodes=NODES, running=(), columns=None):
    cycle = Cycle(PodInfo(asking), columns or columns_of(nodes, running), held)
    return cycle, schedule(cycle, PLUGINS, random.Random(1))


PROVISIONED = storage(provisioner="example.com/csi")
ONLY_ZB = storage(
    provisioner="example.com/csi",
    allowedTopologies=[{"matchLabelExpressions": [{"key": ZONE, "values": ["zb"]}]}],
)


@pytest.mark.parametrize(
    ("held", "chosen"),
    [
        pytest.param(listers([claim(volume="pv")], [volume(on="b", phase="Bound")]), "b", id="bound, on one node"),
        pytest.param(listers([claim()], [volume(on="b")]), "b", id="waits, a volume is on one node"),
        pytest.param(
            listers([claim()], [volume("pv1", "a", "500Mi"), volume("pv2", "b")]), "b", id="waits, large enough"
        ),
        pytest.param(
            listers([claim()], [volume("pv1", "a", phase="Bound"), volume("pv2", "b")]),
            "b",
            id="waits, the other is taken",
        ),
        pytest.param(
            listers([claim()], [volume(on="b", phase="Pending", claimRef={"name": "data", "namespace": "default"})]),
            "b",
            id="made for it",
        ),
        pytest.param(listers([claim()], classes=[ONLY_ZB]), "b", id="provisioned in one zone"),
        pytest.param(
            listers([claim(annotations={"volume.kubernetes.io/selected-node": "b"})], classes=[PROVISIONED]),
            "b",
            id="being provisioned",
        ),
        pytest.param(
            listers([claim(volume="pv")], [volume(labels={ZONE: "zb__zc"}, phase="Bound")]), "b", id="zone label"
        ),
    ],
)
def test_where_it_goes(held, chosen):
    assert tried(using("data"), held)[1].node == chosen


@pytest.mark.parametrize(
    ("held", "message"),
    [
        pytest.param(listers(), 'persistentvolumeclaim "data" not found.', id="no claim"),
        pytest.param(
            listers([claim(storage_class="now")], classes=[storage("now", "Immediate")]),
            "pod has unbound immediate PersistentVolumeClaims.", id="immediate",
        ),
        pytest.param(listers([claim(deletionTimestamp="x")]), 'persistentvolumeclaim "data" is being deleted.', id="deleted"),
        pytest.param(listers([claim()]), "2 node(s) didn't find available persistent volumes to bind.", id="nothing free"),
        pytest.param(
            listers([claim(volume="pv")], [volume(on="c", phase="Bound")]),
            "2 node(s) didn't match PersistentVolume's node affinity.", id="on another node",
        ),
        pytest.param(
            listers([claim(volume="pv")]), "2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).", id="no volume"
        ),
        pytest.param(
            listers([claim(volume="pv")], [volume(labels={ZONE: "zc"}, phase="Bound")]),
            "2 node(s) had no available volume zone.", id="zones"
        ),
    ],
)  # fmt: skip
def test_what_is_said(held, message):
    outcome = tried(using("data"), held)[1]
    assert isinstance(outcome, Unplaced)
    assert outcome.message == f"0/2 nodes are available: {message}"
    assert not outcome.helpable.any()


OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "p", "controller": True}


@pytest.mark.parametrize(
    ("owners", "message"),
    [
        pytest.param(None, 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-own"', id="to be made"),
        pytest.param([], "PVC default/p-own was not created for pod default/p (pod is not owner)", id="a user's"),
        pytest.param([OWNER | {"uid": "q"}], "PVC default/p-own was not created for pod default/p (pod is not owner)", id="another pod's"),
        pytest.param([OWNER], "", id="its own"),
    ],
)  # fmt: skip
def test_a_claim_that_the_pod_brings_along_must_be_its_own(owners, message):
    claims = [] if owners is None else [claim("p-own", volume="pv", ownerReferences=owners)]
    asking = pod(volumes=[{"name": "own", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}])
    outcome = tried(asking, listers(claims, [volume(phase="Bound")]))[1]
    assert isinstance(outcome, Unplaced if message else Placed)
    assert getattr(outcome, "message", "") == (f"0/2 nodes are available: {message}." if message else "")


def test_two_claims_do_not_get_one_volume():
    two = [claim("data"), claim("more", size="2Gi")]
    assert isinstance(tried(using("data", "more"), listers(two, [volume(size="2Gi")]))[1], Unplaced)
    assert isinstance(tried(using("data", "more"), listers(two, [volume("v1"), volume("v2", size="2Gi")]))[1], Placed)


def test_a_volume_chosen_for_one_pod_is_not_offered_to_the_next():
    binding = plugin("VolumeBinding")
    columns = columns_of(NODES)
    held = listers([claim("one"), claim("two")], [volume(on="a")])
    first, outcome = tried(using("one"), held, columns=columns)
    binding.reserve(first, outcome.node)
    assert isinstance(tried(using("two", name="q"), held, columns=columns)[1], Unplaced)
    binding.unreserve(first, outcome.node)
    assert isinstance(tried(using("two", name="q"), held, columns=columns)[1], Placed)


class Api:
    """Takes patches, and carries out on the claims what a volume controller would."""

    def __init__(self, held, then):
        self.held, self.then, self.patches = held, then, []

    async def patch(self, gvr, name, patch, namespace=""):
        self.patches.append((gvr.plural, name, patch))
        self.then(self.held.get(CLAIMS, "default", "data"))


async def bound(held, then, seconds=0.0):
    binding, clock = plugin("VolumeBinding"), FakeClock()
    cycle, outcome = tried(using("data"), held)
    binding.reserve(cycle, outcome.node)
    api = Api(held, then)

    task = asyncio.ensure_future(binding.pre_bind(Binding(api, cycle, outcome.node, clock)))
    await asyncio.sleep(0)
    await clock.advance(seconds)
    await asyncio.wait_for(task, 5)
    return api.patches


def finish(held):
    held["metadata"]["annotations"] = BOUND
    held["spec"]["volumeName"] = "pv"


async def test_a_volume_that_exists_is_given_to_the_claim():
    patches = await bound(listers([claim()], [volume(on="b")]), finish, 1)
    ((plural, name, patch),) = patches
    assert (plural, name) == ("persistentvolumes", "pv")
    assert patch["spec"]["claimRef"]["uid"] == "uid-data"
    assert patch["metadata"]["resourceVersion"] == "1"


async def test_a_provisioner_is_told_the_node():
    patches = await bound(listers([claim()], classes=[ONLY_ZB]), finish, 1)
    assert patches == [
        (
            "persistentvolumeclaims",
            "data",
            {"metadata": {"uid": "uid-data", "annotations": {"volume.kubernetes.io/selected-node": "b"}}},
        )
    ]


async def test_it_does_not_wait_for_ever():
    with pytest.raises(Timeout):
        await bound(listers([claim()], [volume(on="b")]), lambda held: None, 601)


async def test_a_provisioner_that_gives_up_sends_the_pod_back():
    held = listers([claim()], classes=[ONLY_ZB])
    changes = iter(["b", ""])

    def annotate(found):
        found["metadata"]["annotations"] = {"volume.kubernetes.io/selected-node": next(changes)}

    binding, clock = plugin("VolumeBinding"), FakeClock()
    cycle, outcome = tried(using("data"), held)
    binding.reserve(cycle, outcome.node)

    task = asyncio.ensure_future(binding.pre_bind(Binding(Api(held, annotate), cycle, outcome.node, clock)))
    await asyncio.sleep(0)
    annotate(held.get(CLAIMS, "default", "data"))
    await clock.advance(1)
    with pytest.raises(Conflict, match="provisioning failed"):
        await asyncio.wait_for(task, 5)


def test_a_claim_for_one_pod_only():
    held = listers([claim(volume="pv", modes=("ReadWriteOncePod",))], [volume(phase="Bound")])
    cycle, outcome = tried(using("data", priority=1), held, running=[(using("data", name="other"), "a")])
    reason = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
    assert outcome.message == f"0/2 nodes are available: 2 {reason}."
    room = plugin("DefaultPreemption").post_filter(cycle, PLUGINS, outcome.helpable, random.Random(1))
    assert isinstance(room, Eviction)
    assert [info.name for info in room.victims] == ["other"]
    hint = plugin("VolumeRestrictions").hint
    assert hint(PodInfo(using("data")), Event("Pod/Delete", using("data", name="other")))
    assert not hint(PodInfo(using("data")), Event("Pod/Delete", using("more", name="other")))


def test_a_disk_is_one_pods_on_a_node():
    disk = {"name": "d", "awsElasticBlockStore": {"volumeID": "x"}}
    running = [(pod("other", volumes=[disk]), "a")]
    assert tried(pod(volumes=[disk]), listers(), running=running)[1].node == "b"


def test_a_node_attaches_no_more_volumes_than_it_can():
    driver = {"name": "example.com/csi", "allocatable": {"count": 1}}
    csi_nodes = [{"metadata": {"name": "a"}, "spec": {"drivers": [driver]}}]
    csi = {"csi": {"driver": "example.com/csi", "volumeHandle": "h1"}}
    held = listers(
        [claim("one", "pv1"), claim("two", "pv2"), claim("same", "pv1")],
        [volume("pv1", phase="Bound", **csi), volume("pv2", phase="Bound", csi={**csi["csi"], "volumeHandle": "h2"})],
        csi_nodes=csi_nodes,
    )
    running = [(using("one", name="other"), "a")]
    assert tried(using("two"), held, [node("a"), node("b")], running)[1].node == "b"
    outcome = tried(using("two"), held, [node("a")], running)[1]
    assert outcome.message == "0/1 nodes are available: 1 node(s) exceed max volume count."
    # a volume that the node has already takes no room
    assert isinstance(tried(using("same"), held, [node("a")], running)[1], Placed)


def test_a_claim_of_the_pod_wakes_it_and_another_does_not():
    hint = plugin("VolumeBinding").hint
    assert hint(PodInfo(using("data")), Event("PersistentVolumeClaim/Add", None, claim()))
    assert not hint(PodInfo(using("data")), Event("PersistentVolumeClaim/Add", None, claim("other")))
