"""An object's metadata on its way into the store: what the server fills in, and what it refuses.

Called by `writing`. Source: upstream's rest.BeforeCreate, BeforeUpdate and ValidateObjectMeta.
"""

from __future__ import annotations

import random
import uuid
from datetime import datetime

from kubern.api import field
from kubern.api.resource import Resource
from kubern.apiserver.storage import conflict
from kubern.base.clock import rfc3339
from kubern.base.errors import BadRequest, Cause, StatusError
from kubern.base.json import Obj

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and no 0, 1, 3: a generated name shall not spell a word or be misread."""
LONGEST_BASE = 58
_DELETION = ("deletionTimestamp", "deletionGracePeriodSeconds")

CONDITIONAL = frozenset(
    (
        "apiservices.apiregistration.k8s.io", "customresourcedefinitions.apiextensions.k8s.io", "csidrivers.storage.k8s.io",
        "endpointslices.discovery.k8s.io", "leases.coordination.k8s.io", "poddisruptionbudgets.policy",
        "volumeattachments.storage.k8s.io", "csinodes.storage.k8s.io", "runtimeclasses.node.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io", "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingadmissionpolicies.admissionregistration.k8s.io", "csistoragecapacities.storage.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io", "resourceclaims.resource.k8s.io",
    )
)  # fmt: skip
"""The resources whose updates must name the resourceVersion that they replace."""

CREATE_ON_UPDATE = frozenset(
    (
        "leases.coordination.k8s.io", "endpoints", "events", "events.events.k8s.io", "limitranges", "services",
        "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io", "runtimeclasses.node.k8s.io",
        "clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io", "nodes",
    )
)  # fmt: skip
"""The resources that a PUT may create."""


class UnknownReason(StatusError):
    """An error that upstream answers without a reason."""

    code, reason = 500, ""


def generate_name(base: str, rng: random.Random) -> str:
    """Return `base` (cut to 58 characters) with five random characters."""
    return base[:LONGEST_BASE] + "".join(rng.choices(ALPHABET, k=5))


def random_uid(rng: random.Random) -> str:
    """Return a random UUID."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def check_named(obj: Obj, name: str) -> None:
    """Check that an object which replaces another says its name itself. Raises `BadRequest`."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise BadRequest(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")


def check_path(obj: Obj, resource: Resource, namespace: str, name: str) -> None:
    """Check body against path and fill in what only the path says. Raises `BadRequest`."""
    metadata = obj.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise BadRequest("metadata: must be an object")
    if resource.namespaced:
        given = metadata.get("namespace")
        if given and given != namespace:
            raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
        metadata["namespace"] = namespace
    elif metadata.pop("namespace", None):
        raise BadRequest("namespace may not be set on a cluster-scoped object")
    if name and metadata.get("name") and metadata["name"] != name:
        given = metadata["name"]
        raise BadRequest(f"the name of the object ({given}) does not match the name on the URL ({name})")
    if name:
        metadata["name"] = name


def fill_new(obj: Obj, resource: Resource, now: datetime, rng: random.Random) -> None:
    """Give a new object what every object has: uid, creationTimestamp, generation; take what only the server may set."""
    metadata = obj["metadata"]
    if metadata.get("resourceVersion") not in (None, "", "0"):
        raise UnknownReason("resourceVersion should not be set on objects to be created")
    for key in (
        "resourceVersion",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ):
        metadata.pop(key, None)
    metadata["uid"] = random_uid(rng)
    metadata["creationTimestamp"] = rfc3339(now)
    if resource.generation:
        metadata["generation"] = 1


def carry_over(new: Obj, old: Obj, resource: Resource, patched: bool = False) -> None:
    """Keep in an update what only the server sets.

    Raises `Conflict` for another object's uid or an old resourceVersion, `Invalid` for a patch that changes the uid.
    """
    fresh, stored = new["metadata"], old["metadata"]
    name = stored["name"]
    if fresh.get("uid") and fresh["uid"] != stored["uid"]:
        given = fresh["uid"]
        if patched:
            causes = field.immutable("metadata.uid", given, stored["uid"])
            raise field.invalid_error(resource.kind, resource.group, name, causes)
        raise conflict(
            resource, name, f"Precondition failed: UID in precondition: {given}, UID in object meta: {stored['uid']}"
        )
    asked = fresh.get("resourceVersion")
    if asked and asked != stored["resourceVersion"]:
        raise conflict(resource, name)
    for key in ("uid", "creationTimestamp", "generation", "generateName", "namespace", "name", "resourceVersion"):
        if key in stored:
            fresh[key] = stored[key]
        else:
            fresh.pop(key, None)
    for key in _DELETION:  # what the server does not say of the object is refused in time
        if key in stored:
            fresh[key] = stored[key]
    fresh.pop("selfLink", None)


def bump_generation(new: Obj, old: Obj) -> None:
    """Count the generation up when anything but metadata and status differs."""
    ignored = ("metadata", "status", "kind", "apiVersion")
    keys = {key for key in new.keys() | old.keys() if key not in ignored}
    if any(new.get(key) != old.get(key) for key in keys):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def finalizer_causes(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with new finalizers on an object that is being deleted, and with marks of a deletion on one that is not."""
    if not old["metadata"].get("deletionTimestamp"):
        fresh = new["metadata"]
        return [field.invalid(f"metadata.{key}", fresh[key], field.IMMUTABLE) for key in _DELETION if fresh.get(key)]
    before = set(old["metadata"].get("finalizers") or ())
    added = sorted(set(new["metadata"].get("finalizers") or ()) - before)
    if not added:
        return []
    listed = ", ".join(f'"{finalizer}"' for finalizer in added)
    text = (
        "Forbidden: no new finalizers can be added if the object is being deleted, "
        f"found new finalizers []string{{{listed}}}"
    )
    return [Cause("FieldValueForbidden", text, "metadata.finalizers")]
