"""Where pods with ResourceClaims go, what counts as taken, and what is written when they are bound."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kubern.api.pod_claims import FINALIZER
from kubern.base.clock import SystemClock
from kubern.base.errors import Conflict, StatusError, Timeout
from kubern.base.json import Obj
from kubern.scheduler.columns import Columns
from kubern.scheduler.cycle import Placed, schedule
from kubern.scheduler.framework import Binding, Cycle, Event, Helpless, NoRoom, make_room
from kubern.scheduler.listers import DEVICE_CLASSES, RESOURCE_CLAIMS, RESOURCE_SLICES, DictListers
from kubern.scheduler.plugins.dynamic_resources import PLUGIN
from kubern.scheduler.podinfo import PodInfo
from tests.unit.scheduler import placing
from tests.unit.scheduler.dra.devices import (
    DRIVER,
    claim,
    device,
    device_class,
    exactly,
    first_of,
    resource_slice,
)

TWO_NODES = [
    resource_slice("s1", device("a"), pool="n1"),
    resource_slice("s2", device("a"), device("b"), pool="n2", nodeName="n2"),
]


def pod(*claims: str, name: str = "p", made: dict[str, str | None] | None = None) -> Obj:
    """A pod that names claims; `made` are those from templates, as its status has them."""
    entries = [{"name": each, "resourceClaimName": each} for each in claims]
    entries += [{"name": each, "resourceClaimTemplateName": "t"} for each in made or {}]
    found: Obj = placing.pod(name, namespace="ns", resourceClaims=entries)
    statuses = [{"name": key, **({"resourceClaimName": value} if value else {})} for key, value in (made or {}).items()]
    found["status"] = {"resourceClaimStatuses": statuses}
    return found


def allocated(name: str, *users: str, node: str = "", **more: Any) -> Obj:
    """A claim that has the device a of the pool n1."""
    found = claim(exactly(), name=name)
    result = {"request": "r", "driver": DRIVER, "pool": "n1", "device": "a", **more}
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    selector = {"nodeSelector": {"nodeSelectorTerms": [{"matchFields": [field]}]}} if node else {}
    found["status"] = {
        "allocation": {"devices": {"results": [result]}, **selector},
        "reservedFor": [{"resource": "pods", "name": each, "uid": each} for each in users],
    }
    return found


class World:
    """Two nodes, their devices and some claims; pods are placed one after the other."""

    def __init__(self, *claims: Obj, slices: list[Obj] | None = None) -> None:
        self.columns: Columns = placing.columns_of([placing.node("n1"), placing.node("n2")])
        self.claims = {each["metadata"]["name"]: each for each in claims}
        self.slices = TWO_NODES if slices is None else slices

    @property
    def listers(self) -> DictListers:
        return DictListers(
            {
                RESOURCE_CLAIMS: [*self.claims.values()],
                RESOURCE_SLICES: self.slices,
                DEVICE_CLASSES: [device_class()],
            }
        )

    def cycle(self, wanted: Obj) -> Cycle:
        return Cycle(PodInfo(wanted), self.columns, self.listers)

    def place(self, wanted: Obj) -> tuple[Cycle, str]:
        """Place a pod; returns its cycle and its node, or why there is none."""
        cycle = self.cycle(wanted)
        outcome = schedule(cycle, placing.PLUGINS, random.Random(1))
        if not isinstance(outcome, Placed):
            return cycle, outcome.message
        assert PLUGIN.reserve is not None
        PLUGIN.reserve(cycle, outcome.node)
        return cycle, outcome.node


class Api:
    """Stores claims as the server would; the first `conflicts` writes are refused."""

    def __init__(self, world: World, conflicts: int = 0) -> None:
        self.world = world
        self.conflicts = conflicts
        self.version = 10

    async def get(self, gvr: Any, name: str, namespace: str = "") -> Obj:
        return self.world.claims[name]

    async def update(self, gvr: Any, obj: Obj, *, subresource: str = "") -> Obj:
        if self.conflicts:
            self.conflicts -= 1
            raise Conflict("somebody was faster")
        self.version += 1
        meta = {**obj["metadata"], "resourceVersion": str(self.version)}
        held = self.world.claims[meta["name"]]
        new = {**held, "metadata": meta, **({"status": obj["status"]} if subresource else {})}
        self.world.claims[meta["name"]] = new
        return new


async def bind(world: World, cycle: Cycle, node: str, conflicts: int = 0) -> None:
    assert PLUGIN.pre_bind is not None
    await PLUGIN.pre_bind(Binding(Api(world, conflicts), cycle, node, SystemClock()))  # type: ignore[arg-type]


async def test_a_pod_goes_where_its_device_is_and_has_it_written_down() -> None:
    world = World(claim(exactly(count=2)))
    cycle, node = world.place(pod("c"))
    assert node == "n2"
    await bind(world, cycle, node, conflicts=1)
    held = world.claims["c"]
    assert held["metadata"]["finalizers"] == [FINALIZER]
    results = held["status"]["allocation"]["devices"]["results"]
    assert [each["device"] for each in results] == ["a", "b"]
    assert held["status"]["reservedFor"] == [{"resource": "pods", "name": "p", "uid": "p"}]
    assert held["status"]["allocation"]["allocationTimestamp"]


async def test_devices_count_as_taken_before_and_after_they_are_written() -> None:
    world = World(*(claim(exactly(), name=name) for name in "wxyz"))
    placed = [world.place(pod(name, name=name)) for name in "wxyz"]
    assert sorted(node for _, node in placed[:3]) == ["n1", "n2", "n2"]
    refusal = "0/2 nodes are available: 2 cannot allocate all claims."
    assert placed[3][1] == refusal
    for cycle, node in placed[:3]:
        await bind(world, cycle, node)
    assert world.place(pod("z", name="z"))[1] == refusal
    world.claims["w"] = {
        **world.claims["w"],
        "status": {},
        "metadata": {**world.claims["w"]["metadata"], "resourceVersion": "99"},
    }
    assert world.place(pod("z", name="z"))[1] == placed[0][1]


def test_what_was_not_bound_is_given_back() -> None:
    world = World(claim(exactly(count=2), name="x"), claim(exactly(count=2), name="y"))
    cycle, node = world.place(pod("x"))
    assert "cannot allocate" in world.place(pod("y", name="q"))[1]
    assert PLUGIN.unreserve is not None
    PLUGIN.unreserve(cycle, node)
    assert world.place(pod("y", name="q"))[1] == "n2"


def owned(obj: Obj, uid: str = "p") -> Obj:
    obj["metadata"]["ownerReferences"] = [{"kind": "Pod", "name": "p", "uid": uid, "controller": True}]
    return obj


def deleted(obj: Obj) -> Obj:
    obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return obj


@pytest.mark.parametrize(
    ("claims", "wanted", "reason"),
    [
        pytest.param([], pod("c"), 'resourceclaim "c" not found', id="missing"),
        pytest.param([deleted(claim(exactly()))], pod("c"), 'resourceclaim "c" is being deleted', id="deleted"),
        pytest.param(
            [owned(claim(exactly()), "other")],
            pod(made={"x": "c"}),
            "ResourceClaim ns/c was not created for pod ns/p (pod is not owner)",
            id="another pod's",
        ),
        pytest.param([], pod(made={}) | {}, "", id="none"),
        pytest.param(
            [claim(exactly(deviceClassName="x"))], pod("c"), "request r: device class x does not exist", id="class"
        ),
        pytest.param([allocated("c", *map(str, range(256)))], pod("c"), "resourceclaim in use", id="full"),
        pytest.param([owned(claim(exactly()))], pod(made={"x": "c"}), "", id="generated"),
        pytest.param([], pod(made={"x": None}), "", id="needless"),
    ],
)
def test_why_a_pod_has_no_place_at_all(claims: list[Obj], wanted: Obj, reason: str) -> None:
    said = World(*claims).place(wanted)[1]
    assert said == (f"0/2 nodes are available: {reason}." if reason else said)
    assert bool(reason) or said in ("n1", "n2")


def test_a_pod_waits_for_its_claims_to_be_made() -> None:
    waiting = pod(made={"x": "c"})
    del waiting["status"]
    assert PLUGIN.pre_enqueue is not None
    assert PLUGIN.pre_enqueue(waiting) == 'pod "ns/p": ResourceClaim not created yet'
    assert PLUGIN.pre_enqueue(pod(made={"x": "c"})) == ""
    assert PLUGIN.pre_enqueue(pod(made={"x": None})) == ""
    assert PLUGIN.pre_enqueue(pod()) == ""


async def test_a_claim_that_has_its_devices_is_shared_where_they_are() -> None:
    world = World(allocated("c", "other", node="n1"))
    cycle, node = world.place(pod("c"))
    assert node == "n1"
    await bind(world, cycle, node)
    assert [each["uid"] for each in world.claims["c"]["status"]["reservedFor"]] == ["other", "p"]


def test_a_claim_that_is_being_allocated_for_another_pod_is_waited_for() -> None:
    world = World(claim(exactly()))
    world.place(pod("c"))
    said = world.place(pod("c", name="q"))[1]
    assert said == "0/2 nodes are available: resource claim ns/c is in the process of being allocated."


@pytest.mark.parametrize(
    ("held", "said", "writes"),
    [
        pytest.param(allocated("c", node="n9"), "deallocation of ResourceClaim completed", True, id="idle"),
        pytest.param(allocated("c", "p", node="n9"), "deallocation of ResourceClaim completed", True, id="its own"),
        pytest.param(allocated("c", "q", node="n9"), "still not schedulable", False, id="in use"),
        pytest.param(None, "no new claims to deallocate", False, id="without claims"),
    ],
)
async def test_devices_out_of_reach_are_given_back(held: Obj | None, said: str, writes: bool) -> None:
    world = World(*([held] if held else []))
    wanted = pod(*(["c"] if held else []))
    wanted["spec"]["nodeSelector"] = {} if held else {"no": "such"}
    cycle, message = world.place(wanted)
    if held:
        assert message == "0/2 nodes are available: 2 resourceclaim not available on the node."
    room = make_room(cycle, placing.PLUGINS, cycle.columns.present & False, random.Random(1))
    assert isinstance(room, NoRoom)
    preemption = "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    assert room.text == f"{said}, {preemption}"
    helpless: Helpless = room.said[0]
    assert (helpless.then is not None) == writes
    if helpless.then is not None:
        await helpless.then(Api(world))  # type: ignore[arg-type]
        assert world.claims["c"]["status"] == {}


def test_nodes_that_give_a_better_alternative_are_better() -> None:
    wanted = claim(first_of("r", exactly("two", 2), exactly("one")))
    for _ in range(4):
        assert World(wanted).place(pod("c"))[1] == "n2"


async def test_a_claim_that_somebody_else_allocated_is_not_overwritten() -> None:
    world = World(claim(exactly()))
    cycle, node = world.place(pod("c"))
    world.claims["c"] = allocated("c", "q", node="n2")
    with pytest.raises(StatusError, match="got allocated elsewhere in the meantime"):
        await bind(world, cycle, node, conflicts=1)


@pytest.mark.parametrize(
    ("conditions", "outcome"),
    [({"Ready": "True"}, ""), ({"Failed": "True"}, "cannot be used: Failed"), ({}, "device binding timeout")],
)
async def test_devices_that_have_to_be_prepared_are_waited_for(conditions: dict[str, str], outcome: str) -> None:
    slow = device("a", bindingConditions=["Ready"], bindingFailureConditions=["Failed"])
    world = World(claim(exactly()), slices=[resource_slice("s", slow, pool="n1")])
    cycle, node = world.place(pod("c"))
    world.claims["c"]["status"] = {
        "devices": [
            {
                "driver": DRIVER,
                "pool": "n1",
                "device": "a",
                "conditions": [{"type": key, "status": value} for key, value in conditions.items()],
            }
        ]
    }
    cycle.listers = world.listers

    class Quick(SystemClock):
        async def sleep(self, seconds: float) -> None:
            return None

    assert PLUGIN.pre_bind is not None
    binding = Binding(Api(world), cycle, node, Quick())  # type: ignore[arg-type]
    if not outcome:
        await PLUGIN.pre_bind(binding)
        return
    with pytest.raises((Conflict, Timeout), match=outcome):
        await PLUGIN.pre_bind(binding)


@pytest.mark.parametrize(
    ("event", "helps"),
    [
        (Event("ResourceClaim/Update", allocated("x", "q"), claim(exactly(), name="x")), True),
        (Event("ResourceClaim/Delete", allocated("x", "q"), None), True),
        (Event("ResourceClaim/Add", None, claim(exactly(), name="x")), False),
        (Event("ResourceClaim/Add", None, claim(exactly(), name="c")), True),
        (Event("ResourceClaim/Update", claim(exactly(), name="x"), allocated("x", "q")), False),
        (Event("ResourceSlice/Add", None, TWO_NODES[0]), True),
        (Event("DeviceClass/Update", device_class(), device_class()), True),
    ],
)
def test_what_wakes_a_pod(event: Event, helps: bool) -> None:
    assert PLUGIN.hint is not None
    assert event.name in PLUGIN.events
    assert PLUGIN.hint(PodInfo(pod("c")), event) is helps


def test_its_limits_are_configured() -> None:
    assert PLUGIN.configure is not None
    others = [each for each in placing.PLUGINS if each.name != PLUGIN.name]
    for timeout, message in (
        ("0.2ms", "0/2 nodes are available: 1 cannot allocate all claims, 1 timed out trying to allocate devices."),
        ("10s", ""),
        ("0s", ""),
    ):
        found = PLUGIN.configure({"filterTimeout": timeout, "bindingTimeout": "20s"})
        outcome = schedule(World(claim(exactly(count=2))).cycle(pod("c")), [*others, found], random.Random(1))
        assert (outcome.node if isinstance(outcome, Placed) else outcome.message) == (message or "n2")


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"filterTimeout": "-1s"}, "filterTimeout: Invalid value"),
        ({"bindingTimeout": "0s"}, "bindingTimeout: Invalid value"),
        ({"other": 1}, "other: unknown field"),
    ],
)
def test_wrong_limits_are_refused(args: Obj, problem: str) -> None:
    assert PLUGIN.configure is not None
    with pytest.raises(ValueError, match=problem):
        PLUGIN.configure(args)
