"""LeaseCandidate: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import OtherVersion, Resource

RESOURCE = Resource(
    group="coordination.k8s.io",
    version="v1beta1",
    kind="LeaseCandidate",
    plural="leasecandidates",
    singular="leasecandidate",
    namespaced=True,
    schema="io.k8s.api.coordination.v1beta1.LeaseCandidate",
    other_versions=(OtherVersion("v1alpha2", "io.k8s.api.coordination.v1alpha2.LeaseCandidate"),),
)
