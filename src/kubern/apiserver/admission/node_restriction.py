"""NodeRestriction: a kubelet changes its own Node, its own lease and devices, and the pods bound to it; nothing of another node's.

The Node authorizer lets every kubelet write nodes and pods; this looks at which. What a stolen kubelet's certificate can do ends here.
Source: Kubernetes documentation, "Admission Controllers", NodeRestriction.
"""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.apiserver.identity import User
from kubern.base.errors import Forbidden
from kubern.base.json import Obj

GROUP, PREFIX = "system:nodes", "system:node:"
MIRROR = "kubernetes.io/config.mirror"
RESTRICTED = "node-restriction.kubernetes.io"
_LABELS = frozenset(
    (
        "kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
        "node.kubernetes.io/instance-type", "beta.kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type",
        "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
    )
)  # fmt: skip
_OWN_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")


def node_of(user: User) -> str | None:
    """Return the node whose kubelet the user is; empty for a member of system:nodes without a node's name, None for others."""
    if GROUP not in user.groups:
        return None
    return user.name.removeprefix(PREFIX) if user.name.startswith(PREFIX) else ""


def check(attributes: Attributes) -> None:
    """Refuse what is another node's business. Raises `Forbidden`."""
    node = node_of(attributes.user)
    if node is None:
        return
    if not node:
        raise refused(attributes, f'could not determine node from user "{attributes.user.name}"')
    match attributes.resource.plural:
        case "pods":
            _check_pod(attributes, node)
        case "nodes":
            _check_node(attributes, node)
        case "leases":
            _check_lease(attributes, node)
        case "csinodes":
            if attributes.name != node:
                raise refused(attributes, "can only access CSINode with the same name as the requesting node")
        case "resourceslices":
            _check_slice(attributes, node)


def _check_pod(attributes: Attributes, node: str) -> None:
    if attributes.subresource == "eviction":
        _check_eviction(attributes, node)
        return
    pod = attributes.obj if attributes.operation == "CREATE" else attributes.old
    bound = ((pod or {}).get("spec") or {}).get("nodeName") == node
    if attributes.operation == "CREATE":
        if MIRROR not in ((pod or {}).get("metadata") or {}).get("annotations", {}):
            raise refused(
                attributes, f'pod does not have "{MIRROR}" annotation, node "{node}" can only create mirror pods'
            )
        if not bound:
            raise refused(attributes, f'node "{node}" can only create pods with spec.nodeName set to itself')
        _check_mirror(attributes, pod or {}, node)
    elif attributes.operation == "DELETE":
        if not bound:
            raise refused(attributes, f'node "{node}" can only delete pods with spec.nodeName set to itself')
    elif attributes.subresource != "status":
        raise refused(attributes, f'node "{node}" cannot update pods')
    elif not bound:
        raise refused(attributes, f'node "{node}" can only update pod status for pods with spec.nodeName set to itself')
    elif _labels(attributes.obj) != _labels(attributes.old):
        raise refused(attributes, f'node "{node}" cannot update labels through pod status')


def _check_eviction(attributes: Attributes, node: str) -> None:
    pod = attributes.core.find_object("pods", attributes.namespace, attributes.name)
    if pod is not None and (pod.get("spec") or {}).get("nodeName") != node:
        raise refused(attributes, f'node "{node}" can only evict pods with spec.nodeName set to itself')


def _check_mirror(attributes: Attributes, pod: Obj, node: str) -> None:
    """A mirror pod shows what the kubelet runs by itself: it opens nothing of the API's to it."""
    spec = pod["spec"]
    if spec.get("serviceAccountName"):
        raise refused(attributes, f'node "{node}" can not create pods that reference a service account')
    volumes = spec.get("volumes") or ()
    opening = ("secret", "configMap", "persistentVolumeClaim", "projected")
    if any(kind in volume for volume in volumes for kind in opening):
        raise refused(attributes, f'node "{node}" can not create pods that reference objects of the API')


def _check_node(attributes: Attributes, node: str) -> None:
    if attributes.name != node:
        raise refused(attributes, f'node "{node}" is not allowed to modify node "{attributes.name}"')
    new, old = attributes.obj, attributes.old
    if new is None:
        return
    if old is not None and (new.get("spec") or {}).get("taints") != (old.get("spec") or {}).get("taints"):
        raise refused(attributes, f'node "{node}" is not allowed to modify taints')
    if (new.get("spec") or {}).get("configSource") is not None:
        raise refused(attributes, f'node "{node}" is not allowed to use spec.configSource')
    before, after = _labels(old), _labels(new)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    forbidden = sorted(name for name in changed if _is_forbidden(name))
    if forbidden:
        verb = "set" if old is None else "modify"
        raise refused(attributes, f"is not allowed to {verb} the following labels: {', '.join(forbidden)}")


def _labels(obj: Obj | None) -> dict[str, str]:
    found: dict[str, str] = ((obj or {}).get("metadata") or {}).get("labels") or {}
    return found


def _is_forbidden(label: str) -> bool:
    """Whether a kubelet may not give itself a label: those that place workloads, and unknown ones of Kubernetes' own domains."""
    domain = label.rpartition("/")[0]
    if domain == RESTRICTED or domain.endswith(f".{RESTRICTED}"):
        return True
    ours = any(domain == each or domain.endswith(f".{each}") for each in ("kubernetes.io", "k8s.io"))
    if not ours or label in _LABELS:
        return False
    return not any(domain == each or domain.endswith(f".{each}") for each in _OWN_DOMAINS)


def _check_lease(attributes: Attributes, node: str) -> None:
    if attributes.namespace != "kube-node-lease":
        raise refused(attributes, 'can only access leases in the "kube-node-lease" system namespace')
    if attributes.name != node:
        raise refused(attributes, "can only access node lease with the same name as the requesting node")


def _check_slice(attributes: Attributes, node: str) -> None:
    """A kubelet publishes and withdraws the devices of its own node."""
    held = attributes.obj if attributes.operation == "CREATE" else attributes.old
    if ((held or {}).get("spec") or {}).get("nodeName") != node:
        verb = attributes.operation.lower()
        raise refused(attributes, f"can only {verb} ResourceSlice with the same NodeName as the requesting node")


def check_token(user: User, account: str, bound: tuple[str, Obj] | None) -> None:
    """Let a kubelet ask only for tokens that live and die with a pod of its node. Raises `Forbidden`."""
    node = node_of(user)
    if node is None:
        return
    why = ""
    if bound is None or bound[0] != "pod":
        why = "node requested token not bound to a pod"
    elif (bound[1].get("spec") or {}).get("nodeName") != node:
        why = f'node "{node}" can only request tokens for pods that run on it'
    if why:
        message = f'serviceaccounts "{account}" is forbidden: {why}'
        raise Forbidden(message, kind="serviceaccounts", name=account)


ADMISSION = Admission(
    "NodeRestriction",
    35,
    ("CREATE", "UPDATE", "DELETE"),
    ("pods", "nodes", "leases.coordination.k8s.io", "csinodes.storage.k8s.io", "resourceslices.resource.k8s.io"),
    validate=check,
    subresources=("", "status", "eviction"),
)
