"""Plain values into CRI messages and back. No I/O; used by `cri` alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubern.kubelet.runtime import api_pb2 as pb
from kubern.kubelet.runtime import config as given
from kubern.kubelet.runtime import contract as c

_STATES = (c.CREATED, c.RUNNING, c.EXITED, c.UNKNOWN)
_PROPAGATION = {"None": 0, "HostToContainer": 1, "Bidirectional": 2}


def sandbox_config(config: given.SandboxConfig) -> Any:
    """Return the PodSandboxConfig message."""
    security = config.security
    message = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=config.name, uid=config.uid, namespace=config.namespace, attempt=config.attempt
        ),
        hostname=config.hostname,
        log_directory=config.log_directory,
        port_mappings=[
            pb.PortMapping(
                protocol=pb.Protocol.Value(p.protocol),
                container_port=p.container_port,
                host_port=p.host_port,
                host_ip=p.host_ip,
            )
            for p in config.ports
        ],
        labels=config.labels,
        annotations=config.annotations,
        linux=pb.LinuxPodSandboxConfig(
            cgroup_parent=config.cgroup_parent,
            sysctls=config.sysctls,
            security_context=pb.LinuxSandboxSecurityContext(privileged=security.privileged, **_security(security)),
        ),
    )
    if config.dns is not None:
        message.dns_config.CopyFrom(
            pb.DNSConfig(servers=config.dns.servers, searches=config.dns.searches, options=config.dns.options)
        )
    return message


def _security(security: given.Security) -> dict[str, Any]:
    """Return the fields that a sandbox's and a container's security context share."""
    ns = security.namespaces
    fields: dict[str, Any] = {
        "namespace_options": pb.NamespaceOption(
            network=pb.NamespaceMode.Value(ns.network),
            pid=pb.NamespaceMode.Value(ns.pid),
            ipc=pb.NamespaceMode.Value(ns.ipc),
            target_id=ns.target,
        ),
        "supplemental_groups": security.supplemental_groups,
        "supplemental_groups_policy": int(security.supplemental_groups_strict),
        "readonly_rootfs": security.readonly_rootfs,
    }
    if security.run_as_user is not None:
        fields["run_as_user"] = pb.Int64Value(value=security.run_as_user)
    if security.run_as_group is not None:
        fields["run_as_group"] = pb.Int64Value(value=security.run_as_group)
    if security.selinux is not None:
        fields["selinux_options"] = pb.SELinuxOption(**security.selinux._asdict())
    for name, profile in (("seccomp", security.seccomp), ("apparmor", security.apparmor)):
        if profile is not None:
            kind = pb.SecurityProfile.ProfileType.Value(profile.type)
            fields[name] = pb.SecurityProfile(profile_type=kind, localhost_ref=profile.reference)
    return fields


def container_config(config: given.ContainerConfig) -> Any:
    """Return the ContainerConfig message."""
    message = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=config.name, attempt=config.attempt),
        image=pb.ImageSpec(image=config.image, user_specified_image=config.user_image),
        command=config.command,
        args=config.args,
        working_dir=config.working_dir,
        envs=[pb.KeyValue(key=key, value=value) for key, value in config.env],
        mounts=[
            pb.Mount(
                container_path=m.container_path,
                host_path=m.host_path,
                readonly=m.readonly,
                propagation=_PROPAGATION[m.propagation],
                recursive_read_only=m.recursive_readonly,
            )
            for m in config.mounts
        ],
        devices=[pb.Device(**d._asdict()) for d in config.devices],
        labels=config.labels,
        annotations=config.annotations,
        log_path=config.log_path,
        stdin=config.stdin,
        stdin_once=config.stdin_once,
        tty=config.tty,
        linux=pb.LinuxContainerConfig(
            resources=resources(config.resources),
            security_context=_container_security(config.security),
        ),
    )
    for name in config.cdi_devices:
        # field 17, CDI_devices, a list of messages whose field 1 is the name: not worth more of the .proto
        device = b"\x0a" + _sized(name.encode())
        message.MergeFromString(b"\x8a\x01" + _sized(device))
    return message


def _sized(data: bytes) -> bytes:
    """Return bytes as a field's value: behind their number as a varint."""
    size, head = len(data), b""
    while size > 127:
        head, size = head + bytes([size & 127 | 128]), size >> 7
    return head + bytes([size]) + data


