"""Properties of the search, against one that tries everything: what is found is right, and what can be found is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.base.json import Obj
from kubern.scheduler.dra.allocator import allocate
from kubern.scheduler.dra.inventory import read
from kubern.scheduler.dra.requests import Asking, alternatives
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
)

TOTAL = 3
Way = tuple[str, Obj]


@st.composite
def devices(draw: st.DrawFn) -> list[Obj]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        attributes = {"x": draw(st.integers(0, 1))} if draw(st.booleans()) else {}
        amount = draw(st.integers(0, 2))
        counters = [{"counterSet": "k", "counters": {"n": {"value": str(amount)}}}] if amount else []
        taints = [{"key": "t", "effect": "NoSchedule"}] if draw(st.integers(0, 4)) == 0 else []
        found.append(device(f"d{number}", attributes=attributes, consumesCounters=counters, taints=taints))
    return found


@st.composite
def requests(draw: st.DrawFn, name: str) -> Obj:
    def one(number: int) -> Obj:
        tolerations = [{"operator": "Exists"}] if draw(st.booleans()) else []
        if draw(st.integers(0, 5)) == 0:
            return exactly(f"w{number}", allocationMode="All", tolerations=tolerations)
        return exactly(f"w{number}", draw(st.integers(1, 3)), tolerations=tolerations)

    if draw(st.booleans()):
        return first_of(name, one(0), one(1))
    return {**one(0), "name": name}


@st.composite
def claims(draw: st.DrawFn) -> list[Obj]:
    found = []
    for number in range(draw(st.integers(1, 2))):
        wanted = [draw(requests(f"r{index}")) for index in range(draw(st.integers(1, 2)))]
        kind = draw(st.sampled_from(["", "matchAttribute", "distinctAttribute"]))
        constraints = [{kind: f"{DRIVER}/x"}] if kind else []
        if kind and draw(st.booleans()):
            constraints[0]["requests"] = [wanted[0]["name"]]
        found.append(claim(*wanted, name=f"c{number}", constraints=constraints))
    return found


Choice = list[tuple[int, str, Obj, tuple[Obj, ...]]]
"""Of each request: claim, name of the alternative, its spec, devices."""


def every_choice(wanted: Sequence[Obj], there: Sequence[Obj]) -> Iterator[Choice]:
    """Yield every way to give each request some devices, right or wrong."""
    slots = [
        (number, alternatives(each)) for number, one in enumerate(wanted) for each in one["spec"]["devices"]["requests"]
    ]
    for ways in itertools.product(*(ways for _, ways in slots)):
        numbers = [len(there) if spec["allocationMode"] == "All" else spec["count"] for _, spec in ways]
        if 0 in numbers:
            continue
        for chosen in itertools.product(*(itertools.combinations(there, number) for number in numbers)):
            yield [(slots[index][0], name, spec, chosen[index]) for index, (name, spec) in enumerate(ways)]


def right(choice: Choice, wanted: Sequence[Obj], taken: set[str], by_name: dict[str, Obj]) -> bool:
    """Say whether a choice breaks no rule."""
    names = [each["name"] for *_, given in choice for each in given]
    if len(set(names)) < len(names) or taken & set(names):
        return False
    if any(each["taints"] and not spec["tolerations"] for _, _, spec, given in choice for each in given):
        return False
    holders = [by_name[name] for name in {*names, *taken}]
    if sum(int(c["counters"]["n"]["value"]) for each in holders for c in each["consumesCounters"]) > TOTAL and any(
        by_name[name]["consumesCounters"] for name in names
    ):
        return False
    return all(
        _holds(choice, number, each)
        for number, one in enumerate(wanted)
        for each in one["spec"]["devices"]["constraints"]
    )


def _holds(choice: Choice, number: int, constraint: Obj) -> bool:
    meant = constraint.get("requests")
    concerned = [
        each["attributes"].get("x", {}).get("int")
        for claim_number, name, _, given in choice
        if claim_number == number and (not meant or name.partition("/")[0] in meant)
        for each in given
    ]
    if None in concerned:
        return False
    distinct = len(set(concerned))
    return distinct == len(concerned) if "distinctAttribute" in constraint else distinct <= 1


@settings(max_examples=300, deadline=None)
@given(devices(), claims(), st.sets(st.integers(0, 4), max_size=2))
def test_what_is_found_is_right_and_what_can_be_found_is(there: list[Obj], wanted: list[Obj], busy: set[int]) -> None:
    by_name = {each["name"]: each for each in there}
    taken = {f"d{number}" for number in busy} & by_name.keys()
    counters = [{"name": "k", "counters": {"n": {"value": str(TOTAL)}}}]
    slices = [resource_slice("s", *there, count=2), resource_slice("t", count=2, sharedCounters=counters)]
    others = [{"devices": {"results": [{"driver": DRIVER, "pool": "pool", "device": name} for name in taken]}}]
    found = allocate(wanted, node(), Asking(read(slices), used_by(others), lambda name: device_class()))
    if found is None:
        assert not any(right(choice, wanted, taken, by_name) for choice in every_choice(wanted, there))
        return
    picked: dict[tuple[int, str], list[Obj]] = {}
    specs: dict[tuple[int, str], Obj] = {}
    for number, picks in enumerate(found.picks):
        for pick in picks:
            picked.setdefault((number, pick.wanted.name), []).append(pick.device.obj)
            specs[number, pick.wanted.name] = pick.wanted.spec
    choice = [(number, name, specs[number, name], tuple(given)) for (number, name), given in picked.items()]
    assert right(choice, wanted, taken, by_name)
    for _, _, spec, given_devices in choice:
        assert len(given_devices) == (len(there) if spec["allocationMode"] == "All" else spec["count"])
    assert len(choice) == sum(len(each["spec"]["devices"]["requests"]) for each in wanted)
