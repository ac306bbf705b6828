"""Checks of a whole pod specification. Called by the Pod resource and by every resource with a pod template.

Paths and wording are upstream's. The object has been pruned, type-checked and defaulted by the time these run.
"""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.metadata import check_annotations, check_labels
from kubern.api.podspec.check_annotations import check_pod_annotations
from kubern.api.podspec.check_claims import check_pod_claims
from kubern.api.podspec.check_containers import Pod, check_containers, check_host_ports
from kubern.api.podspec.check_dns import check_dns
from kubern.api.podspec.check_os import check_os
from kubern.api.podspec.check_pod_resources import check_pod_resources
from kubern.api.podspec.check_profiles import check_profiles
from kubern.api.podspec.check_resources import check_quantity, check_resource_name
from kubern.api.podspec.check_scheduling import (
    check_affinity,
    check_gates,
    check_tolerations,
    check_topology_spread,
)
from kubern.api.podspec.check_security import check_pod_security
from kubern.api.podspec.check_volumes import check_volumes
from kubern.api.podspec.check_windows import check_host_process
from kubern.api.rules.checks import NameCheck
from kubern.base.errors import Cause
from kubern.base.json import Obj

RESTART_POLICIES = ["Always", "OnFailure", "Never"]
_DNS_POLICIES = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]
_MAX_INT32 = 2147483647
_FIRST_NAMES = (("serviceAccountName", names.dns1123_subdomain), ("nodeName", names.dns1123_subdomain))
_HOST_NAMES = (
    ("hostname", names.dns1123_label),
    ("hostnameOverride", names.dns1123_subdomain),
    ("subdomain", names.dns1123_label),
)
_CLASS_NAMES = (("priorityClassName", names.dns1123_subdomain), ("runtimeClassName", names.dns1123_subdomain))


