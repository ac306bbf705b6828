"""What the job controller counts of its plans."""

import pytest

from kubern.base.metrics import expose
from kubern.controllers.actions import Create, Delete, Plan
from kubern.controllers.counters import Counters
from kubern.controllers.job.counting import count
from kubern.controllers.resources import PODS


def ended(kind, reason):
    return {"conditions": [{"type": kind, "status": "True", "reason": reason}]}


def job(mode="NonIndexed", **status):
    return {"spec": {"completionMode": mode}, "status": status}


def lines(found, plan):
    counters = Counters()
    counters.add(count(found, plan))
    return {line.removeprefix("job_controller_") for line in expose(counters.families()).splitlines() if line[0] != "#"}


def sync(action, mode="NonIndexed", result="success"):
    return f'job_syncs_total{{completion_mode="{mode}",result="{result}",action="{action}"}} 1'


@pytest.mark.parametrize(
    ("found", "plan", "expected"),
    [
        (job(), None, {sync("reconciling", result="error")}),
        (job(), Plan(), {sync("reconciling")}),
        (job("Indexed"), Plan((Create(PODS, {}, "ns"),)), {sync("pods_created", "Indexed")}),
        (job(), Plan((Delete(PODS, "ns", "p", "uid"),)), {sync("pods_deleted")}),
        (job(succeeded=1), Plan(status={"succeeded": 3, "failed": 1}),
         {sync("reconciling"), 'job_pods_finished_total{completion_mode="NonIndexed",result="succeeded"} 2',
          'job_pods_finished_total{completion_mode="NonIndexed",result="failed"} 1'}),
        (job(), Plan(status=ended("Failed", "BackoffLimitExceeded")),
         {sync("reconciling"),
          'jobs_finished_total{completion_mode="NonIndexed",result="failed",reason="BackoffLimitExceeded"} 1'}),
        (job(**ended("Complete", "x")), Plan(status=ended("Complete", "x")), {sync("reconciling")}),
    ],
    ids=["failed", "nothing", "creates", "deletes", "pods", "ends", "has ended"],
)  # fmt: skip
def test_counts(found, plan, expected):
    assert lines(found, plan) == expected
