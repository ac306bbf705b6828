"""Reading a pod: small questions that several parts of the kubelet ask of the same dict. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from kubern.base.json import Obj

INIT, SIDECAR, MAIN, EPHEMERAL = "init", "sidecar", "main", "ephemeral"

NAME_LABEL = "io.kubernetes.pod.name"
NAMESPACE_LABEL = "io.kubernetes.pod.namespace"
UID_LABEL = "io.kubernetes.pod.uid"
CONTAINER_LABEL = "io.kubernetes.container.name"
HASH_ANNOTATION = "io.kubernetes.container.hash"
RESTARTS_ANNOTATION = "io.kubernetes.container.restartCount"
MESSAGE_PATH_ANNOTATION = "io.kubernetes.container.terminationMessagePath"
MESSAGE_POLICY_ANNOTATION = "io.kubernetes.container.terminationMessagePolicy"
POD_GRACE_ANNOTATION = "io.kubernetes.pod.terminationGracePeriod"
PRE_STOP_ANNOTATION = "io.kubernetes.container.preStopHandler"
SOURCE_ANNOTATION = "kubernetes.io/config.source"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"

DEFAULT_GRACE = 30


class Step(NamedTuple):
    """One container of a pod with its role: INIT, SIDECAR, MAIN or EPHEMERAL. `field_path` names it in events."""

    role: str
    container: Obj
    field_path: str

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.container["name"])


def uid(pod: Obj) -> str:
    """Return the pod's uid."""
    return str(pod["metadata"]["uid"])


def key(pod: Obj) -> str:
    """Return `namespace/name`, for logs."""
    return f"{pod['metadata'].get('namespace', '')}/{pod['metadata']['name']}"


def full_name(pod: Obj) -> str:
    """Return `name_namespace(uid)`, as upstream's messages name a pod."""
    meta = pod["metadata"]
    return f"{meta['name']}_{meta.get('namespace', '')}({meta['uid']})"


def steps(pod: Obj) -> Iterator[Step]:
    """Yield every container in the order in which they start: init and sidecars as listed, main ones, ephemeral ones."""
    spec = pod["spec"]
    for container in spec.get("initContainers") or ():
        role = SIDECAR if container.get("restartPolicy") == "Always" else INIT
        yield Step(role, container, f"spec.initContainers{{{container['name']}}}")
    for container in spec.get("containers") or ():
        yield Step(MAIN, container, f"spec.containers{{{container['name']}}}")
    for container in spec.get("ephemeralContainers") or ():
        yield Step(EPHEMERAL, container, f"spec.ephemeralContainers{{{container['name']}}}")


def find(pod: Obj, name: str) -> Step | None:
    """Return the container `name` of the pod."""
    return next((step for step in steps(pod) if step.name == name), None)


def spec_hash(container: Obj) -> str:
    """Return what changes when a running container must be replaced: its image is all that may be changed in place."""
    text = f"{container['name']}\0{container.get('image', '')}"
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def host_network(pod: Obj) -> bool:
    """Whether the pod lives in the node's network."""
    return bool(pod["spec"].get("hostNetwork"))


def is_static(pod: Obj) -> bool:
    """Whether the pod came from a file on the node rather than from the API."""
    source = (pod["metadata"].get("annotations") or {}).get(SOURCE_ANNOTATION, "api")
    return bool(source != "api")


def is_mirror(pod: Obj) -> bool:
    """Whether the pod only shows a static pod in the API."""
    return MIRROR_ANNOTATION in (pod["metadata"].get("annotations") or {})


def is_finished(pod: Obj) -> bool:
    """Whether the API already says that the pod has ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def grace_period(pod: Obj) -> int:
    """Return the seconds that a pod has to end: what the deletion asked for, else what its spec says; at least 1."""
    asked = pod["metadata"].get("deletionGracePeriodSeconds")
    if asked is None:
        asked = pod["spec"].get("terminationGracePeriodSeconds")
    return max(1, DEFAULT_GRACE if asked is None else int(asked))


def hostname(pod: Obj, domain: str) -> tuple[str, str]:
    """Return the pod's host name (at most 63 characters) and the domain it is in ("" without a subdomain)."""
    spec, meta = pod["spec"], pod["metadata"]
    if spec.get("hostnameOverride"):
        return str(spec["hostnameOverride"]), ""
    name = spec.get("hostname") or str(meta["name"])[:63].rstrip("-.")
    subdomain = spec.get("subdomain")
    return name, f"{subdomain}.{meta['namespace']}.svc.{domain}" if subdomain else ""
