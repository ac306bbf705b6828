"""Pod and container as the runtime is told of them: sandbox and container configurations. Pure."""

from __future__ import annotations

import json
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.kubelet import podspec
from kubern.kubelet.environment import expand
from kubern.kubelet.qos import container_resources
from kubern.kubelet.runtime.config import ContainerConfig, Dns, Mount, PortMapping, SandboxConfig
from kubern.kubelet.runtime.contract import Image
from kubern.kubelet.security import container_security, sandbox_security
from kubern.kubelet.settings import Settings


def sandbox_config(pod: Obj, attempt: int, dns: Dns, cgroup_parent: str, settings: Settings) -> SandboxConfig:
    """Return the pod's sandbox configuration."""
    meta = pod["metadata"]
    name, domain = podspec.hostname(pod, settings.cluster_domain)
    if podspec.host_network(pod):
        # the runtime refuses a host name of its own for a pod in the node's namespaces
        name = ""
    elif pod["spec"].get("setHostnameAsFQDN") and domain:
        name = f"{name}.{domain}"
    sysctls = (pod["spec"].get("securityContext") or {}).get("sysctls") or ()
    return SandboxConfig(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        attempt=attempt,
        hostname=name,
        log_directory=str(settings.log_dir(meta["namespace"], meta["name"], meta["uid"])),
        dns=dns,
        ports=port_mappings(pod),
        labels=(meta.get("labels") or {}) | pod_labels(pod),
        annotations={podspec.SOURCE_ANNOTATION: "api"} | (meta.get("annotations") or {}),
        cgroup_parent=cgroup_parent,
        sysctls={each["name"]: each["value"] for each in sysctls},
        security=sandbox_security(pod),
    )


def pod_labels(pod: Obj) -> dict[str, str]:
    """Return the labels by which a pod's sandboxes and containers are found again."""
    meta = pod["metadata"]
    return {
        podspec.NAME_LABEL: meta["name"],
        podspec.NAMESPACE_LABEL: meta["namespace"],
        podspec.UID_LABEL: meta["uid"],
    }


def port_mappings(pod: Obj) -> tuple[PortMapping, ...]:
    """Return the host ports that the network must lead to the pod; with the node's own network there is nothing to lead."""
    if podspec.host_network(pod):
        return ()
    return tuple(
        PortMapping(port["containerPort"], port["hostPort"], port.get("protocol", "TCP"), port.get("hostIP") or "")
        for step in podspec.steps(pod)
        for port in step.container.get("ports") or ()
        if port.get("hostPort")
    )


class Parts(NamedTuple):
    """What a container's configuration is put together from besides its spec."""

    attempt: int
    image: Image | None
    image_ref: str
    env: tuple[tuple[str, str], ...]
    mounts: tuple[Mount, ...]
    memory_capacity: int
    target: str = ""
    """The id of the container that an ephemeral container looks into."""
    devices: tuple[str, ...] = ()
    """The devices that the container gets of the pod's claims."""


def container_config(pod: Obj, container: Obj, parts: Parts, settings: Settings) -> ContainerConfig:
    """Return one container's configuration."""
    variables = dict(parts.env)

    def expanded(words: list[str] | None) -> tuple[str, ...]:
        return tuple(expand(word, variables.get) for word in words or ())

    return ContainerConfig(
        name=container["name"],
        attempt=parts.attempt,
        image=parts.image_ref,
        user_image=container.get("image", ""),
        command=expanded(container.get("command")),
        args=expanded(container.get("args")),
        working_dir=container.get("workingDir") or "",
        env=parts.env,
        mounts=parts.mounts,
        cdi_devices=parts.devices,
        labels=pod_labels(pod) | {podspec.CONTAINER_LABEL: container["name"]},
        annotations=_annotations(pod, container, parts.attempt),
        log_path=log_path(container["name"], parts.attempt),
        stdin=bool(container.get("stdin")),
        stdin_once=bool(container.get("stdinOnce")),
        tty=bool(container.get("tty")),
        resources=container_resources(pod, container, parts.memory_capacity),
        security=container_security(
            pod, container, parts.image, str(settings.root_dir / "seccomp"), target=parts.target
        ),
    )


def log_path(container: str, attempt: int) -> str:
    """Return a container's log file below its pod's log folder."""
    return f"{container}/{attempt}.log"


def _annotations(pod: Obj, container: Obj, attempt: int) -> dict[str, str]:
    """Return what a later kubelet must know of the container even when its pod's object is gone."""
    found = {
        podspec.HASH_ANNOTATION: podspec.spec_hash(container),
        podspec.RESTARTS_ANNOTATION: str(attempt),
        podspec.MESSAGE_PATH_ANNOTATION: container.get("terminationMessagePath") or "",
        podspec.MESSAGE_POLICY_ANNOTATION: container.get("terminationMessagePolicy") or "",
    }
    grace = pod["spec"].get("terminationGracePeriodSeconds")
    if grace is not None:
        found[podspec.POD_GRACE_ANNOTATION] = str(grace)
    hook = (container.get("lifecycle") or {}).get("preStop")
    if hook:
        found[podspec.PRE_STOP_ANNOTATION] = json.dumps(hook, separators=(",", ":"))
    return found
