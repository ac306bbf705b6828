"""What a sandbox and a container are to be, in plain values: the half of the contract that the kubelet writes and a runtime reads.

Made by `kubelet/configs.py`, handed to `contract.Runtime`. An empty value leaves the runtime its own choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

POD, CONTAINER, NODE, TARGET = "POD", "CONTAINER", "NODE", "TARGET"
"""Whose namespace is shared."""


class Namespaces(NamedTuple):
    """Namespace modes. A pod's containers see only their own processes unless the pod shares its process namespace."""

    network: str = POD
    pid: str = CONTAINER
    ipc: str = POD
    target: str = ""
    """With pid TARGET: the container whose processes are seen."""


class Profile(NamedTuple):
    """A seccomp or AppArmor profile: RuntimeDefault, Unconfined or Localhost with its reference."""

    type: str
    reference: str = ""


class SELinux(NamedTuple):
    """SELinux' labels of a process."""

    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class Security:
    """The security context of a sandbox or a container; None leaves the image's or the runtime's own choice."""

    namespaces: Namespaces = field(default_factory=Namespaces)
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_username: str = ""
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_strict: bool = False
    privileged: bool = False
    readonly_rootfs: bool = False
    no_new_privs: bool = False
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    seccomp: Profile | None = None
    apparmor: Profile | None = None
    selinux: SELinux | None = None


class LinuxResources(NamedTuple):
    """cgroup limits; 0 leaves a limit out. Quota and period in microseconds, memory in bytes."""

    cpu_shares: int = 0
    cpu_quota: int = 0
    cpu_period: int = 0
    memory_limit: int = 0
    oom_score_adj: int = 0
    hugepage_limits: tuple[tuple[str, int], ...] = ()


class Dns(NamedTuple):
    """What a pod's resolv.conf says."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class PortMapping(NamedTuple):
    """A host port. `protocol` is TCP, UDP or SCTP."""

    container_port: int
    host_port: int
    protocol: str = "TCP"
    host_ip: str = ""


class Mount(NamedTuple):
    """A bind mount. `propagation` is None (private), HostToContainer or Bidirectional."""

    container_path: str
    host_path: str
    readonly: bool = False
    propagation: str = "None"
    recursive_readonly: bool = False


class Device(NamedTuple):
    """A device of the node that a container may use; `permissions` of r, w and m."""

    container_path: str
    host_path: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """What a pod's sandbox is made from. `attempt` tells apart the sandboxes that one pod had."""

    name: str
    namespace: str
    uid: str
    attempt: int = 0
    hostname: str = ""
    log_directory: str = ""
    dns: Dns | None = None
    ports: tuple[PortMapping, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = ""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    security: Security = field(default_factory=Security)


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """What a container is made from. `image` is the image's id, `log_path` is relative to the sandbox's log directory."""

    name: str
    attempt: int
    image: str
    user_image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    devices: tuple[Device, ...] = ()
    cdi_devices: tuple[str, ...] = ()
    """Devices by their qualified names, which the runtime knows by the Container Device Interface."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    resources: LinuxResources = field(default_factory=LinuxResources)
    security: Security = field(default_factory=Security)
