"""What pods request and may use, as series."""

import pytest

from kubern.base.metrics import expose
from kubern.scheduler.resource_metrics import pod_resources, unit_of


def container(requests=None, limits=None, **more):
    return {"name": "c", "resources": {"requests": requests or {}, "limits": limits or {}}} | more


def pod(name, *containers, phase="Running", init=(), **spec):
    return {
        "metadata": {"namespace": "ns", "name": name},
        "spec": {"containers": [*containers], "initContainers": [*init]} | spec,
        "status": {"phase": phase},
    }


def lines(*pods):
    return {line for line in expose(pod_resources(pods)).splitlines() if not line.startswith("#")}


def test_each_pod_has_its_series():
    found = lines(
        pod("a", container({"cpu": "250m"}, {"memory": "1Gi"}), container({"cpu": "1"}), nodeName="n", priority=7),
        pod("done", container({"cpu": "1"}), phase="Succeeded"),
        pod("none", container()),
    )
    head = 'namespace="ns",pod="a",node="n",scheduler="default-scheduler",priority="7"'
    assert found == {
        f'kube_pod_resource_request{{{head},resource="cpu",unit="cores"}} 1.25',
        f'kube_pod_resource_limit{{{head},resource="memory",unit="bytes"}} 1073741824',
    }


def test_the_hungriest_moment_counts_and_overhead_is_no_limit():
    init = container({"cpu": "3"}, {"cpu": "4"})
    found = lines(pod("a", container({"cpu": "1"}), init=[init], overhead={"cpu": "100m", "memory": "1Mi"}))
    head = 'namespace="ns",pod="a",node="",scheduler="default-scheduler",priority=""'
    assert found == {
        f'kube_pod_resource_request{{{head},resource="cpu",unit="cores"}} 3.1',
        f'kube_pod_resource_request{{{head},resource="memory",unit="bytes"}} 1048576',
        f'kube_pod_resource_limit{{{head},resource="cpu",unit="cores"}} 4.1',
    }


@pytest.mark.parametrize(
    ("resource", "unit"),
    [("cpu", "cores"), ("memory", "bytes"), ("hugepages-2Mi", "bytes"), ("example.com/gpu", "integer")],
)
def test_units(resource, unit):
    assert unit_of(resource) == unit
