"""What an update may do to the addresses of a Service and to their families, in upstream's words."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.api.service.addresses import check_address_update, check_cluster_addresses
from kubern.base.json import Obj

POLICY = (
    "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the secondary"
)
V4, V6 = "10.0.0.1", "fd00::1"
BOTH: Obj = {
    "clusterIP": V4,
    "clusterIPs": [V4, V6],
    "ipFamilies": ["IPv4", "IPv6"],
    "ipFamilyPolicy": "PreferDualStack",
}
ONE: Obj = {"clusterIP": V4, "clusterIPs": [V4], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}
BARE: Obj = {"clusterIP": "None", "clusterIPs": ["None"], "ipFamilies": ["IPv4"]}


def said(causes: list[Any]) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in causes]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (ONE, ONE, []),
        (ONE, BOTH, []),
        (BOTH, ONE, []),
        (BARE, {**BARE, "ipFamilies": ["IPv6"]}, []),
        (ONE, {"type": "ExternalName"}, []),
        (ONE, {**ONE, "clusterIPs": ["10.0.0.2"]}, ['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set']),
        (ONE, BARE, ['spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set']),
        (
            BOTH, {**BOTH, "clusterIPs": [V4, "fd00::2"]},
            ['spec.clusterIPs[1]: Invalid value: ["10.0.0.1","fd00::2"]: may not change once set'],
        ),
        (
            BOTH, {**ONE, "ipFamilyPolicy": "PreferDualStack"},
            [
                f"{POLICY} clusterIP",
                f"{POLICY} ipFamily",
            ],
        ),
        (ONE, {**ONE, "ipFamilies": ["IPv6"]}, ['spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set']),
        (ONE, {**ONE, "clusterIPs": []}, ["spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset"]),
    ],
    ids=[
        "same", "second-added", "second-released", "headless", "external", "first", "to-headless", "second-changed",
        "policy-forgotten", "family", "none",
    ],
)  # fmt: skip
def test_an_update(old: Obj, new: Obj, expected: list[str]) -> None:
    assert said(check_address_update(new, old)) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (BOTH, []),
        ({"clusterIP": V4}, ["spec.clusterIPs: Required value"]),
        ({"clusterIPs": [V4]}, [f'spec.clusterIPs: Invalid value: ["{V4}"]: must be empty when `clusterIP` is not specified']),
        (
            {"clusterIP": V4, "clusterIPs": [V4, "10.0.0.2"]},
            [f'spec.clusterIPs: Invalid value: ["{V4}","10.0.0.2"]: may specify no more than one IP for each IP family'],
        ),
        (
            {"clusterIP": V4, "clusterIPs": [V4], "ipFamilies": ["IPv6"]},
            [f'spec.clusterIPs[0]: Invalid value: "{V4}": expected an IPv6 value as indicated by `ipFamilies[0]`'],
        ),
    ],
    ids=["both", "list-missing", "single-missing", "one-family", "other-family"],
)  # fmt: skip
def test_addresses(spec: Obj, expected: list[str]) -> None:
    assert said(check_cluster_addresses(spec)) == expected
