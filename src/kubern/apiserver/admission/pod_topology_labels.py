"""PodTopologyLabels: a pod bears the zone and region of its node, from the moment it is bound."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes

LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
_ANY = b'"topology.kubernetes.io/'


def copy(attributes: Attributes) -> None:
    """Copy the node's labels to the binding, whose labels the pod gets, or to a pod that is made for a node."""
    obj = attributes.obj or {}
    if attributes.subresource == "binding":
        name = (obj.get("target") or {}).get("name")
    else:
        name = (obj.get("spec") or {}).get("nodeName")
    node = attributes.core.find("nodes", "", name) if name else None
    if node is None or _ANY not in node.item:
        return
    labels = node.obj()["metadata"].get("labels") or {}
    wanted = {label: labels[label] for label in LABELS if label in labels}
    metadata = obj.get("metadata")
    if wanted and isinstance(metadata, dict):
        metadata["labels"] = (metadata.get("labels") or {}) | wanted


ADMISSION = Admission("PodTopologyLabels", 140, ("CREATE",), ("pods",), mutate=copy, subresources=("", "binding"))
