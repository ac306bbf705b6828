"""Which devices claims get: by selectors, counts, constraints, taints, partitions and shares."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.json import Obj
from kubern.scheduler.dra.allocator import allocate
from kubern.scheduler.dra.inventory import read
from kubern.scheduler.dra.requests import Asking, CannotAllocate
from kubern.scheduler.dra.result import allocation
from kubern.scheduler.dra.usage import used_by
from tests.unit.scheduler.dra.devices import (
    DRIVER,
    claim,
    device,
    device_class,
    exactly,
    first_of,
    node,
    resource_slice,
    selectors,
)

NAMES = ("a", "b", "c")
PLAIN = [resource_slice("s", *(device(name) for name in NAMES))]
TAINT = {"key": "broken", "value": "yes", "effect": "NoSchedule"}


def used(*devices: str, **more: Any) -> list[Obj]:
    """The allocation of another claim."""
    results = [{"driver": DRIVER, "pool": "pool", "device": name, **more} for name in devices]
    return [{"devices": {"results": results}}]


def given(
    slices: list[Obj],
    *claims: Obj,
    taken: list[Obj] | None = None,
    classes: list[Obj] | None = None,
    at: Obj | None = None,
) -> str | None:
    """Return the names of the devices that the claims get: `request=device …`, None when there is no way."""
    by_name = {each["metadata"]["name"]: each for each in classes or [device_class()]}
    found = allocate(claims, at or node(), Asking(read(slices), used_by(taken or []), by_name.get))
    if found is None:
        return None
    return " ".join(f"{pick.wanted.name}={pick.device.id[2]}" for picks in found.picks for pick in picks)


def same(**more: Any) -> Obj:
    return claim(exactly(count=2), constraints=[{"matchAttribute": f"{DRIVER}/numa", **more}])


NUMA = [
    resource_slice(
        "s",
        device("a", attributes={"numa": 0}),
        device("b", attributes={"numa": 1}),
        device("c", attributes={f"{DRIVER}/numa": 0}),
        device("d"),
    )
]

CASES = [
    pytest.param(PLAIN, [claim(exactly())], "r=a", id="first"),
    pytest.param(PLAIN, [claim(exactly(count=3))], "r=a r=b r=c", id="as many as there are"),
    pytest.param(PLAIN, [claim(exactly(count=4))], None, id="too many"),
    pytest.param(PLAIN, [claim(exactly("x"), exactly("y"))], "x=a y=b", id="two requests"),
    pytest.param(PLAIN, [claim(exactly("x", 2)), claim(exactly("y", 2), name="d")], None, id="two claims too many"),
    pytest.param(PLAIN, [claim(exactly(allocationMode="All"))], "r=a r=b r=c", id="all"),
    pytest.param([], [claim(exactly(allocationMode="All"))], None, id="all of none"),
    pytest.param(NUMA, [same()], "r=a r=c", id="match attribute"),
    pytest.param(NUMA, [same(requests=["r"])], "r=a r=c", id="match attribute of a request"),
    pytest.param(
        NUMA,
        [claim(exactly("x"), exactly("y"), constraints=[{"matchAttribute": f"{DRIVER}/numa", "requests": ["y"]}])],
        "x=a y=b",
        id="constraint of another request",
    ),
    pytest.param(
        NUMA,
        [claim(exactly(count=2), constraints=[{"distinctAttribute": f"{DRIVER}/numa"}])],
        "r=a r=b",
        id="distinct attribute",
    ),
    pytest.param(
        NUMA, [claim(exactly(count=3), constraints=[{"distinctAttribute": f"{DRIVER}/numa"}])], None, id="too distinct"
    ),
    pytest.param(
        NUMA,
        [claim(exactly(selectors=selectors(f'device.attributes["{DRIVER}"].?numa.orValue(9) == 1')))],
        "r=b",
        id="selector",
    ),
    pytest.param(
        NUMA,
        [claim(first_of("r", exactly("many", 3, selectors=selectors("false")), exactly("one")))],
        "r/one=a",
        id="second alternative",
    ),
    pytest.param(
        PLAIN,
        [claim(first_of("r", exactly("three", 3), exactly("two", 2)), exactly("s"))],
        "r/two=a r/two=b s=c",
        id="an alternative that leaves something for others",
    ),
    pytest.param(
        [resource_slice("s", device("a", taints=[TAINT]), device("b"))], [claim(exactly())], "r=b", id="tainted"
    ),
    pytest.param(
        [resource_slice("s", device("a", taints=[TAINT]), device("b"))],
        [claim(exactly(tolerations=[{"key": "broken", "operator": "Exists"}]))],
        "r=a",
        id="tolerated",
    ),
    pytest.param(
        [resource_slice("s", device("a", taints=[{**TAINT, "effect": "None"}]))],
        [claim(exactly())],
        "r=a",
        id="taint for people",
    ),
    pytest.param(
        [resource_slice("s", device("a", taints=[TAINT]), device("b"))],
        [claim(exactly(allocationMode="All"))],
        None,
        id="all with a taint",
    ),
]


@pytest.mark.parametrize(("slices", "claims", "expected"), CASES)
def test_devices_are_chosen(slices: list[Obj], claims: list[Obj], expected: str | None) -> None:
    assert given(slices, *claims) == expected


@pytest.mark.parametrize(
    ("taken", "request_", "expected"),
    [
        pytest.param(used("a", "b"), exactly(), "r=c", id="the free one"),
        pytest.param(used("a", "b"), exactly(count=2), None, id="not enough"),
        pytest.param(used("a"), exactly(allocationMode="All"), None, id="not all"),
        pytest.param(used("a"), exactly(adminAccess=True), "r=a", id="admin access takes what is in use"),
        pytest.param(
            used("a", "b", adminAccess=True), exactly(count=3), "r=a r=b r=c", id="admin access takes nothing"
        ),
        pytest.param(
            used("a"), exactly(allocationMode="All", adminAccess=True), "r=a r=b r=c", id="admin access to all"
        ),
    ],
)
def test_devices_in_use(taken: list[Obj], request_: Obj, expected: str | None) -> None:
    assert given(PLAIN, claim(request_), taken=taken) == expected


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        pytest.param([resource_slice("s", device("a"), count=2)], None, id="a slice is missing"),
        pytest.param(
            [resource_slice("s", device("a"), count=2), resource_slice("t", device("b"), count=2)], "r=a", id="whole"
        ),
        pytest.param(
            [resource_slice("s", device("a")), resource_slice("t", device("b"), generation=2)], "r=b", id="newest"
        ),
        pytest.param(
            [resource_slice("s", device("a"), device("a")), resource_slice("t", device("b"), pool="q")],
            "r=b",
            id="doubled name",
        ),
        pytest.param([resource_slice("s", device("a"), nodeName="n2")], None, id="elsewhere"),
        pytest.param([resource_slice("s", device("a"), allNodes=True)], "r=a", id="everywhere"),
        pytest.param(
            [resource_slice("s", device("a", nodeName="n2"), device("b", allNodes=True), perDeviceNodeSelection=True)],
            "r=b",
            id="each device has its place",
        ),
        pytest.param(
            [
                resource_slice(
                    "s",
                    device("a"),
                    nodeSelector={
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["z"]}]}
                        ]
                    },
                )
            ],
            "r=a",
            id="node selector",
        ),
    ],
)
def test_pools_and_places(slices: list[Obj], expected: str | None) -> None:
    assert given(slices, claim(exactly()), at=node(zone="z")) == expected


@pytest.mark.parametrize(
    ("slices", "wanted", "reason"),
    [
        (
            [resource_slice("s", device("a"), count=2)],
            exactly(allocationMode="All"),
            f"claim c, request r: asks for all devices, but resource pool {DRIVER}/pool is currently being updated",
        ),
        (
            PLAIN,
            exactly(selectors=selectors(f'device.attributes["{DRIVER}"].nothing == 1')),
            "claim c, request r: selector #0: CEL runtime error: no such key: nothing",
        ),
        (PLAIN, exactly(deviceClassName="x"), "claim c, request r: device class x does not exist"),
    ],
)
def test_why_it_fails(slices: list[Obj], wanted: Obj, reason: str) -> None:
    with pytest.raises(CannotAllocate) as caught:
        given(slices, claim(wanted))
    assert str(caught.value) == reason


def partition(name: str, memory: str) -> Obj:
    return device(name, consumesCounters=[{"counterSet": "gpu", "counters": {"memory": {"value": memory}}}])


PARTITIONS = [
    resource_slice("s", count=2, sharedCounters=[{"name": "gpu", "counters": {"memory": {"value": "8Gi"}}}]),
    resource_slice("t", partition("big", "6Gi"), partition("half", "4Gi"), partition("other", "4Gi"), count=2),
]


def test_partitions_share_their_counters() -> None:
    assert given(PARTITIONS, claim(exactly())) == "r=big"
    assert given(PARTITIONS, claim(exactly(count=2))) == "r=half r=other"
    assert given(PARTITIONS, claim(exactly()), taken=used("half")) == "r=other"
    assert given(PARTITIONS, claim(exactly()), taken=used("big")) is None
    assert given(PARTITIONS, claim(exactly(count=3))) is None


def asking_for(memory: str, **more: Any) -> Obj:
    return exactly(capacity={"requests": {"memory": memory}}, **more)


SHARED = [resource_slice("s", device("a", capacity={"memory": "10Gi"}, allowMultipleAllocations=True))]


def test_a_shared_device_is_consumed_bit_by_bit() -> None:
    assert given(SHARED, claim(asking_for("6Gi"))) == "r=a"
    assert given(SHARED, claim(asking_for("5Gi", count=2))) == "r=a r=a"
    assert given(SHARED, claim(asking_for("6Gi", count=2))) is None
    share = {"shareID": "x", "consumedCapacity": {"memory": "5Gi"}}
    assert given(SHARED, claim(asking_for("5Gi")), taken=used("a", **share)) == "r=a"
    assert given(SHARED, claim(asking_for("6Gi")), taken=used("a", **share)) is None
    assert given(SHARED, claim(exactly()), taken=used("a", **share)) is None, "without a request it is all of it"


@pytest.mark.parametrize(
    ("policy", "asked", "expected"),
    [
        ({"default": "1Gi"}, None, "1Gi"),
        ({}, None, "10Gi"),
        ({"default": "1Gi", "validValues": ["1Gi", "4Gi"]}, "2Gi", "4Gi"),
        ({"default": "1Gi", "validValues": ["1Gi", "4Gi"]}, "5Gi", None),
        ({"default": "1Gi", "validRange": {"min": "1Gi", "step": "2Gi"}}, "2Gi", "3Gi"),
        ({"default": "1Gi", "validRange": {"min": "1Gi", "max": "4Gi"}}, "5Gi", None),
        ({"default": "1Gi", "validRange": {"min": "2Gi"}}, "1Gi", "2Gi"),
    ],
)
def test_the_policy_rounds_what_is_asked(policy: Obj, asked: str | None, expected: str | None) -> None:
    capacity = {"memory": {"value": "10Gi", "requestPolicy": policy}}
    slices = [resource_slice("s", device("a", capacity=capacity, allowMultipleAllocations=True))]
    wanted = claim(asking_for(asked) if asked else exactly())
    found = allocate([wanted], node(), Asking(read(slices), used_by([]), lambda name: device_class()))
    if expected is None:
        assert found is None
        return
    assert found is not None
    written = allocation(wanted, found.picks[0], "n1", lambda name: device_class(), lambda: "id")
    (result,) = written["devices"]["results"]
    assert result["consumedCapacity"] == {"memory": expected}
    assert result["shareID"] == "id"


def test_a_device_for_oneself_only_has_to_be_large_enough() -> None:
    slices = [resource_slice("s", device("a", capacity={"memory": "4Gi"}), device("b", capacity={"memory": "8Gi"}))]
    assert given(slices, claim(asking_for("6Gi"))) == "r=b"


def test_better_alternatives_are_worth_more() -> None:
    asking = Asking(read(PLAIN), used_by([]), lambda name: device_class())
    points = []
    for ways in ([exactly("x")], [exactly("x", 9), exactly("y")]):
        found = allocate([claim(first_of("r", *ways), exactly("s"))], node(), asking)
        assert found is not None
        points.append(found.points)
    assert points == [8, 7]


def test_what_is_written() -> None:
    opaque = {"opaque": {"driver": DRIVER, "parameters": {"x": 1}}}
    held = device_class("gpu", config=[opaque])
    toleration = {"key": "broken", "operator": "Exists"}
    wanted = claim(
        exactly("x", tolerations=[toleration]),
        exactly("y"),
        config=[{**opaque, "requests": ["y"]}, {**opaque, "requests": ["z"]}, opaque],
    )
    found = allocate([wanted], node(), Asking(read(PLAIN), used_by([]), lambda name: held))
    assert found is not None
    assert allocation(wanted, found.picks[0], "n1", lambda name: held, lambda: "id") == {
        "devices": {
            "results": [
                {"request": "x", "driver": DRIVER, "pool": "pool", "device": "a", "tolerations": [toleration]},
                {"request": "y", "driver": DRIVER, "pool": "pool", "device": "b"},
            ],
            "config": [
                {"source": "FromClass", "requests": ["x"], **opaque},
                {"source": "FromClass", "requests": ["y"], **opaque},
                {"source": "FromClaim", "requests": ["y"], **opaque},
                {"source": "FromClaim", **opaque},
            ],
        },
        "nodeSelector": {
            "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]
        },
    }


def test_the_search_is_bounded() -> None:
    devices = [device(f"d{number}", attributes={"x": number % 16}) for number in range(64)]
    wanted = claim(exactly(count=10), constraints=[{"matchAttribute": f"{DRIVER}/x"}])
    many = [claim(exactly(count=4), name=f"c{number}") for number in range(14)]
    with pytest.raises(CannotAllocate, match="timed out trying to allocate devices"):
        given([resource_slice("s", *devices)], *many, wanted)
