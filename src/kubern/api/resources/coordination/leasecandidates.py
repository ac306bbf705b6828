"""LeaseCandidate: its facts and columns."""

from __future__ import annotations

from kubern.api.resource import Column, OtherVersion, Resource
from kubern.api.rules import cells

COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("LeaseName", "spec.leaseName", "The lease it would hold."),
    cells.text("BinaryVersion", "spec.binaryVersion", "The version of the candidate."),
    cells.text("EmulationVersion", "spec.emulationVersion", "The version that it behaves as."),
    cells.AGE,
)


RESOURCE = Resource(
    group="coordination.k8s.io",
    version="v1beta1",
    kind="LeaseCandidate",
    plural="leasecandidates",
    singular="leasecandidate",
    namespaced=True,
    schema="io.k8s.api.coordination.v1beta1.LeaseCandidate",
    other_versions=(OtherVersion("v1alpha2", "io.k8s.api.coordination.v1alpha2.LeaseCandidate"),),
    columns=COLUMNS,
)
