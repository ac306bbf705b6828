"""ClusterTrustBundle: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import OtherVersion, Resource

RESOURCE = Resource(
    group="certificates.k8s.io",
    version="v1beta1",
    kind="ClusterTrustBundle",
    plural="clustertrustbundles",
    singular="clustertrustbundle",
    namespaced=False,
    schema="io.k8s.api.certificates.v1beta1.ClusterTrustBundle",
    other_versions=(OtherVersion("v1alpha1", "io.k8s.api.certificates.v1alpha1.ClusterTrustBundle"),),
)
