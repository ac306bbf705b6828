"""Workloads are made, changed and taken away; devices and budgets of their pods."""

from __future__ import annotations

from kubern.base.clock import rfc3339
from kubern.controllers.kinds import (
    cronjob,
    daemonset,
    deployment,
    device_taint_eviction,
    disruption,
    job,
    replicaset,
    replicationcontroller,
    resourceclaim,
    statefulset,
    ttlafterfinished,
)
from kubern.controllers.resources import (
    CLAIM_TEMPLATES,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    JOBS,
    NODES,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
    STATEFUL_SETS,
)
from tests.unit.controllers.killed import Story
from tests.unit.controllers.late import START, Server
from tests.unit.controllers.stories.acts import drop, end, later, make, node, spec
from tests.unit.controllers.workloads import template, workload

NEW = template("two")
BUDGET = {
    "metadata": {"name": "db", "namespace": "ns"},
    "spec": {"selector": {"matchLabels": {"app": "db"}}, "maxUnavailable": 1},
}
CRON = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "db", "namespace": "ns"},
    "spec": {
        "schedule": "*/5 * * * *",
        "successfulJobsHistoryLimit": 1,
        "jobTemplate": {
            "spec": {
                "selector": {"matchLabels": {"app": "db"}},
                "template": template(restartPolicy="Never"),
                "completions": 1,
                "parallelism": 1,
            }
        },
    },
}
CLAIM_TEMPLATE = {
    "metadata": {"name": "gpu", "namespace": "ns"},
    "spec": {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu"}}]}}},
}
WITH_CLAIMS = {
    "metadata": {"name": "p", "namespace": "ns"},
    "spec": {
        "containers": [{"name": "c"}],
        "resourceClaims": [{"name": n, "resourceClaimTemplateName": "gpu"} for n in ("a", "b")],
    },
    "status": {},
}
SLICE = {
    "metadata": {"name": "s"},
    "spec": {
        "driver": "d",
        "pool": {"name": "pool", "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": "a", "taints": [{"key": "broken", "effect": "NoExecute", "timeAdded": rfc3339(START)}]}],
    },
}


def _devices_in_use(server: Server) -> None:
    """A pod uses a claimed device on its node."""
    pod = server.create(
        PODS,
        {
            "metadata": {"name": "p", "namespace": "ns"},
            "spec": {
                "nodeName": "n1",
                "containers": [{"name": "c"}],
                "resourceClaims": [{"name": "x", "resourceClaimName": "c"}],
            },
            "status": {"phase": "Running"},
        },
    )
    result = {"request": "r", "driver": "d", "pool": "pool", "device": "a"}
    user = {"resource": "pods", "name": "p", "uid": pod["metadata"]["uid"]}
    status = {"allocation": {"devices": {"results": [result]}}, "reservedFor": [user]}
    server.create(RESOURCE_CLAIMS, {"metadata": {"name": "c", "namespace": "ns"}, "spec": {}, "status": status})


