"""The resources of the named groups as upstream's discovery lists them, in each of their versions."""

from __future__ import annotations

import pytest

from kubern.api.resource import STATUS_VERBS, Resource
from kubern.api.resources import load

ALL = "create delete deletecollection get list patch update watch"

# group/version plural, kind, namespaced, short names, categories, verbs, subresources
FACTS = [
    (
        "admissionregistration.k8s.io/v1 mutatingadmissionpolicies",
        "MutatingAdmissionPolicy",
        False,
        "",
        "api-extensions",
        ALL,
        "",
    ),
    (
        "admissionregistration.k8s.io/v1 mutatingadmissionpolicybindings",
        "MutatingAdmissionPolicyBinding",
        False,
        "",
        "api-extensions",
        ALL,
        "",
    ),
    (
        "admissionregistration.k8s.io/v1 mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        False,
        "",
        "api-extensions",
        ALL,
        "",
    ),
    (
        "admissionregistration.k8s.io/v1 validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        False,
        "",
        "api-extensions",
        ALL,
        "status",
    ),
    (
        "admissionregistration.k8s.io/v1 validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        False,
        "",
        "api-extensions",
        ALL,
        "",
    ),
    (
        "admissionregistration.k8s.io/v1 validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        False,
        "",
        "api-extensions",
        ALL,
        "",
    ),
    (
        "admissionregistration.k8s.io/v1alpha1 mutatingadmissionpolicies",
        "MutatingAdmissionPolicy",
        False,
        "",
        "api-extensions",
        ALL,
        "",
    ),
    (
        "admissionregistration.k8s.io/v1alpha1 mutatingadmissionpolicybindings",
        "MutatingAdmissionPolicyBinding",
        False,
        "",
        "api-extensions",
        ALL,
        "",
    ),
    (
        "admissionregistration.k8s.io/v1beta1 mutatingadmissionpolicies",
        "MutatingAdmissionPolicy",
        False,
        "",
        "api-extensions",
        ALL,
        "",
    ),
    (
        "admissionregistration.k8s.io/v1beta1 mutatingadmissionpolicybindings",
        "MutatingAdmissionPolicyBinding",
        False,
        "",
        "api-extensions",
        ALL,
        "",
    ),
    (
        "apiextensions.k8s.io/v1 customresourcedefinitions",
        "CustomResourceDefinition",
        False,
        "crd crds",
        "api-extensions",
        ALL,
        "status",
    ),
    ("apiregistration.k8s.io/v1 apiservices", "APIService", False, "", "api-extensions", ALL, "status"),
    ("apps/v1 controllerrevisions", "ControllerRevision", True, "", "", ALL, ""),
    ("apps/v1 daemonsets", "DaemonSet", True, "ds", "all", ALL, "status"),
    ("apps/v1 deployments", "Deployment", True, "deploy", "all", ALL, "scale status"),
    ("apps/v1 replicasets", "ReplicaSet", True, "rs", "all", ALL, "scale status"),
    ("apps/v1 statefulsets", "StatefulSet", True, "sts", "all", ALL, "scale status"),
    ("authentication.k8s.io/v1 selfsubjectreviews", "SelfSubjectReview", False, "", "", "create", ""),
    ("authentication.k8s.io/v1 tokenreviews", "TokenReview", False, "", "", "create", ""),
    ("authorization.k8s.io/v1 localsubjectaccessreviews", "LocalSubjectAccessReview", True, "", "", "create", ""),
    ("authorization.k8s.io/v1 selfsubjectaccessreviews", "SelfSubjectAccessReview", False, "", "", "create", ""),
    ("authorization.k8s.io/v1 selfsubjectrulesreviews", "SelfSubjectRulesReview", False, "", "", "create", ""),
    ("authorization.k8s.io/v1 subjectaccessreviews", "SubjectAccessReview", False, "", "", "create", ""),
    ("autoscaling/v1 horizontalpodautoscalers", "HorizontalPodAutoscaler", True, "hpa", "all", ALL, "status"),
    ("autoscaling/v2 horizontalpodautoscalers", "HorizontalPodAutoscaler", True, "hpa", "all", ALL, "status"),
    ("batch/v1 cronjobs", "CronJob", True, "cj", "all", ALL, "status"),
    ("batch/v1 jobs", "Job", True, "", "all", ALL, "status"),
    (
        "certificates.k8s.io/v1 certificatesigningrequests",
        "CertificateSigningRequest",
        False,
        "csr",
        "",
        ALL,
        "approval status",
    ),
    ("certificates.k8s.io/v1alpha1 clustertrustbundles", "ClusterTrustBundle", False, "", "", ALL, ""),
    ("certificates.k8s.io/v1beta1 clustertrustbundles", "ClusterTrustBundle", False, "", "", ALL, ""),
    ("certificates.k8s.io/v1beta1 podcertificaterequests", "PodCertificateRequest", True, "", "", ALL, "status"),
    ("coordination.k8s.io/v1 leases", "Lease", True, "", "", ALL, ""),
    ("coordination.k8s.io/v1alpha2 leasecandidates", "LeaseCandidate", True, "", "", ALL, ""),
    ("coordination.k8s.io/v1beta1 leasecandidates", "LeaseCandidate", True, "", "", ALL, ""),
    ("discovery.k8s.io/v1 endpointslices", "EndpointSlice", True, "", "", ALL, ""),
    ("events.k8s.io/v1 events", "Event", True, "ev", "", ALL, ""),
    ("flowcontrol.apiserver.k8s.io/v1 flowschemas", "FlowSchema", False, "", "", ALL, "status"),
    (
        "flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations",
        "PriorityLevelConfiguration",
        False,
        "",
        "",
        ALL,
        "status",
    ),
    ("internal.apiserver.k8s.io/v1alpha1 storageversions", "StorageVersion", False, "", "", ALL, "status"),
    ("networking.k8s.io/v1 ingressclasses", "IngressClass", False, "", "", ALL, ""),
    ("networking.k8s.io/v1 ingresses", "Ingress", True, "ing", "", ALL, "status"),
    ("networking.k8s.io/v1 ipaddresses", "IPAddress", False, "ip", "", ALL, ""),
    ("networking.k8s.io/v1 networkpolicies", "NetworkPolicy", True, "netpol", "", ALL, ""),
    ("networking.k8s.io/v1 servicecidrs", "ServiceCIDR", False, "", "", ALL, "status"),
    ("networking.k8s.io/v1beta1 ipaddresses", "IPAddress", False, "ip", "", ALL, ""),
    ("networking.k8s.io/v1beta1 servicecidrs", "ServiceCIDR", False, "", "", ALL, "status"),
    ("node.k8s.io/v1 runtimeclasses", "RuntimeClass", False, "", "", ALL, ""),
    ("policy/v1 poddisruptionbudgets", "PodDisruptionBudget", True, "pdb", "", ALL, "status"),
    ("rbac.authorization.k8s.io/v1 clusterrolebindings", "ClusterRoleBinding", False, "", "", ALL, ""),
    ("rbac.authorization.k8s.io/v1 clusterroles", "ClusterRole", False, "", "", ALL, ""),
    ("rbac.authorization.k8s.io/v1 rolebindings", "RoleBinding", True, "", "", ALL, ""),
    ("rbac.authorization.k8s.io/v1 roles", "Role", True, "", "", ALL, ""),
    ("resource.k8s.io/v1 deviceclasses", "DeviceClass", False, "", "", ALL, ""),
    ("resource.k8s.io/v1 resourceclaims", "ResourceClaim", True, "", "", ALL, "status"),
    ("resource.k8s.io/v1 resourceclaimtemplates", "ResourceClaimTemplate", True, "", "", ALL, ""),
    ("resource.k8s.io/v1 resourceslices", "ResourceSlice", False, "", "", ALL, ""),
    ("resource.k8s.io/v1alpha3 devicetaintrules", "DeviceTaintRule", False, "", "", ALL, "status"),
    ("resource.k8s.io/v1alpha3 resourcepoolstatusrequests", "ResourcePoolStatusRequest", False, "", "", ALL, "status"),
    ("resource.k8s.io/v1beta1 deviceclasses", "DeviceClass", False, "", "", ALL, ""),
    ("resource.k8s.io/v1beta1 resourceclaims", "ResourceClaim", True, "", "", ALL, "status"),
    ("resource.k8s.io/v1beta1 resourceclaimtemplates", "ResourceClaimTemplate", True, "", "", ALL, ""),
    ("resource.k8s.io/v1beta1 resourceslices", "ResourceSlice", False, "", "", ALL, ""),
    ("resource.k8s.io/v1beta2 deviceclasses", "DeviceClass", False, "", "", ALL, ""),
    ("resource.k8s.io/v1beta2 devicetaintrules", "DeviceTaintRule", False, "", "", ALL, "status"),
    ("resource.k8s.io/v1beta2 resourceclaims", "ResourceClaim", True, "", "", ALL, "status"),
    ("resource.k8s.io/v1beta2 resourceclaimtemplates", "ResourceClaimTemplate", True, "", "", ALL, ""),
    ("resource.k8s.io/v1beta2 resourceslices", "ResourceSlice", False, "", "", ALL, ""),
    ("scheduling.k8s.io/v1 priorityclasses", "PriorityClass", False, "pc", "", ALL, ""),
    ("scheduling.k8s.io/v1alpha2 podgroups", "PodGroup", True, "", "", ALL, "status"),
    ("scheduling.k8s.io/v1alpha2 workloads", "Workload", True, "", "", ALL, ""),
    ("storage.k8s.io/v1 csidrivers", "CSIDriver", False, "", "", ALL, ""),
    ("storage.k8s.io/v1 csinodes", "CSINode", False, "", "", ALL, ""),
    ("storage.k8s.io/v1 csistoragecapacities", "CSIStorageCapacity", True, "", "", ALL, ""),
    ("storage.k8s.io/v1 storageclasses", "StorageClass", False, "sc", "", ALL, ""),
    ("storage.k8s.io/v1 volumeattachments", "VolumeAttachment", False, "", "", ALL, "status"),
    ("storage.k8s.io/v1 volumeattributesclasses", "VolumeAttributesClass", False, "vac", "", ALL, ""),
    ("storage.k8s.io/v1beta1 volumeattributesclasses", "VolumeAttributesClass", False, "vac", "", ALL, ""),
    (
        "storagemigration.k8s.io/v1beta1 storageversionmigrations",
        "StorageVersionMigration",
        False,
        "",
        "",
        ALL,
        "status",
    ),
]