def validate_pod_template(template: Obj | None, path: str) -> list[Cause]:
    """Return what is wrong with a pod template at `path` (`spec.template`)."""
    template = template or {}
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    causes = check_labels(metadata.get("labels"), f"{path}.labels")
    causes += check_annotations(metadata.get("annotations"), f"{path}.annotations")
    causes += check_pod_annotations(metadata.get("annotations"), spec, f"{path}.annotations")
    causes += validate_pod_spec(spec, f"{path}.spec", template=True)
    causes += check_profiles(metadata.get("annotations"), spec, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        message = "ephemeral containers not allowed in pod template"
        causes.append(field.forbidden(f"{path}.spec.ephemeralContainers", message))
    return causes


def validate_pod_spec(spec: Obj, path: str, *, template: bool = False) -> list[Cause]:
    """Return what is wrong with a pod specification at `path` (`spec`, or `spec.template.spec`)."""
    volumes = {volume.get("name") or "": volume for volume in spec.get("volumes") or ()}
    claims = frozenset(claim.get("name") or "" for claim in spec.get("resourceClaims") or ())
    grace = spec.get("terminationGracePeriodSeconds")
    pod = Pod(
        volumes,
        30 if grace is None else grace,
        claims,
        spec.get("hostUsers") is not False,
        spec.get("restartPolicy") == "Never",
    )
    causes = check_volumes(spec.get("volumes") or [], f"{path}.volumes")
    causes += [] if template else _check_images(spec, path)
    causes += check_pod_claims(spec.get("resourceClaims") or [], f"{path}.resourceClaims")
    causes += check_containers(spec, path, pod)
    causes += check_pod_resources(spec, path)
    causes += check_host_ports(spec, path, template=template)
    causes += _check_policies(spec, path)
    causes += check_labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    causes += check_pod_security(spec, path)
    causes += check_affinity(spec.get("affinity"), f"{path}.affinity")
    causes += check_dns(spec, path)
    causes += _check_readiness_gates(spec, path)
    causes += check_gates(spec.get("schedulingGates") or [], f"{path}.schedulingGates")
    causes += check_topology_spread(spec.get("topologySpreadConstraints") or [], f"{path}.topologySpreadConstraints")
    causes += check_host_process(spec, path)
    causes += _check_host_users(spec, path)
    causes += _check_names(spec, path, _FIRST_NAMES)
    causes += _check_deadline(spec, path)
    causes += _check_names(spec, path, _HOST_NAMES)
    causes += check_tolerations(spec.get("tolerations") or [], f"{path}.tolerations")
    causes += _check_host_aliases(spec, path)
    causes += _check_names(spec, path, _CLASS_NAMES)
    return causes + _check_rest(spec, path) + check_os(spec, path)


def _check_images(spec: Obj, path: str) -> list[Cause]:
    """A template may leave to admission which image a volume holds; a pod may not."""
    return [
        field.required(f"{path}.volumes[{i}].image.reference")
        for i, volume in enumerate(spec.get("volumes") or ())
        if volume.get("image") is not None and not volume["image"].get("reference")
    ]


def _check_policies(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for name, supported in (("restartPolicy", RESTART_POLICIES), ("dnsPolicy", _DNS_POLICIES)):
        value = spec.get(name) or ""
        if not value:
            causes.append(field.required(f"{path}.{name}"))
        elif value not in supported:
            causes.append(field.not_supported(f"{path}.{name}", value, supported))
    return causes


def _check_readiness_gates(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for i, gate in enumerate(spec.get("readinessGates") or ()):
        kind, here = gate.get("conditionType") or "", f"{path}.readinessGates[{i}].conditionType"
        causes += [field.invalid(here, kind, message) for message in names.qualified_name(kind)]
    return causes


def _check_host_users(spec: Obj, path: str) -> list[Cause]:
    if spec.get("hostUsers") is not False:
        return []
    message = "when `hostUsers` is false"
    return [
        field.forbidden(f"{path}.{name}", message) for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)
    ]


def _check_names(spec: Obj, path: str, checks: tuple[tuple[str, NameCheck], ...]) -> list[Cause]:
    return [
        field.invalid(f"{path}.{name}", spec[name], message)
        for name, check in checks
        if spec.get(name)
        for message in check(spec[name])
    ]


def _check_deadline(spec: Obj, path: str) -> list[Cause]:
    seconds = spec.get("activeDeadlineSeconds")
    if seconds is None or 1 <= seconds <= _MAX_INT32:
        return []
    return [field.invalid(f"{path}.activeDeadlineSeconds", seconds, f"must be between 1 and {_MAX_INT32}, inclusive")]


def _check_host_aliases(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for i, alias in enumerate(spec.get("hostAliases") or ()):
        here, ip = f"{path}.hostAliases[{i}]", alias.get("ip") or ""
        causes += [field.invalid(f"{here}.ip", ip, message) for message in names.ip_address(ip)]
        for j, name in enumerate(alias.get("hostnames") or ()):
            messages = names.dns1123_subdomain(name)
            causes += [field.invalid(f"{here}.hostnames[{j}]", name, message) for message in messages]
    return causes


def _check_rest(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    preemption = spec.get("preemptionPolicy")
    if preemption is not None and preemption not in ("PreemptLowerPriority", "Never"):
        supported = ["PreemptLowerPriority", "Never"]
        causes.append(field.not_supported(f"{path}.preemptionPolicy", preemption, supported))
    for name, quantity in (spec.get("overhead") or {}).items():
        here = f"{path}.overhead[{name}]"
        causes += check_resource_name(name, here) + check_quantity(name, quantity, here)
    system = spec.get("os")
    if system is not None and system.get("name") not in ("linux", "windows"):
        name = system.get("name") or ""
        supported = ["linux", "windows"]
        causes.append(
            field.not_supported(f"{path}.os", name, supported)
            if name
            else field.required(f"{path}.os.name", "cannot be empty")
        )
    return causes