STORIES = {
    "a Deployment rolls out, back and away": Story(
        (deployment.CONTROLLER, replicaset.CONTROLLER),
        (
            make(DEPLOYMENTS, workload("Deployment", replicas=3, revisionHistoryLimit=1)),
            spec(DEPLOYMENTS, template=NEW, replicas=4),
            spec(DEPLOYMENTS, template=template("three")),
            spec(DEPLOYMENTS, template=template("one"), replicas=1),
        ),
    ),
    "a ReplicaSet": Story(
        (replicaset.CONTROLLER,),
        (
            make(REPLICA_SETS, workload("ReplicaSet", replicas=3)),
            spec(REPLICA_SETS, replicas=1),
            end("Failed"),
        ),
    ),
    "a ReplicationController": Story(
        (replicationcontroller.CONTROLLER,),
        (
            make(
                REPLICATION_CONTROLLERS,
                {
                    "metadata": {"name": "db", "namespace": "ns"},
                    "spec": {"replicas": 3, "selector": {"app": "db"}, "template": template()},
                },
            ),
            spec(REPLICATION_CONTROLLERS, replicas=1),
            end("Failed"),
        ),
    ),
    "a StatefulSet in order, with claims that go when it shrinks": Story(
        (statefulset.CONTROLLER,),
        (
            make(
                STATEFUL_SETS,
                workload(
                    "StatefulSet",
                    replicas=3,
                    serviceName="db",
                    persistentVolumeClaimRetentionPolicy={"whenScaled": "Delete", "whenDeleted": "Delete"},
                    volumeClaimTemplates=[{"metadata": {"name": "disk"}, "spec": {}}],
                ),
            ),
            spec(STATEFUL_SETS, template=NEW),
            spec(STATEFUL_SETS, replicas=1),
            spec(STATEFUL_SETS, replicas=2),
        ),
    ),
    "a DaemonSet and its rolling update": Story(
        (daemonset.CONTROLLER,),
        (
            make(NODES, node("n1"), node("n2")),
            make(DAEMON_SETS, workload("DaemonSet")),
            spec(DAEMON_SETS, template=NEW),
            drop(NODES, "n2", ""),
        ),
    ),
    "a Job whose first pods fail": Story(
        (job.CONTROLLER, ttlafterfinished.CONTROLLER),
        (
            make(
                JOBS,
                workload(
                    "Job",
                    parallelism=2,
                    completions=3,
                    backoffLimit=6,
                    ttlSecondsAfterFinished=60,
                    template=template(restartPolicy="Never"),
                ),
            ),
            end("Failed", 1),
            later(60),
            end("Succeeded"),
            end("Succeeded"),
            later(61),
        ),
    ),
    "an indexed Job with a success policy": Story(
        (job.CONTROLLER,),
        (
            make(
                JOBS,
                workload(
                    "Job",
                    parallelism=3,
                    completions=3,
                    completionMode="Indexed",
                    backoffLimitPerIndex=1,
                    successPolicy={"rules": [{"succeededIndexes": "0"}]},
                    template=template(restartPolicy="Never"),
                ),
            ),
            end("Succeeded", 1),
        ),
    ),
    "a suspended Job": Story(
        (job.CONTROLLER,),
        (
            make(JOBS, workload("Job", parallelism=2, completions=2, backoffLimit=6, template=template())),
            spec(JOBS, suspend=True),
            spec(JOBS, suspend=False),
            end("Succeeded"),
        ),
    ),
    "a CronJob keeps one Job that succeeded": Story(
        (cronjob.CONTROLLER, job.CONTROLLER),
        (
            make(CRON_JOBS, CRON),
            later(301),
            end("Succeeded"),
            later(300),
            end("Succeeded"),
            later(300),
            end("Succeeded"),
        ),
    ),
    "a CronJob that replaces what still runs": Story(
        (cronjob.CONTROLLER,),
        (
            make(CRON_JOBS, {**CRON, "spec": {**CRON["spec"], "concurrencyPolicy": "Replace"}}),  # type: ignore[dict-item]
            later(301),
            later(300),
        ),
    ),
    "a PodDisruptionBudget": Story(
        (replicaset.CONTROLLER, disruption.CONTROLLER),
        (
            make(DISRUPTION_BUDGETS, BUDGET),
            make(REPLICA_SETS, workload("ReplicaSet", replicas=3)),
            spec(REPLICA_SETS, replicas=5),
        ),
    ),
    "claims of devices from templates": Story(
        (resourceclaim.CONTROLLER,),
        (make(CLAIM_TEMPLATES, CLAIM_TEMPLATE), make(PODS, WITH_CLAIMS), end("Succeeded")),
    ),
    "a pod leaves a device that is broken": Story(
        (device_taint_eviction.CONTROLLER, resourceclaim.CONTROLLER),
        (_devices_in_use, make(RESOURCE_SLICES, SLICE)),
    ),
}
