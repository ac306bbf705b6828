"""The defaults that upstream stores in a pod specification.

Called by the Pod resource and by every resource with a pod template (Deployment, Job, …). Defaults that need other objects
(service account, priority, tolerations for failing nodes) belong to admission. What always holds: a field that was given
is never changed, except that quantities and the deprecated `serviceAccount` alias are put into upstream's stored form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubern.api.podspec.containers import all_containers
from kubern.api.podspec.images import pull_policy
from kubern.api.podspec.volume_defaults import default_volume
from kubern.api.rules.quantities import store_maps
from kubern.base.json import Obj

_SPEC = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
}
_CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def default_pod(pod: Obj) -> None:
    """Fill a Pod: the specification's defaults and those that upstream gives to pods but not to templates."""
    spec = pod.setdefault("spec", {})
    default_pod_spec(spec)
    for container in all_containers(spec):
        _requests_from_limits(container)
    _pod_requests_from_limits(spec)
    _set(spec, "enableServiceLinks", True)
    if spec.get("hostNetwork"):
        _host_ports(spec)


def default_pod_template(template: Obj | None) -> None:
    """Fill a pod template (`spec.template` of a workload), in place; `None` is left alone."""
    if template is None:
        return
    template.setdefault("metadata", {})
    default_pod_spec(template.setdefault("spec", {}))


def default_pod_spec(spec: Obj) -> None:
    """Fill what pods and pod templates share, in place."""
    for name, value in _SPEC.items():
        _fill(spec, name, value)
    _set(spec, "securityContext", {})
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name) is False:  # upstream never stores these three as false
            del spec[name]
    for volume in spec.get("volumes") or ():
        default_volume(volume)
    for container in all_containers(spec):
        default_container(container)
    store_maps(spec, "overhead")
    store_maps(spec.get("resources"), "limits", "requests")


def default_container(container: Obj) -> None:
    """Fill a container (init and ephemeral ones too), in place."""
    for name, value in _CONTAINER.items():
        _fill(container, name, value)
    _fill(container, "imagePullPolicy", pull_policy(container.get("image") or ""))
    _set(container, "resources", {})
    store_maps(container["resources"], "limits", "requests")
    for port in container.get("ports") or ():
        _fill(port, "protocol", "TCP")
    for variable in container.get("env") or ():
        _default_env(variable)
    for name in PROBES:
        if container.get(name) is not None:
            _default_probe(container[name])
    _drop_disabled(container)
    for handler in _lifecycle_handlers(container):
        _default_handler(handler)


def _fill(obj: Obj, name: str, value: Any) -> None:
    """Set a field whose zero value counts as not given (upstream's non-pointer fields)."""
    if obj.get(name) in (None, ""):
        obj[name] = value


def _set(obj: Obj, name: str, value: Any) -> None:
    if obj.get(name) is None:
        obj[name] = value


def _default_env(variable: Obj) -> None:
    source = variable.get("valueFrom") or {}
    if source.get("fieldRef") is not None:
        _fill(source["fieldRef"], "apiVersion", "v1")
    if source.get("resourceFieldRef") is not None:
        _set(source["resourceFieldRef"], "divisor", "0")
    if source.get("fileKeyRef") is not None:
        _set(source["fileKeyRef"], "optional", False)


def _default_probe(probe: Obj) -> None:
    for name, value in _PROBE.items():
        if not probe.get(name):
            probe[name] = value
    if probe.get("grpc") is not None:
        _set(probe["grpc"], "service", "")
    _default_handler(probe)


def _default_handler(handler: Obj) -> None:
    if handler.get("httpGet") is not None:
        _fill(handler["httpGet"], "path", "/")
        _fill(handler["httpGet"], "scheme", "HTTP")


def _drop_disabled(container: Obj) -> None:
    """Take away what upstream's feature gate ContainerStopSignals (alpha, off) keeps out."""
    lifecycle = container.get("lifecycle") or {}
    if lifecycle.pop("stopSignal", None) is not None and not lifecycle:
        del container["lifecycle"]


def _lifecycle_handlers(container: Obj) -> Iterator[Obj]:
    lifecycle = container.get("lifecycle") or {}
    return (lifecycle[name] for name in ("postStart", "preStop") if lifecycle.get(name) is not None)


def _requests_from_limits(container: Obj) -> None:
    resources = container.get("resources") or {}
    limits = resources.get("limits")
    if limits:
        resources["requests"] = {**limits, **(resources.get("requests") or {})}


def _pod_requests_from_limits(spec: Obj) -> None:
    """Pod-level requests that are missing follow pod-level limits, unless containers ask for that resource themselves."""
    resources = spec.get("resources") or {}
    limits = resources.get("limits")
    if not limits:
        return
    asked = {name for c in all_containers(spec) for name in (c.get("resources") or {}).get("requests") or ()}
    missing = {name: value for name, value in limits.items() if name not in asked or name.startswith("hugepages-")}
    resources["requests"] = {**missing, **(resources.get("requests") or {})}


def _host_ports(spec: Obj) -> None:
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            for port in container.get("ports") or ():
                if not port.get("hostPort") and port.get("containerPort"):
                    port["hostPort"] = port["containerPort"]
