"""Quality of service classes and the numbers for the kernel."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.kubelet.qos import container_resources, oom_score_adj, pod_limits, qos_class, quota, shares, total
from tests.unit.kubelet.pods import pod


def res(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None) -> dict[str, Any]:
    return {"resources": {"requests": requests or {}, "limits": limits or {}}}


BOTH = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (pod({}), "BestEffort"),
        (pod(res({"cpu": "0"})), "BestEffort"),
        (pod(res({"example.com/gpu": "1"})), "BestEffort"),
        (pod(res(limits=BOTH)), "Guaranteed"),
        (pod(res(BOTH, {"cpu": "1000m", "memory": "1024Mi"})), "Guaranteed"),
        (pod(res({"cpu": "500m"}, BOTH)), "Burstable"),
        (pod(res(limits={"cpu": "1"})), "Burstable"),
        (pod(res(limits=BOTH), {}), "Burstable"),
        (pod(res(limits=BOTH), initContainers=[{}]), "Burstable"),
        (pod({}, resources={"limits": BOTH}), "Guaranteed"),
    ],
)
def test_class(spec: dict[str, Any], wanted: str) -> None:
    assert qos_class(spec) == wanted


@pytest.mark.parametrize(("millicores", "wanted"), [(0, 2), (1, 2), (100, 102), (1000, 1024), (10**9, 262144)])
def test_shares(millicores: int, wanted: int) -> None:
    assert shares(millicores) == wanted


@pytest.mark.parametrize(("millicores", "wanted"), [(0, 0), (1, 1000), (250, 25000), (2000, 200000)])
def test_quota(millicores: int, wanted: int) -> None:
    assert quota(millicores) == wanted


@pytest.mark.parametrize(
    ("container", "more", "wanted"),
    [
        ({}, {}, 1000),
        (res(limits=BOTH), {}, -997),
        (res({"memory": "2Gi"}), {}, 500),
        (res({"memory": "1Mi"}), {}, 999),
        (res({"memory": "4Gi"}), {}, 3),
        ({}, {"priority": 2_000_001_000}, -997),
    ],
)
def test_oom_score(container: dict[str, Any], more: dict[str, Any], wanted: int) -> None:
    spec = pod(container, **more)
    assert oom_score_adj(spec, spec["spec"]["containers"][0], 4 << 30) == wanted


def test_container_limits() -> None:
    spec = pod(res({"cpu": "100m"}, {"cpu": "250m", "memory": "32Mi", "hugepages-2Mi": "4Mi"}))
    found = container_resources(spec, spec["spec"]["containers"][0], 1 << 30)
    assert (found.cpu_shares, found.cpu_quota, found.cpu_period) == (102, 25000, 100000)
    assert found.memory_limit == 32 << 20
    assert found.hugepage_limits == (("2MiB", 4 << 20),)


def test_a_pod_has_a_limit_only_when_all_its_containers_have_one() -> None:
    assert pod_limits(pod(res(limits=BOTH), res(limits=BOTH))) == (2048, 200000, 2 << 30)
    assert pod_limits(pod(res(limits=BOTH), {})) == (1024, 0, 0)


def test_total_counts_the_hungriest_moment() -> None:
    spec = pod(
        res({"cpu": "1"}),
        initContainers=[
            {"restartPolicy": "Always"} | res({"cpu": "200m"}),
            res({"cpu": "3"}),
        ],
        overhead={"cpu": "10m"},
    )
    assert total(spec) == {"cpu": 3210}
