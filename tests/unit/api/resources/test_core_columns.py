"""The rows that `kubectl get` shows of the core group's resources, and the values that field selectors see."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubern.api.resource import Resource
from kubern.api.resources import core as core_group
from kubern.base.json import Obj
from kubern.base.scan import scan

CORE = {resource.plural: resource for resource in scan(core_group, "RESOURCE", Resource)}
NOW = datetime(2026, 1, 1, 1, 0, 0, tzinfo=UTC)
META = {"name": "x", "creationTimestamp": "2026-01-01T00:55:00Z"}
NODE = {
    "metadata": {**META, "labels": {"node-role.kubernetes.io/control-plane": ""}},
    "spec": {"unschedulable": True},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "nodeInfo": {
            "kubeletVersion": "v1.36.0",
            "osImage": "Debian",
            "kernelVersion": "6",
            "containerRuntimeVersion": "containerd://1",
        },
    },
}
CLAIM = {
    "metadata": META,
    "spec": {"volumeName": "v", "storageClassName": "fast", "volumeMode": "Filesystem"},
    "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]},
}
VOLUME = {
    "metadata": META,
    "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce", "ReadOnlyMany"], "claimRef": {"namespace": "n", "name": "c"},
        "persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Block",
    },
    "status": {"phase": "Bound"},
}  # fmt: skip
EVENT = {
    "metadata": META, "type": "Warning", "reason": "Failed", "message": "no luck\n", "count": 3,
    "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"},
    "source": {"component": "kubelet", "host": "n1"},
    "firstTimestamp": "2026-01-01T00:50:00Z", "lastTimestamp": "2026-01-01T00:59:30Z",
}  # fmt: skip
TEMPLATE = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "j"}]},
}
ROWS: list[tuple[str, Obj, list[tuple[str, object]]]] = [
    ("configmaps", {"data": {"a": "1"}, "binaryData": {"b": ""}}, [("Name", "x"), ("Data", 2), ("Age", "5m")]),
    ("secrets", {"type": "Opaque", "data": {"a": ""}}, [("Name", "x"), ("Type", "Opaque"), ("Data", 1), ("Age", "5m")]),
    ("serviceaccounts", {}, [("Name", "x"), ("Age", "5m")]),
    ("namespaces", {"status": {"phase": "Active"}}, [("Name", "x"), ("Status", "Active"), ("Age", "5m")]),
    (
        "endpoints",
        {"subsets": [{"addresses": [{"ip": f"10.0.0.{i}"} for i in range(1, 6)], "ports": [{"port": 80}]}]},
        [("Name", "x"), ("Endpoints", "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more..."), ("Age", "5m")],
    ),
    (
        "nodes", NODE,
        [
            ("Name", "x"), ("Status", "Ready,SchedulingDisabled"), ("Roles", "control-plane"), ("Age", "5m"), ("Version", "v1.36.0"),
            ("Internal-IP", "10.0.0.1"), ("External-IP", "<none>"), ("OS-Image", "Debian"), ("Kernel-Version", "6"),
            ("Container-Runtime", "containerd://1"),
        ],
    ),
    (
        "persistentvolumeclaims", CLAIM,
        [
            ("Name", "x"), ("Status", "Bound"), ("Volume", "v"), ("Capacity", "1Gi"), ("Access Modes", "RWO"),
            ("StorageClass", "fast"), ("VolumeAttributesClass", "<unset>"), ("Age", "5m"), ("VolumeMode", "Filesystem"),
        ],
    ),
    (
        "persistentvolumes", VOLUME,
        [
            ("Name", "x"), ("Capacity", "1Gi"), ("Access Modes", "RWO,ROX"), ("Reclaim Policy", "Retain"), ("Status", "Bound"),
            ("Claim", "n/c"), ("StorageClass", ""), ("VolumeAttributesClass", "<unset>"), ("Reason", ""), ("Age", "5m"),
            ("VolumeMode", "Block"),
        ],
    ),
    (
        "events", EVENT,
        [
            ("Last Seen", "30s"), ("Type", "Warning"), ("Reason", "Failed"), ("Object", "pod/p"), ("Subobject", "spec.containers{c}"),
            ("Source", "kubelet, n1"), ("Message", "no luck"), ("First Seen", "10m"), ("Count", 3), ("Name", "x"),
        ],
    ),
    (
        "replicationcontrollers",
        {"spec": {"replicas": 3, "selector": {"a": "b"}, "template": TEMPLATE}, "status": {"replicas": 2, "readyReplicas": 1}},
        [
            ("Name", "x"), ("Desired", 3), ("Current", 2), ("Ready", 1), ("Age", "5m"), ("Containers", "c,d"), ("Images", "i,j"),
            ("Selector", "a=b"),
        ],
    ),
    ("podtemplates", {"template": TEMPLATE}, [("Name", "x"), ("Containers", "c,d"), ("Images", "i,j"), ("Pod Labels", "a=b")]),
    (
        "resourcequotas",
        {"status": {"hard": {"pods": "5", "limits.cpu": "2"}, "used": {"pods": "1"}}},
        [("Name", "x"), ("Request", "pods: 1/5"), ("Limit", "limits.cpu: 0/2"), ("Age", "5m")],
    ),
    ("limitranges", {}, [("Name", "x"), ("Created At", "2026-01-01T00:55:00Z")]),
    (
        "componentstatuses", {"conditions": [{"type": "Healthy", "status": "True", "message": "ok"}]},
        [("Name", "x"), ("Status", "Healthy"), ("Message", "ok"), ("Error", "")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("plural", "obj", "row"), ROWS, ids=[row[0] for row in ROWS])
def test_row(plural: str, obj: Obj, row: list[tuple[str, object]]) -> None:
    full = {"metadata": META, **obj}
    assert [(column.name, column.cell(full, NOW)) for column in CORE[plural].columns] == row


@pytest.mark.parametrize("plural", sorted(CORE))
def test_a_row_of_an_empty_object_is_still_a_row(plural: str) -> None:
    empty = {"metadata": {"name": "x"}, "spec": {}}
    for column in CORE[plural].columns:
        assert column.cell(empty, NOW) is not None or column.name == "Created At"


FIELDS: list[tuple[str, Obj, Obj]] = [
    ("pods", {"spec": {"nodeName": "n", "hostNetwork": True}, "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}}, {
        "spec.nodeName": "n", "spec.hostNetwork": "true", "status.phase": "Running", "status.podIP": "10.0.0.1",
        "spec.restartPolicy": "", "spec.schedulerName": "", "spec.serviceAccountName": "", "status.nominatedNodeName": "",
    }),
    ("nodes", {"spec": {"unschedulable": True}}, {"spec.unschedulable": "true"}),
    ("secrets", {"type": "Opaque"}, {"type": "Opaque"}),
    ("namespaces", {"status": {"phase": "Active"}}, {"status.phase": "Active"}),
    ("services", {"spec": {"clusterIP": "None", "type": "ClusterIP"}}, {"spec.clusterIP": "None", "spec.type": "ClusterIP"}),
    ("replicationcontrollers", {"status": {"replicas": 3}}, {"status.replicas": "3"}),
    ("configmaps", {}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("plural", "obj", "fields"), FIELDS, ids=[row[0] for row in FIELDS])
def test_selectable_fields(plural: str, obj: Obj, fields: Obj) -> None:
    assert CORE[plural].fields({"metadata": META, **obj}) == fields


def test_an_events_fields_name_what_it_is_about() -> None:
    fields = CORE["events"].fields(EVENT)
    assert (fields["involvedObject.kind"], fields["involvedObject.name"], fields["source"], fields["type"]) == (
        "Pod", "p", "kubelet", "Warning",
    )  # fmt: skip