def _row(r: Resource) -> tuple[str, str, bool, str, str, str, str]:
    subresources = " ".join(s.name for s in r.subresources)
    words = " ".join(r.short_names), " ".join(r.categories), " ".join(r.verbs), subresources
    return (f"{r.api_version} {r.plural}", r.kind, r.namespaced, *words)


@pytest.fixture(scope="module")
def named() -> list[Resource]:
    return [resource for resource in load() if resource.group]


def test_every_resource_has_the_published_facts(named: list[Resource]) -> None:
    assert sorted(map(_row, named)) == sorted(FACTS)


def test_the_singular_is_the_kind_in_lower_case(named: list[Resource]) -> None:
    assert [r.singular for r in named] == [r.kind.lower() for r in named]


def test_each_schema_names_its_version_and_kind(named: list[Resource]) -> None:
    assert [r.schema.split(".")[-2:] for r in named] == [[r.version, r.kind] for r in named]


def test_only_scale_has_a_kind_of_its_own(named: list[Resource]) -> None:
    found = {(s.name, s.verbs, f"{s.group}/{s.version} {s.kind}") for r in named for s in r.subresources if s.kind}
    assert found == {("scale", STATUS_VERBS, "autoscaling/v1 Scale")}
    assert {r.plural for r in named if r.scale} == {"deployments", "replicasets", "statefulsets"}


def test_only_reviews_are_not_stored(named: list[Resource]) -> None:
    assert {r.plural for r in named if not r.stored} == {r.plural for r in named if r.kind.endswith("Review")}


def test_versions_of_a_resource_share_their_storage(named: list[Resource]) -> None:
    stored = {(r.group, r.plural) for r in named if r.storage_version}
    others = [r for r in named if not r.storage_version]
    assert {(r.group, r.plural) for r in others} <= stored | {("events.k8s.io", "events")}
    assert all(r.conversion is not None and r.storage_prefix for r in others)
    assert len(stored) == sum(1 for r in named if r.storage_version)


def test_keys_below_the_registry_prefix_are_upstreams(named: list[Resource]) -> None:
    special = {r.plural: r.storage_prefix for r in named if r.storage_prefix not in ("", r.plural)}
    assert special == {
        "apiservices": "apiregistration.k8s.io/apiservices",
        "customresourcedefinitions": "apiextensions.k8s.io/customresourcedefinitions",
        "ingresses": "ingress",
    }
