"""The Pod Security Standards: what each level forbids a pod, in upstream's words. Pure.

Used by the admission plug-in PodSecurity. Source: Kubernetes documentation, "Pod Security Standards"; the checks are those of
v1.36, whatever version a namespace names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from kubern.base.json import Obj

PRIVILEGED, BASELINE, RESTRICTED = LEVELS = ("privileged", "baseline", "restricted")
_CAPABILITIES = frozenset(
    (
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
        "SETPCAP", "SETUID", "SYS_CHROOT",
    )
)  # fmt: skip
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    )
)  # fmt: skip
_VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)


class Violation(NamedTuple):
    """What is forbidden, and where it was found."""

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.what} ({self.where})" if self.where else self.what


def violations(pod: Obj, level: str) -> list[Violation]:
    """Return what a pod (anything with `metadata` and a pod's `spec`) does that a level forbids, one entry a check."""
    if level == PRIVILEGED or level not in LEVELS:
        return []
    return [found for check in (_BASELINE if level == BASELINE else _RESTRICTED) for found in check(pod)]


def _containers(spec: Obj) -> Iterator[Obj]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(kind) or ()


def _security(holder: Obj) -> Obj:
    found: Obj = holder.get("securityContext") or {}
    return found


def _named(names: Iterable[str]) -> str:
    """Return `container "a"` or `containers "a", "b"`."""
    quoted = [f'"{name}"' for name in names]
    return f"container{'s' * (len(quoted) > 1)} {', '.join(quoted)}"


def _of_containers(pod: Obj, what: str, must: str, bad: Callable[[Obj], bool]) -> Iterator[Violation]:
    found = [each["name"] for each in _containers(pod["spec"]) if bad(each)]
    if found:
        yield Violation(what, f"{_named(found)} {must}")


def _host_namespaces(pod: Obj) -> Iterator[Violation]:
    used = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if pod["spec"].get(name)]
    if used:
        yield Violation("host namespaces", ", ".join(used))


def _privileged(pod: Obj) -> Iterator[Violation]:
    must = "must not set securityContext.privileged=true"
    yield from _of_containers(pod, "privileged", must, lambda c: bool(_security(c).get("privileged")))


def _capabilities_baseline(pod: Obj) -> Iterator[Violation]:
    added = {each["name"]: _added(each) - _CAPABILITIES for each in _containers(pod["spec"])}
    names = [name for name, capabilities in added.items() if capabilities]
    if names:
        listed = ", ".join(f'"{each}"' for each in sorted(set().union(*added.values())))
        must = f"must not include {listed} in securityContext.capabilities.add"
        yield Violation("non-default capabilities", f"{_named(names)} {must}")


def _added(container: Obj) -> set[str]:
    return set((_security(container).get("capabilities") or {}).get("add") or ())


def _host_path(pod: Obj) -> Iterator[Violation]:
    used = [f'"{each["name"]}"' for each in pod["spec"].get("volumes") or () if each.get("hostPath") is not None]
    if used:
        yield Violation("hostPath volumes", f"volume{'s' * (len(used) > 1)} {', '.join(used)}")


def _host_ports(pod: Obj) -> Iterator[Violation]:
    used = {
        each["name"]: sorted({port["hostPort"] for port in each.get("ports") or () if port.get("hostPort")})
        for each in _containers(pod["spec"])
    }
    names = [name for name, ports in used.items() if ports]
    if names:
        ports = sorted({port for listed in used.values() for port in listed})
        shown = f"hostPort{'s' * (len(ports) > 1)} {', '.join(map(str, ports))}"
        yield Violation("hostPort", f"{_named(names)} use{'s' * (len(names) == 1)} {shown}")


def _host_probes(pod: Obj) -> Iterator[Violation]:
    def bad(container: Obj) -> bool:
        handlers = [container.get(f"{kind}Probe") or {} for kind in ("liveness", "readiness", "startup")]
        handlers += [(container.get("lifecycle") or {}).get(hook) or {} for hook in ("postStart", "preStop")]
        return any((handler.get(how) or {}).get("host") for handler in handlers for how in ("httpGet", "tcpSocket"))

    must = "must not set probe or lifecycle hook host"
    yield from _of_containers(pod, "probe or lifecycle host", must, bad)


