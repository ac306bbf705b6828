"""The core group's resources as upstream's discovery lists them."""

from __future__ import annotations

import pytest

from kubern.api.resource import Resource
from kubern.api.resources import core as core_group
from kubern.base.scan import scan

ALL = "create delete deletecollection get list patch update watch"

# path, kind (with its group and version where they are not the core group's), namespaced, short names, categories, verbs
FACTS = [
    ("bindings", "Binding", True, "", "", "create"),
    ("componentstatuses", "ComponentStatus", False, "cs", "", "get list"),
    ("configmaps", "ConfigMap", True, "cm", "", ALL),
    ("endpoints", "Endpoints", True, "ep", "", ALL),
    ("events", "Event", True, "ev", "", ALL),
    ("limitranges", "LimitRange", True, "limits", "", ALL),
    ("namespaces", "Namespace", False, "ns", "", "create delete get list patch update watch"),
    ("namespaces/finalize", "Namespace", False, "", "", "update"),
    ("namespaces/status", "Namespace", False, "", "", "get patch update"),
    ("nodes", "Node", False, "no", "", ALL),
    ("nodes/proxy", "NodeProxyOptions", False, "", "", "create delete get patch update"),
    ("nodes/status", "Node", False, "", "", "get patch update"),
    ("persistentvolumeclaims", "PersistentVolumeClaim", True, "pvc", "", ALL),
    ("persistentvolumeclaims/status", "PersistentVolumeClaim", True, "", "", "get patch update"),
    ("persistentvolumes", "PersistentVolume", False, "pv", "", ALL),
    ("persistentvolumes/status", "PersistentVolume", False, "", "", "get patch update"),
    ("pods", "Pod", True, "po", "all", ALL),
    ("pods/attach", "PodAttachOptions", True, "", "", "create get"),
    ("pods/binding", "Binding", True, "", "", "create"),
    ("pods/ephemeralcontainers", "Pod", True, "", "", "get patch update"),
    ("pods/eviction", "policy/v1 Eviction", True, "", "", "create"),
    ("pods/exec", "PodExecOptions", True, "", "", "create get"),
    ("pods/log", "Pod", True, "", "", "get"),
    ("pods/portforward", "PodPortForwardOptions", True, "", "", "create get"),
    ("pods/proxy", "PodProxyOptions", True, "", "", "create delete get patch update"),
    ("pods/resize", "Pod", True, "", "", "get patch update"),
    ("pods/status", "Pod", True, "", "", "get patch update"),
    ("podtemplates", "PodTemplate", True, "", "", ALL),
    ("replicationcontrollers", "ReplicationController", True, "rc", "all", ALL),
    ("replicationcontrollers/scale", "autoscaling/v1 Scale", True, "", "", "get patch update"),
    ("replicationcontrollers/status", "ReplicationController", True, "", "", "get patch update"),
    ("resourcequotas", "ResourceQuota", True, "quota", "", ALL),
    ("resourcequotas/status", "ResourceQuota", True, "", "", "get patch update"),
    ("secrets", "Secret", True, "", "", ALL),
    ("serviceaccounts", "ServiceAccount", True, "sa", "", ALL),
    ("serviceaccounts/token", "authentication.k8s.io/v1 TokenRequest", True, "", "", "create"),
    ("services", "Service", True, "svc", "all", ALL),
    ("services/proxy", "ServiceProxyOptions", True, "", "", "create delete get patch update"),
    ("services/status", "Service", True, "", "", "get patch update"),
]


def _rows(resource: Resource) -> list[tuple[str, str, bool, str, str, str]]:
    short, categories = " ".join(resource.short_names), " ".join(resource.categories)
    rows = [(resource.plural, resource.kind, resource.namespaced, short, categories, " ".join(resource.verbs))]
    for sub in resource.subresources:
        prefix = f"{sub.group}/{sub.version} " if sub.group else ""
        kind = prefix + (sub.kind or resource.kind)
        rows.append((f"{resource.plural}/{sub.name}", kind, resource.namespaced, "", "", " ".join(sub.verbs)))
    return rows


@pytest.fixture(scope="module")
def core() -> list[Resource]:
    return scan(core_group, "RESOURCE", Resource)


def test_every_path_has_the_published_facts(core: list[Resource]) -> None:
    assert sorted(row for resource in core for row in _rows(resource)) == sorted(FACTS)


def test_the_singular_is_the_kind_in_lower_case(core: list[Resource]) -> None:
    assert [r.singular for r in core] == [r.kind.lower() for r in core]


def test_each_schema_names_its_kind(core: list[Resource]) -> None:
    assert [r.schema for r in core] == [f"io.k8s.api.core.v1.{r.kind}" for r in core]


def test_only_what_is_never_kept_is_not_stored(core: list[Resource]) -> None:
    assert {r.plural for r in core if not r.stored} == {"bindings", "componentstatuses"}


def test_keys_below_the_registry_prefix_are_upstreams(core: list[Resource]) -> None:
    assert {r.plural: r.storage_prefix for r in core if r.storage_prefix} == {
        "endpoints": "services/endpoints",
        "nodes": "minions",
        "replicationcontrollers": "controllers",
        "services": "services/specs",
    }
