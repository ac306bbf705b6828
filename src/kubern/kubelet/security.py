"""Security contexts: what a pod and its container say, as the runtime takes it. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from kubern.base.json import Obj
from kubern.kubelet.podspec import full_name, steps
from kubern.kubelet.runtime.config import CONTAINER, NODE, POD, TARGET, Namespaces, Profile, Security, SELinux
from kubern.kubelet.runtime.contract import Image

_MASKED = (
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
)  # fmt: skip
_READONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def namespaces(pod: Obj, target: str = "") -> Namespaces:
    """Return whose namespaces a pod's containers use; `target` is the container id that an ephemeral container looks into."""
    spec = pod["spec"]
    if spec.get("hostPID"):
        pid = NODE
    elif target:
        pid = TARGET
    else:
        pid = POD if spec.get("shareProcessNamespace") else CONTAINER
    return Namespaces(
        network=NODE if spec.get("hostNetwork") else POD,
        pid=pid,
        ipc=NODE if spec.get("hostIPC") else POD,
        target=target if pid == TARGET else "",
    )


def sandbox_security(pod: Obj) -> Security:
    """Return the sandbox's security context: privileged when any of its containers is."""
    context = pod["spec"].get("securityContext") or {}
    privileged = any((step.container.get("securityContext") or {}).get("privileged") for step in steps(pod))
    return Security(
        namespaces=namespaces(pod),
        run_as_user=context.get("runAsUser"),
        # a group alone is refused by the runtime
        run_as_group=context.get("runAsGroup") if context.get("runAsUser") is not None else None,
        supplemental_groups=_groups(context),
        privileged=bool(privileged),
        seccomp=Profile("Unconfined" if privileged else "RuntimeDefault"),
        selinux=_selinux(context),
    )


def container_security(
    pod: Obj, container: Obj, image: Image | None, seccomp_root: str, target: str = "", pod_groups: tuple[int, ...] = ()
) -> Security:
    """Return a container's security context. What it does not say itself, its pod says, and then its image."""
    of_pod = pod["spec"].get("securityContext") or {}
    own = container.get("securityContext") or {}
    said: dict[str, Any] = {
        name: own.get(name, of_pod.get(name))
        for name in ("runAsUser", "runAsGroup", "seLinuxOptions", "seccompProfile")
    }
    user, username = said["runAsUser"], ""
    if user is None and image is not None:
        user, username = image.uid, image.username if image.uid is None else ""
    privileged = bool(own.get("privileged"))
    capabilities = own.get("capabilities") or {}
    unmasked = own.get("procMount") == "Unmasked"
    return Security(
        namespaces=namespaces(pod, target),
        run_as_user=user,
        run_as_group=said["runAsGroup"],
        run_as_username=username,
        supplemental_groups=tuple(dict.fromkeys((*_groups(of_pod), *pod_groups))),
        supplemental_groups_strict=of_pod.get("supplementalGroupsPolicy") == "Strict",
        privileged=privileged,
        readonly_rootfs=bool(own.get("readOnlyRootFilesystem")),
        no_new_privs=own.get("allowPrivilegeEscalation") is False,
        add_capabilities=tuple(capabilities.get("add") or ()),
        drop_capabilities=tuple(capabilities.get("drop") or ()),
        masked_paths=() if unmasked else _MASKED,
        readonly_paths=() if unmasked else _READONLY,
        seccomp=_seccomp(said["seccompProfile"], privileged, seccomp_root),
        apparmor=_apparmor(own.get("appArmorProfile") or of_pod.get("appArmorProfile")),
        selinux=_selinux(said),
    )


def _groups(context: Obj) -> tuple[int, ...]:
    group = context.get("fsGroup")
    return (*(context.get("supplementalGroups") or ()), *(() if group is None else (group,)))


def _selinux(context: Obj) -> SELinux | None:
    options = context.get("seLinuxOptions")
    return SELinux(**{name: options.get(name, "") for name in SELinux._fields}) if options else None


def _seccomp(profile: Obj | None, privileged: bool, root: str) -> Profile:
    if privileged or not profile:
        return Profile("Unconfined")
    if profile["type"] == "Localhost":
        return Profile("Localhost", str(PurePosixPath(root, profile.get("localhostProfile", ""))))
    return Profile(profile["type"])


def _apparmor(profile: Obj | None) -> Profile | None:
    return Profile(profile["type"], profile.get("localhostProfile", "")) if profile else None


def root_refused(pod: Obj, container: Obj, image: Image | None) -> str:
    """Return why the container must not start under its runAsNonRoot, "" when it may."""
    of_pod = pod["spec"].get("securityContext") or {}
    own = container.get("securityContext") or {}
    if not own.get("runAsNonRoot", of_pod.get("runAsNonRoot")):
        return ""
    where = f'(pod: "{full_name(pod)}", container: {container["name"]})'
    user = own.get("runAsUser", of_pod.get("runAsUser"))
    if user is not None:
        return f"container's runAsUser breaks non-root policy {where}" if user == 0 else ""
    if image is None:
        return ""
    if image.uid is None and image.username:
        return (
            f"container has runAsNonRoot and image has non-numeric user ({image.username}), "
            f"cannot verify user is non-root {where}"
        )
    return "" if image.uid else f"container has runAsNonRoot and image will run as root {where}"