def _app_armor(pod: Obj) -> Iterator[Violation]:
    def bad(holder: Obj) -> bool:
        return (_security(holder).get("appArmorProfile") or {}).get("type") == "Unconfined"

    names = [each["name"] for each in _containers(pod["spec"]) if bad(each)]
    where = (["pod"] if bad(pod["spec"]) else []) + ([_named(names)] if names else [])
    if where:
        text = f'{" and ".join(where)} must not set AppArmor profile type to "Unconfined"'
        yield Violation("forbidden AppArmor profile", text)


def _selinux(pod: Obj) -> Iterator[Violation]:
    options = [_security(each).get("seLinuxOptions") or {} for each in (pod["spec"], *_containers(pod["spec"]))]
    types = sorted({each["type"] for each in options if each.get("type", "") not in _SELINUX_TYPES})
    said = [f"type{'s' * (len(types) > 1)} {', '.join(f'{chr(34)}{each}{chr(34)}' for each in types)}"] if types else []
    said += ["user may not be set"] if any(each.get("user") for each in options) else []
    said += ["role may not be set"] if any(each.get("role") for each in options) else []
    if said:
        yield Violation(
            "seLinuxOptions", "pod or containers set forbidden securityContext.seLinuxOptions: " + "; ".join(said)
        )


def _proc_mount(pod: Obj) -> Iterator[Violation]:
    must = 'must not set securityContext.procMount to "Unmasked"'
    yield from _of_containers(pod, "procMount", must, lambda c: _security(c).get("procMount", "Default") != "Default")


def _seccomp(holder: Obj) -> str:
    return str((_security(holder).get("seccompProfile") or {}).get("type", ""))


def _seccomp_baseline(pod: Obj) -> Iterator[Violation]:
    names = [each["name"] for each in _containers(pod["spec"]) if _seccomp(each) == "Unconfined"]
    where = (["pod"] if _seccomp(pod["spec"]) == "Unconfined" else []) + ([_named(names)] if names else [])
    if where:
        text = f'{" and ".join(where)} must not set securityContext.seccompProfile.type to "Unconfined"'
        yield Violation("seccompProfile", text)


def _sysctls(pod: Obj) -> Iterator[Violation]:
    unsafe = [each["name"] for each in _security(pod["spec"]).get("sysctls") or () if each["name"] not in _SYSCTLS]
    if unsafe:
        yield Violation("forbidden sysctls", ", ".join(unsafe))


def _host_process(pod: Obj) -> Iterator[Violation]:
    def bad(holder: Obj) -> bool:
        return bool((_security(holder).get("windowsOptions") or {}).get("hostProcess"))

    names = [each["name"] for each in _containers(pod["spec"]) if bad(each)]
    where = (["pod"] if bad(pod["spec"]) else []) + ([_named(names)] if names else [])
    if where:
        text = f"{' and '.join(where)} must not set securityContext.windowsOptions.hostProcess=true"
        yield Violation("hostProcess", text)


def _volume_types(pod: Obj) -> Iterator[Violation]:
    found = {
        each["name"]: kind
        for each in pod["spec"].get("volumes") or ()
        for kind in each
        if kind != "name" and kind not in _VOLUMES
    }
    if found:
        names = ", ".join(f'"{name}"' for name in found)
        kinds = sorted(set(found.values()))
        shown = (
            f"restricted volume type{'s' * (len(kinds) > 1)} {', '.join(f'{chr(34)}{kind}{chr(34)}' for kind in kinds)}"
        )
        several = len(found) > 1
        yield Violation("restricted volume types", f"volume{'s' * several} {names} use{'s' * (not several)} {shown}")


def _escalation(pod: Obj) -> Iterator[Violation]:
    def bad(container: Obj) -> bool:
        return _security(container).get("allowPrivilegeEscalation") is not False

    if not _on_windows(pod):
        must = "must set securityContext.allowPrivilegeEscalation=false"
        yield from _of_containers(pod, "allowPrivilegeEscalation != false", must, bad)


