"""Which families a Service has: policy, families and addresses together, on clusters of one and of two families."""

from __future__ import annotations

import copy
import random

import pytest

from kubern.apiserver.allocation.families import settle_families
from kubern.apiserver.allocation.ranges import AddressRanges, parse_ranges
from kubern.base.json import Obj

ONE, BOTH, BOTH_6 = ("IPv4",), ("IPv4", "IPv6"), ("IPv6", "IPv4")
SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
DUAL: Obj = {
    "ipFamilyPolicy": REQUIRE, "ipFamilies": ["IPv4", "IPv6"], "clusterIPs": ["10.0.0.1", "fd00::1"],
    "clusterIP": "10.0.0.1", "selector": {"a": "b"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "cluster", "policy", "families"),
    [
        ({}, ONE, SINGLE, ["IPv4"]),
        ({}, BOTH_6, SINGLE, ["IPv6"]),
        ({"ipFamilies": ["IPv6"]}, BOTH, SINGLE, ["IPv6"]),
        ({"clusterIPs": ["fd00::9"]}, BOTH, SINGLE, ["IPv6"]),
        ({"ipFamilyPolicy": PREFER}, ONE, PREFER, ["IPv4"]),
        ({"ipFamilyPolicy": PREFER}, BOTH, PREFER, ["IPv4", "IPv6"]),
        ({"ipFamilyPolicy": PREFER, "ipFamilies": ["IPv6"]}, BOTH, PREFER, ["IPv6", "IPv4"]),
        ({"ipFamilyPolicy": REQUIRE}, BOTH_6, REQUIRE, ["IPv6", "IPv4"]),
        ({"ipFamilyPolicy": REQUIRE, "clusterIPs": ["fd00::9"]}, BOTH, REQUIRE, ["IPv6", "IPv4"]),
        ({"clusterIP": "None", "clusterIPs": ["None"]}, ONE, REQUIRE, ["IPv4", "IPv6"]),
        ({"clusterIP": "None", "clusterIPs": ["None"], "selector": {"a": "b"}}, BOTH, SINGLE, ["IPv4"]),
    ],
)
def test_families_of_a_new_service(spec: Obj, cluster: tuple[str, ...], policy: str, families: list[str]) -> None:
    made = copy.deepcopy(spec)
    assert settle_families(made, None, cluster) == []
    assert (made["ipFamilyPolicy"], made["ipFamilies"]) == (policy, families)


@pytest.mark.parametrize(
    ("spec", "cluster", "path", "message"),
    [
        ({"ipFamilyPolicy": REQUIRE}, ONE, "spec.ipFamilyPolicy",
         "this cluster is not configured for dual-stack services"),
        ({"ipFamilies": ["IPv6"]}, ONE, "spec.ipFamilies[0]", "not configured on this cluster"),
        ({"clusterIPs": ["fd00::1"]}, ONE, "spec.clusterIPs[0]", "IPv6 is not configured on this cluster"),
        ({"ipFamilyPolicy": SINGLE, "ipFamilies": ["IPv4", "IPv6"]}, BOTH, "spec.ipFamilyPolicy",
         "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"),
        ({"ipFamilyPolicy": SINGLE, "clusterIPs": ["10.0.0.1", "fd00::1"]}, BOTH, "spec.ipFamilyPolicy",
         "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(spec: Obj, cluster: tuple[str, ...], path: str, message: str) -> None:
    causes = settle_families(copy.deepcopy(spec), None, cluster)
    assert causes[0].field == path
    assert message in causes[0].message


def test_a_service_that_nobody_touched_keeps_its_families_without_the_second_range() -> None:
    stored = DUAL | {"ipFamilyPolicy": PREFER}
    spec = copy.deepcopy(stored)
    assert settle_families(spec, stored, ONE) == []
    assert spec == stored


def test_single_stack_lets_go_of_the_second_family() -> None:
    spec = copy.deepcopy(DUAL) | {"ipFamilyPolicy": SINGLE}
    assert settle_families(spec, DUAL, BOTH) == []
    assert (spec["ipFamilies"], spec["clusterIPs"]) == (["IPv4"], ["10.0.0.1"])


def test_only_single_stack_lets_go_of_it() -> None:
    spec = copy.deepcopy(DUAL) | {"clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"]}
    messages = [cause.message for cause in settle_families(spec, DUAL, BOTH)]
    assert any("must be 'SingleStack' to release the secondary cluster IP" in each for each in messages)
    assert any("must be 'SingleStack' to release the secondary IP family" in each for each in messages)


def test_ranges_are_one_of_each_family() -> None:
    assert parse_ranges("10.0.0.0/24, fd00::/112") == ("10.0.0.0/24", "fd00::/112")
    for wrong in ("10.0.0.0/24,10.1.0.0/24", "10.0.0.0/24,fd00::/112,fd01::/112", ""):
        with pytest.raises(ValueError):
            parse_ranges(wrong)


def test_an_address_is_of_the_family_asked_for() -> None:
    ranges = AddressRanges("10.0.0.0/24,fd00::/112", random.Random(1))
    assert ranges.take_next("IPv6").startswith("fd00::")
    assert ranges.take_next("IPv4").startswith("10.0.0.")
