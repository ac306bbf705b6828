"""DefaultTolerationSeconds: a pod stays five minutes on a node that is not ready or cannot be reached, unless it says otherwise."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes

TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
SECONDS = 300


def add_tolerations(attributes: Attributes) -> None:
    """Add what is missing of the two tolerations."""
    spec = (attributes.obj or {}).get("spec")
    if not isinstance(spec, dict):
        return
    present = spec.get("tolerations") or []
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}
        for key in TAINTS
        if not any(t.get("key") in (key, None, "") and t.get("effect") in ("NoExecute", None, "") for t in present)
    ]
    if added:
        spec["tolerations"] = [*present, *added]


ADMISSION = Admission("DefaultTolerationSeconds", 60, ("CREATE", "UPDATE"), ("pods",), mutate=add_tolerations)