def _on_windows(pod: Obj) -> bool:
    return bool((pod["spec"].get("os") or {}).get("name") == "windows")


def _capabilities_restricted(pod: Obj) -> Iterator[Violation]:
    if _on_windows(pod):
        return
    keeps = [
        each["name"]
        for each in _containers(pod["spec"])
        if "ALL" not in ((_security(each).get("capabilities") or {}).get("drop") or ())
    ]
    adds = {each["name"]: _added(each) - {"NET_BIND_SERVICE"} for each in _containers(pod["spec"])}
    adding = [name for name, capabilities in adds.items() if capabilities]
    said = [f'{_named(keeps)} must set securityContext.capabilities.drop=["ALL"]'] if keeps else []
    if adding:
        listed = ", ".join(f'"{each}"' for each in sorted(set().union(*adds.values())))
        said.append(f"{_named(adding)} must not include {listed} in securityContext.capabilities.add")
    if said:
        yield Violation("unrestricted capabilities", "; ".join(said))


def _run_as_non_root(pod: Obj) -> Iterator[Violation]:
    of_pod = _security(pod["spec"]).get("runAsNonRoot")
    false = [each["name"] for each in _containers(pod["spec"]) if _security(each).get("runAsNonRoot") is False]
    silent = [each["name"] for each in _containers(pod["spec"]) if _security(each).get("runAsNonRoot") is None]
    what, must = "runAsNonRoot != true", "securityContext.runAsNonRoot"
    if false or of_pod is False:
        where = (["pod"] if of_pod is False else []) + ([_named(false)] if false else [])
        yield Violation(what, f"{' and '.join(where)} must not set {must}=false")
    elif silent and not of_pod:
        yield Violation(what, f"pod or {_named(silent)} must set {must}=true")


def _run_as_user(pod: Obj) -> Iterator[Violation]:
    names = [each["name"] for each in _containers(pod["spec"]) if _security(each).get("runAsUser") == 0]
    where = (["pod"] if _security(pod["spec"]).get("runAsUser") == 0 else []) + ([_named(names)] if names else [])
    if where:
        yield Violation("runAsUser=0", f"{' and '.join(where)} must not set runAsUser=0")


def _seccomp_restricted(pod: Obj) -> Iterator[Violation]:
    if _on_windows(pod):
        return
    allowed, must = ("RuntimeDefault", "Localhost"), "securityContext.seccompProfile.type"
    of_pod = _seccomp(pod["spec"])
    bad = [each["name"] for each in _containers(pod["spec"]) if _seccomp(each) and _seccomp(each) not in allowed]
    silent = [each["name"] for each in _containers(pod["spec"]) if not _seccomp(each)]
    if bad or (of_pod and of_pod not in allowed):
        where = (["pod"] if of_pod and of_pod not in allowed else []) + ([_named(bad)] if bad else [])
        yield Violation("seccompProfile", f'{" and ".join(where)} must not set {must} to "Unconfined"')
    elif silent and not of_pod:
        text = f'pod or {_named(silent)} must set {must} to "RuntimeDefault" or "Localhost"'
        yield Violation("seccompProfile", text)


Check = Callable[[Obj], Iterator[Violation]]
_BOTH: tuple[Check, ...] = (
    _host_namespaces, _host_path, _host_ports, _host_probes, _privileged, _proc_mount, _selinux, _sysctls, _host_process,
)  # fmt: skip
"""Baseline's checks that restricted has no stricter form of; the order is upstream's, by its checks' names."""
_BASELINE: tuple[Check, ...] = (
    _app_armor, _capabilities_baseline, *_BOTH[:7], _seccomp_baseline, *_BOTH[7:],
)  # fmt: skip
_RESTRICTED: tuple[Check, ...] = (
    _app_armor, *_BOTH, _escalation, _capabilities_restricted, _volume_types, _run_as_non_root, _run_as_user, _seccomp_restricted,
)  # fmt: skip