def _container_security(security: given.Security) -> Any:
    context = pb.LinuxContainerSecurityContext(
        privileged=security.privileged,
        run_as_username=security.run_as_username,
        no_new_privs=security.no_new_privs,
        masked_paths=security.masked_paths,
        readonly_paths=security.readonly_paths,
        **_security(security),
    )
    if security.add_capabilities or security.drop_capabilities:
        context.capabilities.CopyFrom(
            pb.Capability(add_capabilities=security.add_capabilities, drop_capabilities=security.drop_capabilities)
        )
    return context


def resources(limits: given.LinuxResources) -> Any:
    """Return the LinuxContainerResources message."""
    return pb.LinuxContainerResources(
        cpu_shares=limits.cpu_shares,
        cpu_quota=limits.cpu_quota,
        cpu_period=limits.cpu_period,
        memory_limit_in_bytes=limits.memory_limit,
        oom_score_adj=limits.oom_score_adj,
        hugepage_limits=[pb.HugepageLimit(page_size=size, limit=limit) for size, limit in limits.hugepage_limits],
    )


def auth(config: c.Auth) -> Any:
    """Return the AuthConfig message."""
    return pb.AuthConfig(
        username=config.username,
        password=config.password,
        auth=config.auth,
        server_address=config.server,
        identity_token=config.identity_token,
        registry_token=config.registry_token,
    )


def sandbox(message: Any) -> c.Sandbox:
    """Read a PodSandbox, or a PodSandboxStatus with its addresses."""
    network = getattr(message, "network", None)
    ips = () if network is None else tuple(ip for ip in (network.ip, *(a.ip for a in network.additional_ips)) if ip)
    meta = message.metadata
    return c.Sandbox(
        id=message.id,
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        attempt=meta.attempt,
        ready=message.state == pb.SANDBOX_READY,
        created_at=message.created_at,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
        ips=ips,
    )


def container(message: Any) -> c.Container:
    """Read a Container of a list."""
    return c.Container(sandbox_id=message.pod_sandbox_id, **_container(message))


def container_status(message: Any, sandbox_id: str = "") -> c.Container:
    """Read a ContainerStatus, which does not say whose it is."""
    return c.Container(
        sandbox_id=sandbox_id,
        started_at=message.started_at,
        finished_at=message.finished_at,
        exit_code=message.exit_code,
        reason=message.reason,
        message=message.message,
        log_path=message.log_path,
        **_container(message),
    )


def _container(message: Any) -> dict[str, Any]:
    return {
        "id": message.id,
        "name": message.metadata.name,
        "attempt": message.metadata.attempt,
        "state": _STATES[message.state] if message.state < len(_STATES) else c.UNKNOWN,
        "created_at": message.created_at,
        "image": message.image.image,
        "image_id": message.image_ref,
        "labels": dict(message.labels),
        "annotations": dict(message.annotations),
    }


def image(message: Any) -> c.Image:
    """Read an Image."""
    return c.Image(
        id=message.id,
        tags=tuple(message.repo_tags),
        digests=tuple(message.repo_digests),
        size=message.size,
        uid=message.uid.value if message.HasField("uid") else None,
        username=message.username,
        pinned=message.pinned,
    )


def stats(message: Any) -> c.ContainerStats:
    """Read ContainerStats; what the runtime has not measured yet is 0."""
    attributes: Any = message.attributes
    labels: Mapping[str, str] = dict(attributes.labels)
    return c.ContainerStats(
        id=attributes.id,
        name=attributes.metadata.name,
        labels=labels,
        timestamp=message.cpu.timestamp or message.memory.timestamp,
        cpu_core_nanoseconds=message.cpu.usage_core_nano_seconds.value,
        cpu_nano_cores=message.cpu.usage_nano_cores.value,
        memory_working_set=message.memory.working_set_bytes.value,
        memory_usage=message.memory.usage_bytes.value,
        memory_rss=message.memory.rss_bytes.value,
        page_faults=message.memory.page_faults.value,
        major_page_faults=message.memory.major_page_faults.value,
        disk_used=message.writable_layer.used_bytes.value,
        disk_inodes=message.writable_layer.inodes_used.value,
    )
