"""What happens to a pod when it is created: its first status, its class of service, and label keys turned into selectors.

Called by the Pod resource's `prepare_create` and `validate_create`.
"""

from __future__ import annotations

from kubern.api import field
from kubern.api.podspec.check_profiles import check_profiles
from kubern.api.podspec.qos import qos_class
from kubern.base.errors import Cause
from kubern.base.json import Obj

_GATED = {
    "type": "PodScheduled",
    "status": "False",
    "lastProbeTime": None,
    "lastTransitionTime": None,
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}
_REQUIRED, _PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)


def prepare_pod(pod: Obj) -> None:
    """Give a new pod its status and merge `matchLabelKeys` into the selectors that they extend."""
    spec = pod.get("spec") or {}
    pod["status"] = {"phase": "Pending", "qosClass": qos_class(spec)}
    if spec.get("schedulingGates"):
        pod["status"]["conditions"] = [dict(_GATED)]
    labels = (pod.get("metadata") or {}).get("labels") or {}
    affinity = spec.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        for term in terms.get(_REQUIRED) or ():
            _merge(term, labels)
        for weighted in terms.get(_PREFERRED) or ():
            _merge(weighted.get("podAffinityTerm") or {}, labels)
    for constraint in spec.get("topologySpreadConstraints") or ():
        _merge(constraint, labels)


def validate_new_pod(pod: Obj) -> list[Cause]:
    """Return what only a new pod may not have."""
    spec = pod.get("spec") or {}
    causes: list[Cause] = []
    if spec.get("ephemeralContainers"):
        causes.append(field.forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        message = "cannot be set until all schedulingGates have been cleared"
        causes.append(field.forbidden("spec.nodeName", message))
    return causes + check_profiles((pod.get("metadata") or {}).get("annotations"), spec, "spec")


def _merge(term: Obj, labels: Obj) -> None:
    selector = term.get("labelSelector")
    if selector is None:
        return
    for name, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
        for key in term.get(name) or ():
            if key in labels:
                requirement = {"key": key, "operator": operator, "values": [labels[key]]}
                expressions = selector.setdefault("matchExpressions", [])
                if requirement not in expressions:
                    expressions.append(requirement)
