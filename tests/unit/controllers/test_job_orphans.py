"""Pods that no Job will count: which of them lose the Job's finalizer."""

from __future__ import annotations

import pytest

from kubern.base.json import Obj
from kubern.controllers.job.facts import TRACKING
from kubern.controllers.job.orphans import ORPHANS
from kubern.controllers.owners import reference_to
from kubern.controllers.resources import JOBS, PODS
from tests.unit.controllers.workloads import workload
from tests.unit.controllers.world import World

KEY = ("ns", "p")


def pod(owner: Obj | None = None, **meta: object) -> Obj:
    references = [owner] if owner else []
    labels = {"app": "db"}
    return {
        "apiVersion": "v1", "kind": "Pod", "spec": {},
        "metadata": {
            "name": "p", "namespace": "ns", "labels": labels, "ownerReferences": references,
            "finalizers": [TRACKING, "example.com/other"], **meta,
        },
    }  # fmt: skip


GONE = {"apiVersion": "batch/v1", "kind": "Job", "name": "db", "uid": "old", "controller": True}
OTHERS = {"apiVersion": "example.com/v1", "kind": "Job", "name": "db", "uid": "old", "controller": True}
LEAVING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (pod(GONE), False),
        (pod(GONE, **LEAVING), False),
        (pod(OTHERS), True),
        (pod(), True),
        (pod(**LEAVING), False),
        (pod(labels={"app": "web"}), False),
        (pod(GONE, finalizers=["example.com/other"]), False),
    ],
    ids=["its Job is gone", "both go", "another's", "to adopt", "to be deleted", "nobody selects it", "counted"],
)
def test_who_keeps_the_finalizer_beside_a_job_that_selects_it(found: Obj, kept: bool) -> None:
    world = World()
    world.put(JOBS, workload("Job", parallelism=1))
    world.put(PODS, found)
    world.settle(ORPHANS, KEY)
    left = world.get(PODS, "p")["metadata"]["finalizers"]
    assert left == ([TRACKING] if kept else []) + ["example.com/other"]


@pytest.mark.parametrize("leaving", [False, True])
def test_a_pod_of_a_job_is_the_jobs_to_count(leaving: bool) -> None:
    world = World()
    world.put(JOBS, workload("Job", parallelism=1))
    job = world.get(JOBS, "db")
    world.put(PODS, pod(reference_to(job, "batch/v1", "Job"), **(LEAVING if leaving else {})))
    world.settle(ORPHANS, KEY)
    assert TRACKING in world.get(PODS, "p")["metadata"]["finalizers"]
