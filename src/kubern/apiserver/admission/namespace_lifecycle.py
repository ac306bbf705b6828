"""NamespaceLifecycle: nothing is created in a namespace that is missing or ending, and the system's own are not deleted."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes
from kubern.base.errors import Cause, Forbidden, NotFound

IMMORTAL = ("default", "kube-system", "kube-public")


def check_creation(attributes: Attributes) -> None:
    """Refuse creation in a namespace that is missing (`NotFound`) or terminating (`Forbidden`)."""
    namespace = attributes.namespace
    if not attributes.resource.namespaced or attributes.operation != "CREATE":
        return
    if attributes.resource.group_resource in ("localsubjectaccessreviews.authorization.k8s.io",):
        return
    entry = attributes.core.namespace(namespace)
    if entry is None:
        raise NotFound(f'namespaces "{namespace}" not found', kind="namespaces", name=namespace)
    if b'"deletionTimestamp"' not in entry.item and b'"Terminating"' not in entry.item:
        return
    obj = entry.obj()
    if obj["metadata"].get("deletionTimestamp") or (obj.get("status") or {}).get("phase") == "Terminating":
        resource = attributes.resource
        text = f"unable to create new content in namespace {namespace} because it is being terminated"
        raise Forbidden(
            f'{resource.group_resource} "{attributes.name}" is forbidden: {text}',
            kind=resource.plural,
            group=resource.group,
            name=attributes.name,
            causes=[Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")],
        )


def check_deletion(attributes: Attributes) -> None:
    """Refuse the deletion of the namespaces that a cluster cannot do without. Raises `Forbidden`."""
    if (
        attributes.operation == "DELETE"
        and attributes.resource.group_resource == "namespaces"
        and attributes.name in IMMORTAL
    ):
        text = f'namespaces "{attributes.name}" is forbidden: this namespace may not be deleted'
        raise Forbidden(text, kind="namespaces", name=attributes.name)


ADMISSION = Admission(
    "NamespaceLifecycle", 10, ("CREATE", "DELETE"), mutate=check_creation, validate=check_deletion, subresources=("*",)
)
