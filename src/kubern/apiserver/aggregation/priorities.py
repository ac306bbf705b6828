"""Where upstream's discovery puts a group among the groups, and a version among its group's."""

from __future__ import annotations

CUSTOM_GROUP = 1000
CUSTOM_VERSION = 100
"""What the APIService of a custom resource says."""

GROUPS = {
    "apiregistration.k8s.io": 20000, "": 18000, "apps": 17800, "events.k8s.io": 17750, "authentication.k8s.io": 17700,
    "authorization.k8s.io": 17600, "autoscaling": 17500, "batch": 17400, "certificates.k8s.io": 17300,
    "networking.k8s.io": 17200, "policy": 17100, "rbac.authorization.k8s.io": 17000, "storage.k8s.io": 16800,
    "admissionregistration.k8s.io": 16700, "apiextensions.k8s.io": 16700, "scheduling.k8s.io": 16600,
    "coordination.k8s.io": 16500, "node.k8s.io": 16300, "discovery.k8s.io": 16200, "resource.k8s.io": 16200,
    "flowcontrol.apiserver.k8s.io": 16100, "internal.apiserver.k8s.io": 16000, "storagemigration.k8s.io": 15800,
}  # fmt: skip

_VERSIONS = {
    ("", "v1"): 1, ("autoscaling", "v2"): 30, ("flowcontrol.apiserver.k8s.io", "v1"): 21,
    ("events.k8s.io", "v1beta1"): 5, ("admissionregistration.k8s.io", "v1beta1"): 12,
    ("coordination.k8s.io", "v1beta1"): 13, ("coordination.k8s.io", "v1alpha2"): 12,
}  # fmt: skip
_STABLE, _UNSTABLE = 15, 9


def version_priority(group: str, version: str) -> int:
    """Return the versionPriority of a built-in group's version."""
    stable = "alpha" not in version and "beta" not in version
    return _VERSIONS.get((group, version), _STABLE if stable else _UNSTABLE)
