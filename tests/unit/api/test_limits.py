"""LimitRange: defaults of containers, and bounds in upstream's words."""

from __future__ import annotations

import pytest

from kubern.api.limits import ANNOTATION, default_containers, violations

TWICE = {"maxLimitRequestRatio": {"cpu": "2"}}
RATIO = "cpu max limit to request ratio per Container is 2, "


def pod(*containers, **spec):
    named = [{"name": f"c{n}", "resources": resources} for n, resources in enumerate(containers)]
    return {"metadata": {"name": "p"}, "spec": {"containers": named, **spec}}


def limits(**item):
    return {"spec": {"limits": [{"type": "Container", **item}]}}


def test_a_container_that_states_nothing_gets_the_defaults():
    made = pod({}, {"requests": {"cpu": "2"}}, initContainers=[{"name": "i"}])
    default_containers(made, limits(default={"cpu": "1", "memory": "1Gi"}, defaultRequest={"cpu": "100m"}))
    given = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}}
    first, second = made["spec"]["containers"]
    assert first["resources"] == made["spec"]["initContainers"][0]["resources"] == given
    assert second["resources"] == {"requests": {"cpu": "2"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    assert made["metadata"]["annotations"][ANNOTATION] == (
        "LimitRanger plugin set: cpu request for init container i; cpu, memory limit for init container i; "
        "cpu request for container c0; cpu, memory limit for container c0; cpu, memory limit for container c1"
    )


def test_what_is_stated_is_left_alone():
    made = pod({"requests": {"cpu": "2"}, "limits": {"cpu": "3"}})
    default_containers(made, limits(default={"cpu": "1"}, defaultRequest={"cpu": "1"}))
    assert made == pod({"requests": {"cpu": "2"}, "limits": {"cpu": "3"}})


@pytest.mark.parametrize(
    ("item", "resources", "said"),
    [
        ({"min": {"cpu": "100m"}}, {}, "minimum cpu usage per Container is 100m.  No request is specified"),
        ({"min": {"cpu": "100m"}}, {"requests": {"cpu": "50m"}}, "minimum cpu usage per Container is 100m, but request is 50m"),
        ({"min": {"cpu": "100m"}}, {"requests": {"cpu": "100m"}}, ""),
        ({"max": {"memory": "1Gi"}}, {}, "maximum memory usage per Container is 1Gi.  No limit is specified"),
        ({"max": {"memory": "1Gi"}}, {"limits": {"memory": "2Gi"}}, "maximum memory usage per Container is 1Gi, but limit is 2Gi"),
        ({"max": {"memory": "1Gi"}}, {"limits": {"memory": "1024Mi"}}, ""),
        (TWICE, {}, RATIO + "but no request is specified or request is 0"),
        (TWICE, {"requests": {"cpu": "1"}}, RATIO + "but no limit is specified or limit is 0"),
        (TWICE, {"requests": {"cpu": "1"}, "limits": {"cpu": "4"}}, RATIO + "but provided ratio is 4.000000"),
        (TWICE, {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}, ""),
    ],
)  # fmt: skip
def test_bounds_of_a_container(item, resources, said):
    assert violations(pod(resources), "Pod", limits(**item)) == ([said] if said else [])


def test_bounds_of_a_pod_are_of_all_its_containers_together():
    half = {"limits": {"cpu": "600m"}}
    item = {"type": "Pod", "max": {"cpu": "1"}}
    said = "maximum cpu usage per Pod is 1, but limit is 1200m"
    assert violations(pod(half, half), "Pod", limits(**item)) == [said]
    assert violations(pod(half), "Pod", limits(**item)) == []
    big = [{"name": "i", "resources": {"limits": {"cpu": "2"}}}]
    assert violations(pod(half, initContainers=big), "Pod", limits(**item)) == [
        "maximum cpu usage per Pod is 1, but limit is 2"
    ]


def test_bounds_of_a_claim():
    claim = {"metadata": {"name": "c"}, "spec": {"resources": {"requests": {"storage": "5Gi"}}}}
    item = {"type": "PersistentVolumeClaim", "min": {"storage": "10Gi"}, "max": {"storage": "1Gi"}}
    assert violations(claim, "PersistentVolumeClaim", limits(**item)) == [
        "minimum storage usage per PersistentVolumeClaim is 10Gi, but request is 5Gi",
        "maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 5Gi",
    ]
