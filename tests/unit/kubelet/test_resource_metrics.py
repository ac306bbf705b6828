"""`/metrics/resource` from a stats summary."""

from __future__ import annotations

from kubern.kubelet.server.resource_metrics import resource_metrics
from kubern.metrics.text import samples

TIME = "2026-01-01T00:00:01.500000Z"
SECONDS = 1767225601.5


def stats(nanoseconds: int, memory: int):
    return {
        "cpu": {"time": TIME, "usageCoreNanoSeconds": nanoseconds},
        "memory": {"time": TIME, "workingSetBytes": memory},
    }


def test_every_scope_is_shown_with_its_labels_and_time():
    container = {"name": "app", "startTime": "2026-01-01T00:00:00Z"} | stats(2_500_000_000, 4096)
    pod = {"podRef": {"name": "web", "namespace": "shop", "uid": "u"}, "containers": [container]} | stats(
        3 * 10**9, 5000
    )
    found = {s.name: s for s in samples(resource_metrics({"node": stats(10**10, 1 << 30), "pods": [pod]}).decode())}
    own = {"namespace": "shop", "pod": "web"}
    assert found["container_cpu_usage_seconds_total"][1:] == (own | {"container": "app"}, 2.5, SECONDS)
    assert found["container_memory_working_set_bytes"].value == 4096
    assert found["container_start_time_seconds"].value == 1767225600
    assert found["pod_cpu_usage_seconds_total"][1:] == (own, 3.0, SECONDS)
    assert found["node_cpu_usage_seconds_total"][1:] == ({}, 10.0, SECONDS)
    assert found["resource_scrape_error"].value == 0


def test_what_has_no_counters_is_left_out():
    text = resource_metrics({"node": {"nodeName": "n"}, "pods": []}).decode()
    assert [s.name for s in samples(text)] == ["resource_scrape_error"]
