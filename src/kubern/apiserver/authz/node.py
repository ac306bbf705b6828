"""What a kubelet may do: upstream's Node authorizer.

A member of `system:nodes` named `system:node:NAME` may do what `NODE_RULES` says; Secrets, ConfigMaps, claims of both kinds and volumes
it may read only while a pod on its node refers to them, and tokens it may ask for only for the service accounts of its pods.
`PodReferences` is fed by the apiserver from its watch cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubern.api.pod_claims import pod_claims
from kubern.apiserver.authz.bootstrap.component_roles import NODE_RULES
from kubern.apiserver.authz.rules import allows, compiled
from kubern.apiserver.identity import Decision, User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.json import Obj

_PREFIX = "system:node:"
_GROUP = "system:nodes"
_RULES = compiled(NODE_RULES)
_REFERRED = frozenset(("secrets", "configmaps", "persistentvolumeclaims", "persistentvolumes", "serviceaccounts"))

Reference = tuple[str, str, str]
"""(plural, namespace, name)."""

VolumeOf = Callable[[str, str], str]
"""(namespace, claim) → the name of the volume bound to it, or ""."""


def references(pod: Obj) -> Iterator[Reference]:
    """Yield what a pod's kubelet has to read for it."""
    namespace, spec = pod["metadata"].get("namespace", ""), pod.get("spec") or {}
    yield "serviceaccounts", namespace, spec.get("serviceAccountName") or "default"
    for secret in spec.get("imagePullSecrets") or ():
        yield "secrets", namespace, secret.get("name", "")
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(field) or ():
            yield from _of_environment(container, namespace)
    for volume in spec.get("volumes") or ():
        yield from _of_volume(volume, namespace)
        if "ephemeral" in volume:
            yield "persistentvolumeclaims", namespace, f"{pod['metadata'].get('name', '')}-{volume.get('name', '')}"
    for claim in pod_claims(pod) if spec.get("resourceClaims") else ():
        if claim.claim:
            yield "resourceclaims", namespace, claim.claim


class PodReferences:
    """Which node's pods refer to what. `volume_of` finds the volume behind a claim."""

    def __init__(self, volume_of: VolumeOf = lambda namespace, claim: "") -> None:
        self._volume_of = volume_of
        self._pods: dict[tuple[str, str], tuple[str, frozenset[Reference]]] = {}
        self._counts: dict[tuple[str, Reference], int] = {}

    def put(self, pod: Obj) -> None:
        """Take in a new or changed pod."""
        metadata = pod["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        node = (pod.get("spec") or {}).get("nodeName", "")
        self.remove(namespace, name)
        # a mirror pod is the kubelet's own word: it must not open Secrets to it
        if node and "kubernetes.io/config.mirror" not in (metadata.get("annotations") or {}):
            found = frozenset(references(pod))
            self._pods[namespace, name] = (node, found)
            for reference in found:
                self._counts[node, reference] = self._counts.get((node, reference), 0) + 1

    def remove(self, namespace: str, name: str) -> None:
        """Forget a deleted pod."""
        node, found = self._pods.pop((namespace, name), ("", frozenset()))
        for reference in found:
            left = self._counts[node, reference] - 1
            if left:
                self._counts[node, reference] = left
            else:
                del self._counts[node, reference]

    def holds(self, node: str, reference: Reference) -> bool:
        """Return whether a pod on `node` refers to it, volumes through their claims."""
        if reference[0] != "persistentvolumes":
            return (node, reference) in self._counts
        return any(
            self._volume_of(namespace, claim) == reference[2]
            for on, (plural, namespace, claim) in self._counts
            if on == node and plural == "persistentvolumeclaims"
        )


class Node:
    """See `identity.Authorizer`; has no opinion on anybody who is not a node."""

    def __init__(self, pods: PodReferences) -> None:
        self._pods = pods

    def __call__(self, user: User, info: RequestInfo) -> Decision:
        """Return whether the kubelet may; the reason is upstream's."""
        if _GROUP not in user.groups or not user.name.startswith(_PREFIX):
            return Decision(False)
        node = user.name.removeprefix(_PREFIX)
        if info.is_resource and self._is_referred(info):
            return self._referred(node, info)
        if info.is_resource and info.group == "coordination.k8s.io" and info.resource == "leases":
            return self._lease(node, info)
        return Decision(any(allows(rule, info) for rule in _RULES))

    def _is_referred(self, info: RequestInfo) -> bool:
        if info.group == "resource.k8s.io":
            return info.resource == "resourceclaims"
        return (
            info.group == ""
            and info.resource in _REFERRED
            and not (info.resource == "serviceaccounts" and not info.subresource)
        )

    def _referred(self, node: str, info: RequestInfo) -> Decision:
        token = info.resource == "serviceaccounts" and info.subresource == "token" and info.verb == "create"
        verbs = ("get",) if info.resource == "resourceclaims" else ("get", "list", "watch")
        read = info.resource != "serviceaccounts" and not info.subresource and info.verb in verbs
        status = info.resource == "persistentvolumeclaims" and info.subresource == "status"
        if not (token or read or (status and info.verb in ("get", "update", "patch"))):
            return Decision(False, "cannot modify or read this resource in this way as a node")
        if not info.name:
            return Decision(False, "No Object name found")
        if self._pods.holds(node, (info.resource, info.namespace, info.name)):
            return Decision(True)
        return Decision(False, f"no relationship found between node '{node}' and this object")

    def _lease(self, node: str, info: RequestInfo) -> Decision:
        if info.namespace != "kube-node-lease":
            return Decision(False, 'can only access leases in the "kube-node-lease" system namespace')
        if info.verb != "create" and info.name != node:
            return Decision(False, "can only access node lease with the same name as the requesting node")
        return Decision(info.verb in ("get", "create", "update", "patch", "delete"))


def _of_environment(container: Mapping[str, Any], namespace: str) -> Iterator[Reference]:
    for source in container.get("envFrom") or ():
        for field, plural in (("secretRef", "secrets"), ("configMapRef", "configmaps")):
            if source.get(field):
                yield plural, namespace, source[field].get("name", "")
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        for field, plural in (("secretKeyRef", "secrets"), ("configMapKeyRef", "configmaps")):
            if source.get(field):
                yield plural, namespace, source[field].get("name", "")


def _of_volume(volume: Mapping[str, Any], namespace: str) -> Iterator[Reference]:
    sources = [volume, *((volume.get("projected") or {}).get("sources") or ())]
    for source in sources:
        secret = source.get("secret") or {}
        if secret:
            yield "secrets", namespace, secret.get("secretName") or secret.get("name", "")
        if source.get("configMap"):
            yield "configmaps", namespace, source["configMap"].get("name", "")
    if volume.get("persistentVolumeClaim"):
        yield "persistentvolumeclaims", namespace, volume["persistentVolumeClaim"].get("claimName", "")
    for plugin in volume.values():
        reference = isinstance(plugin, dict) and (plugin.get("secretRef") or plugin.get("nodePublishSecretRef"))
        if reference:
            yield "secrets", namespace, reference.get("name", "")
