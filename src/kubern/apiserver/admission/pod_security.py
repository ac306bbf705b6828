"""PodSecurity: a namespace's labels say which level its pods must keep to, be warned by, or be noted by.

A pod is refused; what makes pods (a Deployment, a Job…) is only warned, since its pods are refused in time. Source: Kubernetes
documentation, "Pod Security Admission".
"""

from __future__ import annotations

import re

from kubern.api.pod_security import LEVELS, PRIVILEGED, violations
from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.apiserver.audit.record import annotate
from kubern.base.json import Obj

PREFIX = "pod-security.kubernetes.io/"
ENFORCE, WARN, AUDIT = PREFIX + "enforce", PREFIX + "warn", PREFIX + "audit"
_VERSION = re.compile(r"latest|v1\.(0|[1-9][0-9]*)")
_TEMPLATES = {
    "podtemplates": ("template",),
    "replicationcontrollers": ("spec", "template"),
    "deployments.apps": ("spec", "template"),
    "replicasets.apps": ("spec", "template"),
    "statefulsets.apps": ("spec", "template"),
    "daemonsets.apps": ("spec", "template"),
    "jobs.batch": ("spec", "template"),
    "cronjobs.batch": ("spec", "jobTemplate", "spec", "template"),
}
"""Where what makes pods keeps their template."""


def check(attributes: Attributes) -> None:
    """Warn of a pod's or template's violations, note them for the audit log, and refuse a pod by the level enforced. Raises `Forbidden`."""
    if attributes.obj is None or not attributes.namespace:
        return
    labels = _labels(attributes)
    if not any(label.startswith(PREFIX) for label in labels):
        return
    is_pod = attributes.resource.group_resource == "pods"
    pod = attributes.obj if is_pod else _template(attributes)
    if pod is None or (is_pod and attributes.operation == "UPDATE" and _same(attributes)):
        return
    enforced = _text(pod, *_level(labels, ENFORCE))
    noted = _text(pod, *_level(labels, AUDIT))
    if noted:
        annotate(PREFIX + "audit-violations", f"would violate PodSecurity {noted}")
    if is_pod:
        annotate(PREFIX + "enforce-policy", ":".join(_level(labels, ENFORCE)))
    if is_pod and enforced:
        raise refused(attributes, f"violates PodSecurity {enforced}")
    warned = _text(pod, *_level(labels, WARN))
    if warned and attributes.warnings is not None:
        attributes.warnings.append(f"would violate PodSecurity {warned}")


def check_namespace(attributes: Attributes) -> None:
    """Warn of the pods that a namespace holds and that its new level would not let in; refuse levels that there are not."""
    labels = ((attributes.obj or {}).get("metadata") or {}).get("labels") or {}
    stated = {name: value for name, value in labels.items() if name.startswith(PREFIX)}
    before = ((attributes.old or {}).get("metadata") or {}).get("labels") or {}
    for name, value in sorted(stated.items()):
        versioned = name.endswith("-version")
        if before.get(name) != value and not (_VERSION.fullmatch(value) if versioned else value in LEVELS):
            wanted = 'must be "latest" or "v1.x"' if versioned else f"must be one of {', '.join(LEVELS)}"
            raise refused(attributes, f'metadata.labels[{name}]: Invalid value: "{value}": {wanted}')
    if (
        attributes.operation == "UPDATE"
        and attributes.warnings is not None
        and before.get(ENFORCE) != labels.get(ENFORCE)
    ):
        _warn_of_present(attributes, *_level(labels, ENFORCE))


def _warn_of_present(attributes: Attributes, level: str, version: str) -> None:
    found: dict[str, list[str]] = {}
    for entry in attributes.core.select("pods", attributes.name):
        text = "; ".join(violation.what for violation in violations(entry.obj(), level))
        if text:
            found.setdefault(text, []).append(entry.name)
    if found and attributes.warnings is not None:
        shown = f'"{level}:{version}"'
        attributes.warnings.append(
            f'existing pods in namespace "{attributes.name}" violate the new PodSecurity enforce level {shown}'
        )
        for text, names in found.items():
            more = f" (and {len(names) - 1} other pod{'s' * (len(names) > 2)})" if len(names) > 1 else ""
            attributes.warnings.append(f"{min(names)}{more}: {text}")


def _labels(attributes: Attributes) -> dict[str, str]:
    entry = attributes.core.namespace(attributes.namespace)
    if entry is None or PREFIX.encode() not in entry.item:
        return {}
    return entry.obj()["metadata"].get("labels") or {}


def _level(labels: dict[str, str], label: str) -> tuple[str, str]:
    return labels.get(label, PRIVILEGED), labels.get(f"{label}-version", "latest")


def _text(pod: Obj, level: str, version: str) -> str:
    found = violations(pod, level)
    return f'"{level}:{version}": {", ".join(map(str, found))}' if found else ""


def _template(attributes: Attributes) -> Obj | None:
    found = attributes.obj
    for key in _TEMPLATES[attributes.resource.group_resource]:
        found = (found or {}).get(key)
    return found if found and found.get("spec") else None


def _same(attributes: Attributes) -> bool:
    """Whether an update changes nothing that a level looks at."""
    return (attributes.obj or {}).get("spec") == (attributes.old or {}).get("spec")


def _dispatch(attributes: Attributes) -> None:
    (check_namespace if attributes.resource.group_resource == "namespaces" else check)(attributes)


ADMISSION = Admission(
    "PodSecurity",
    90,
    ("CREATE", "UPDATE"),
    ("pods", "namespaces", *_TEMPLATES),
    validate=_dispatch,
    subresources=("", "ephemeralcontainers"),
)
