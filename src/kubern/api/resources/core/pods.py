"""Pod: its facts, defaults, checks and columns."""

from __future__ import annotations

from collections.abc import Mapping

from kubern.api.podspec.check_annotations import check_kept_annotations, check_pod_annotations
from kubern.api.podspec.check_pod_only import check_own_claims, check_pod_only
from kubern.api.podspec.columns import COLUMNS
from kubern.api.podspec.create import prepare_pod, validate_new_pod
from kubern.api.podspec.defaults import default_pod
from kubern.api.podspec.status_update import validate_pod_status_update
from kubern.api.podspec.update import validate_pod_update
from kubern.api.podspec.validation import validate_pod_spec
from kubern.api.resource import STATUS, STATUS_VERBS, Resource, Subresource
from kubern.base.errors import Cause
from kubern.base.json import Obj

PROXY_VERBS = ("create", "delete", "get", "patch", "update")
CONNECT_VERBS = ("create", "get")


def _validate(pod: Obj) -> list[Cause]:
    spec, metadata = pod.get("spec") or {}, pod["metadata"]
    causes = check_pod_annotations(metadata.get("annotations"), spec, "metadata.annotations")
    causes += check_own_claims(metadata.get("name") or "", spec, "spec")
    return causes + validate_pod_spec(spec, "spec") + check_pod_only(spec, "spec")


def _validate_update(new: Obj, old: Obj) -> list[Cause]:
    return check_kept_annotations(new, old) + validate_pod_update(new, old)


def _fields(pod: Obj) -> Mapping[str, str]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    ips = status.get("podIPs") or [{}]
    return {
        "spec.nodeName": spec.get("nodeName") or "",
        "spec.restartPolicy": spec.get("restartPolicy") or "",
        "spec.schedulerName": spec.get("schedulerName") or "",
        "spec.serviceAccountName": spec.get("serviceAccountName") or "",
        "spec.hostNetwork": "true" if spec.get("hostNetwork") else "false",
        "status.phase": status.get("phase") or "",
        "status.podIP": ips[0].get("ip") or "",
        "status.nominatedNodeName": status.get("nominatedNodeName") or "",
    }


def _graceful(pod: Obj, asked: int | None) -> int:
    """Return the grace period of a deletion: none for a pod that runs nowhere or has ended."""
    spec, phase = pod.get("spec") or {}, (pod.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in ("Failed", "Succeeded"):
        return 0
    period = spec.get("terminationGracePeriodSeconds") or 0 if asked is None else asked
    return period if period >= 0 else 1


def _keep_status(new: Obj, old: Obj) -> None:
    """A status update that does not name the class of service keeps it."""
    status = new.setdefault("status", {})
    known = (old.get("status") or {}).get("qosClass")
    if known and not status.get("qosClass"):
        status["qosClass"] = known


RESOURCE = Resource(
    group="",
    version="v1",
    kind="Pod",
    plural="pods",
    singular="pod",
    namespaced=True,
    schema="io.k8s.api.core.v1.Pod",
    short_names=("po",),
    categories=("all",),
    subresources=(
        Subresource("attach", CONNECT_VERBS, "PodAttachOptions"),
        Subresource("binding", ("create",), "Binding"),
        Subresource("ephemeralcontainers", STATUS_VERBS),
        Subresource("eviction", ("create",), "Eviction", "policy", "v1"),
        Subresource("exec", CONNECT_VERBS, "PodExecOptions"),
        Subresource("log", ("get",)),
        Subresource("portforward", CONNECT_VERBS, "PodPortForwardOptions"),
        Subresource("proxy", PROXY_VERBS, "PodProxyOptions"),
        Subresource("resize", STATUS_VERBS),
        STATUS,
    ),
    generation=True,
    columns=COLUMNS,
    default=default_pod,
    defaults_spec_alone=True,
    prepare_create=prepare_pod,
    prepare_status_update=_keep_status,
    validate=_validate,
    validate_create=validate_new_pod,
    validate_update=_validate_update,
    validate_status_update=validate_pod_status_update,
    fields=_fields,
    graceful=_graceful,
)
