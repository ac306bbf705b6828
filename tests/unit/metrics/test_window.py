"""From counters to usage, and from usage to the objects of metrics.k8s.io."""

from __future__ import annotations

import pytest

from kubern.metrics.api import listed, node_metrics, pod_metrics
from kubern.metrics.text import Sample, samples
from kubern.metrics.window import Reading, Usage, Window, readings, usage

KEY = ("ns", "web", "app")


@pytest.mark.parametrize(
    ("before", "last", "expected"),
    [
        pytest.param(Reading(100, 10, 1), Reading(115, 13, 2), Usage(115, 15, 0.2, 2), id="two counters"),
        pytest.param(None, Reading(115, 13, 2), None, id="one counter, start unknown"),
        pytest.param(
            None, Reading(115, 4, 2, 95), Usage(115, 20, 0.2, 2), id="a young container counts from its start"
        ),
        pytest.param(None, Reading(100, 1, 2, 95), None, id="too young"),
        pytest.param(None, Reading(200, 1, 2, 95), None, id="too old for its start"),
        pytest.param(Reading(100, 10, 1), Reading(115, 3, 2), None, id="the counter went back"),
        pytest.param(Reading(100, 1, 1, 50), Reading(115, 3, 2, 105), Usage(115, 10, 0.3, 2), id="started again"),
    ],
)
def test_usage_between_two_readings(before, last, expected):
    assert usage(before, last, 15) == expected


def test_a_window_keeps_what_a_repeated_reading_says_and_forgets_nodes():
    window = Window(15)
    for reading in (Reading(100, 10, 1), Reading(110, 15, 2), Reading(110, 15, 2)):
        window.take("n", {KEY: reading, ("", "n", ""): reading})
    assert window.pods() == {("ns", "web"): {"app": Usage(110, 10, 0.5, 2)}}
    assert window.node("n") == Usage(110, 10, 0.5, 2)
    window.keep([])
    assert window.pods() == {}
    assert window.node("n") is None


def test_readings_join_counter_memory_and_start():
    labels = {"namespace": "ns", "pod": "web", "container": "app"}
    found = [
        Sample("container_cpu_usage_seconds_total", labels, 2.0, 50.0),
        Sample("container_memory_working_set_bytes", labels, 7.0),
        Sample("container_start_time_seconds", labels, 9.0),
        Sample("node_cpu_usage_seconds_total", {}, 3.0),
        Sample("node_memory_working_set_bytes", {}, 8.0),
        Sample("container_cpu_usage_seconds_total", labels | {"container": "no memory"}, 2.0),
    ]
    assert readings("n", found, 99.0) == {KEY: Reading(50, 2, 7, 9), ("", "n", ""): Reading(99, 3, 8)}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a 1", [Sample("a", {}, 1.0)]),
        ('a{b="c,\\"d\\"\\n",e="}"} 2.5 1500', [Sample("a", {"b": 'c,"d"\n', "e": "}"}, 2.5, 1.5)]),
        ("# HELP a b", []),
        ("a b", []),
        ("a NaN", []),
        ("a -Inf", []),
        ("a 1e300", []),
        ("a 1 -1", []),
        ("a 1 999999999999999999", []),
        ("a 1 " + "9" * 5000, []),
        ("a{" + " " * 300_000 + "} 1", [Sample("a", {}, 1.0)]),
        ("", []),
        ("{} 1", []),
    ],
)
def test_the_text_format(line, expected):
    assert list(samples(line)) == expected


def test_the_objects_have_upstreams_form():
    used = Usage(1767225600, 15.5, 0.25, 3 * 1024)
    node = node_metrics({"metadata": {"name": "n", "labels": {"a": "b"}, "uid": "u"}}, used)
    assert node == {
        "kind": "NodeMetrics", "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {"name": "n", "labels": {"a": "b"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "timestamp": "2026-01-01T00:00:00Z", "window": "15.5s", "usage": {"cpu": "250000000n", "memory": "3Ki"},
    }  # fmt: skip
    later = Usage(1767225700, 75, 0.0, 0)
    pod = pod_metrics({"metadata": {"name": "p", "namespace": "ns"}}, {"b": later, "a": used})
    assert pod["timestamp"] == "2026-01-01T00:00:00Z"
    assert pod["containers"][0] == {"name": "b", "usage": {"cpu": "0", "memory": "0Ki"}}
    assert node_metrics({"metadata": {"name": "n"}}, later)["window"] == "1m15s"
    assert "kind" not in listed("PodMetrics", [pod])["items"][0]
