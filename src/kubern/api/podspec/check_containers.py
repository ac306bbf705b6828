"""Checks of containers: ordinary, init and ephemeral. Called by the pod specification's checks; wording is upstream's."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from kubern.api import field, names
from kubern.api.podspec.check_claims import check_used_claims
from kubern.api.podspec.check_env import check_env, check_env_from
from kubern.api.podspec.check_mounts import check_devices, check_mounts
from kubern.api.podspec.check_pod_only import check_image_text
from kubern.api.podspec.check_probes import check_lifecycle, check_probes
from kubern.api.podspec.check_resources import check_resize_policy, check_resources
from kubern.api.podspec.check_restart_rules import check_restart_rules
from kubern.api.podspec.check_security import check_container_security
from kubern.api.podspec.containers import is_sidecar
from kubern.base.errors import Cause
from kubern.base.json import Obj

PROTOCOLS = ["SCTP", "TCP", "UDP"]
_PULL_POLICIES = ["Always", "IfNotPresent", "Never"]
_MESSAGE_POLICIES = ["File", "FallbackToLogsOnError"]
_ONLY_SIDECARS = "may not be set for init containers without restartPolicy=Always"
_NOT_EPHEMERAL = (
    "ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "livenessProbe", "readinessProbe",
    "startupProbe", "lifecycle",
)  # fmt: skip


class Pod(NamedTuple):
    """What the checks of a container need of the pod around it."""

    volumes: dict[str, Obj]
    grace: int
    claims: frozenset[str] = frozenset()
    host_users: bool = True
    never: bool = False


def check_containers(spec: Obj, path: str, pod: Pod) -> list[Cause]:
    """Return what is wrong with all containers of a pod specification."""
    containers = spec.get("containers") or []
    causes: list[Cause] = [] if containers else [field.required(f"{path}.containers")]
    taken: set[str] = set()
    causes += _check_list(containers, f"{path}.containers", pod, taken, _check_ordinary)
    causes += _host_port_conflicts(containers, f"{path}.containers")
    causes += _check_list(spec.get("initContainers") or [], f"{path}.initContainers", pod, taken, _check_init)
    own = partial(_check_ephemeral, targets=frozenset(taken))
    return causes + _check_list(spec.get("ephemeralContainers") or [], f"{path}.ephemeralContainers", pod, taken, own)


def _check_list(containers: list[Obj], path: str, pod: Pod, taken: set[str], own: Any) -> list[Cause]:
    causes: list[Cause] = []
    for i, container in enumerate(containers):
        here = f"{path}[{i}]"
        causes += check_container(container, here, pod)
        name = container.get("name") or ""
        duplicate = [field.duplicate(f"{here}.name", name)] if name and name in taken else []
        taken.add(name)
        causes += own(container, here, pod, duplicate)
    return causes


def check_host_ports(spec: Obj, path: str, *, template: bool) -> list[Cause]:
    """Return a cause for each port of a container on its node's network that is not the node's own; a template may leave it open."""
    causes: list[Cause] = []
    for i, container in enumerate(spec.get("containers") or () if spec.get("hostNetwork") else ()):
        for j, port in enumerate(container.get("ports") or ()):
            inside, outside = port.get("containerPort") or 0, port.get("hostPort") or 0
            if inside != outside and (outside or not template):
                message = "must match `containerPort` when `hostNetwork` is true"
                causes.append(field.invalid(f"{path}.containers[{i}].ports[{j}].hostPort", outside, message))
    return causes


def check_container(container: Obj, path: str, pod: Pod) -> list[Cause]:
    """Return what is wrong with what every container has."""
    causes = [*_check_name(container, path), *_check_image(container, path)]
    causes += _one_of(container, "terminationMessagePolicy", _MESSAGE_POLICIES, path)
    causes += _check_ports(container.get("ports") or [], f"{path}.ports")
    causes += check_env(container.get("env") or [], f"{path}.env")
    causes += check_env_from(container.get("envFrom") or [], f"{path}.envFrom")
    causes += check_mounts(container, path, pod.volumes)
    causes += check_devices(container, path, pod.volumes)
    causes += _one_of(container, "imagePullPolicy", _PULL_POLICIES, path)
    causes += check_resources(container.get("resources"), f"{path}.resources")
    used = (container.get("resources") or {}).get("claims") or []
    causes += check_used_claims(used, pod.claims, f"{path}.resources.claims")
    causes += check_resize_policy(container.get("resizePolicy") or [], f"{path}.resizePolicy", pod.never)
    causes += check_container_security(container.get("securityContext"), f"{path}.securityContext", pod.host_users)
    return causes


def _check_name(container: Obj, path: str) -> list[Cause]:
    name = container.get("name") or ""
    if not name:
        return [field.required(f"{path}.name")]
    return [field.invalid(f"{path}.name", name, message) for message in names.dns1123_label(name)]


def _check_image(container: Obj, path: str) -> list[Cause]:
    return [] if container.get("image") else [field.required(f"{path}.image")]


def _one_of(container: Obj, name: str, supported: list[str], path: str) -> list[Cause]:
    value = container.get(name) or ""
    if not value:
        return [field.required(f"{path}.{name}")]
    return [] if value in supported else [field.not_supported(f"{path}.{name}", value, supported)]


def _check_ordinary(container: Obj, path: str, pod: Pod, duplicate: list[Cause]) -> list[Cause]:
    causes = duplicate + check_lifecycle(container.get("lifecycle"), f"{path}.lifecycle", pod.grace)
    causes += check_probes(container, path, pod.grace)
    causes += _check_restart(container, path, ["Always", "OnFailure", "Never"])
    return causes + check_restart_rules(container, path)


def _check_init(container: Obj, path: str, pod: Pod, duplicate: list[Cause]) -> list[Cause]:
    causes = _check_restart(container, path, ["Always", "OnFailure", "Never"])
    causes += check_restart_rules(container, path) + duplicate
    # each runs alone: its ports meet only one another, and upstream counts it as the first
    causes += _host_port_conflicts([container], path.rpartition("[")[0])
    if is_sidecar(container):
        causes += check_lifecycle(container.get("lifecycle"), f"{path}.lifecycle", pod.grace)
        return causes + check_probes(container, path, pod.grace)
    for name in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            causes.append(field.forbidden(f"{path}.{name}", _ONLY_SIDECARS))
    return causes


def _check_ephemeral(
    container: Obj, path: str, pod: Pod, duplicate: list[Cause], targets: frozenset[str]
) -> list[Cause]:
    causes = check_image_text(container, path) + duplicate
    target, message = container.get("targetContainerName"), "cannot be set for an Ephemeral Container"
    if target and target not in targets:
        causes.append(field.not_found(f"{path}.targetContainerName", target))
    for name in _NOT_EPHEMERAL:
        said = any((container.get(name) or {}).values()) if name == "resources" else container.get(name)
        if said:
            causes.append(field.forbidden(f"{path}.{name}", message))
    for i, mount in enumerate(container.get("volumeMounts") or ()):
        for name in ("subPath", "subPathExpr"):
            if mount.get(name):
                causes.append(field.forbidden(f"{path}.volumeMounts[{i}].{name}", message))
    return causes


def _check_restart(container: Obj, path: str, supported: list[str]) -> list[Cause]:
    policy = container.get("restartPolicy")
    if policy in (None, "", *supported):
        return []
    return [field.not_supported(f"{path}.restartPolicy", policy, supported)]


def _check_ports(ports: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    taken: set[str] = set()
    for i, port in enumerate(ports):
        here = f"{path}[{i}]"
        name = port.get("name") or ""
        if name:
            messages = names.port_name(name)
            causes += [field.invalid(f"{here}.name", name, message) for message in messages]
            if not messages and name in taken:
                causes.append(field.duplicate(f"{here}.name", name))
            taken.add(name)
        causes += _check_port_numbers(port, here)
        causes += _one_of(port, "protocol", PROTOCOLS, here)
    return causes


def _check_port_numbers(port: Obj, path: str) -> list[Cause]:
    inside, outside = port.get("containerPort") or 0, port.get("hostPort") or 0
    if not inside:
        causes = [field.required(f"{path}.containerPort")]
    else:
        causes = [field.invalid(f"{path}.containerPort", inside, message) for message in names.port_number(inside)]
    if outside:
        causes += [field.invalid(f"{path}.hostPort", outside, message) for message in names.port_number(outside)]
    return causes


def _host_port_conflicts(containers: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    taken: set[str] = set()
    for i, container in enumerate(containers):
        for j, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol') or ''}/{port.get('hostIP') or ''}/{port['hostPort']}"
            if key in taken:
                causes.append(field.duplicate(f"{path}[{i}].ports[{j}].hostPort", key))
            taken.add(key)
    return causes
