"""Deleting: what a deletion makes of an object, and carrying that out.

Called by the verbs delete and deletecollection and by the eviction subresource. `decide` is pure. Source: upstream's
rest.BeforeDelete and Store.Delete.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from kubern.api.resource import Resource
from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.encoding import Entry
from kubern.apiserver.options import INVALID, dry_run_of, invalid_options
from kubern.apiserver.storage import Storage
from kubern.apiserver.writing import finished
from kubern.base.clock import rfc3339
from kubern.base.errors import Cause, Conflict
from kubern.base.json import Obj

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
POLICIES = ("Foreground", "Background", "Orphan")


class DeleteRequest(NamedTuple):
    """`metav1.DeleteOptions`."""

    grace: int | None = None
    uid: str = ""
    resource_version: str = ""
    propagation: str = ""
    dry_run: bool = False

    def obj(self) -> Obj:
        """Return the options as the API's object."""
        preconditions = {"uid": self.uid, "resourceVersion": self.resource_version}
        fields: Obj = {
            "gracePeriodSeconds": self.grace,
            "preconditions": {key: value for key, value in preconditions.items() if value} or None,
            "propagationPolicy": self.propagation or None,
            "dryRun": ["All"] if self.dry_run else None,
        }
        given = {key: value for key, value in fields.items() if value is not None}
        return {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1"} | given


class Deleted(NamedTuple):
    """`entry` is what is left of the object, or what it was (`gone`)."""

    entry: Entry
    gone: bool


def parse(options: Obj) -> DeleteRequest:
    """Read DeleteOptions. Raises `Invalid`."""
    causes: list[Cause] = []
    policy = options.get("propagationPolicy") or ""
    orphan = options.get("orphanDependents")
    if policy and orphan is not None:
        text = f'Invalid value: "{policy}": orphanDependents and deletionPropagation cannot be both set'
        causes.append(Cause(INVALID, text, "propagationPolicy"))
    if policy and policy not in POLICIES:
        listed = ", ".join(f'"{p}"' for p in (*POLICIES, "nil"))
        causes.append(
            Cause(
                "FieldValueNotSupported",
                f'Unsupported value: "{policy}": supported values: {listed}',
                "propagationPolicy",
            )
        )
    grace = options.get("gracePeriodSeconds")
    if grace is not None and not isinstance(grace, int):
        causes.append(
            Cause(INVALID, f"Invalid value: {orjson.dumps(grace).decode()}: must be an integer", "gracePeriodSeconds")
        )
    if causes:
        raise invalid_options("DeleteOptions", causes)
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    preconditions = options.get("preconditions") or {}
    return DeleteRequest(
        None if grace is None else max(grace, 0) if grace >= 0 else 1,
        preconditions.get("uid") or "",
        preconditions.get("resourceVersion") or "",
        policy,
        dry_run_of(list(options.get("dryRun") or ()), "DeleteOptions"),
    )


def decide(obj: Obj, resource: Resource, request: DeleteRequest, now: datetime) -> Obj | None:
    """Return what the object becomes, or None when it is to be removed. Changes and returns its argument."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp"):
        resource.prepare_delete(obj, now)
    finalizers = _finalizers(list(metadata.get("finalizers") or ()), request.propagation)
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    grace = resource.graceful(obj, request.grace) if resource.graceful else None
    pending = metadata.get("deletionTimestamp")
    if pending:
        return _again(obj, grace, request.grace, now)
    waits = bool(finalizers) or _namespace_waits(obj)
    if not grace and not waits:
        return None
    metadata["deletionTimestamp"] = _after(now, grace or 0)
    metadata["deletionGracePeriodSeconds"] = grace or 0
    if metadata.get("generation"):
        metadata["generation"] += 1
    if obj.get("kind") == "Namespace":
        obj.setdefault("status", {})["phase"] = "Terminating"
    return obj


def _after(now: datetime, grace: int) -> str:
    """Return the time in `grace` seconds; a period of more than a century counts as one."""
    return rfc3339(now + timedelta(seconds=min(grace, 100 * 366 * 86400)))


def _again(obj: Obj, grace: int | None, asked: int | None, now: datetime) -> Obj | None:
    """Return what a second deletion makes of an object that is being deleted: it may shorten the grace period."""
    metadata = obj["metadata"]
    left = metadata.get("deletionGracePeriodSeconds") or 0
    if grace is not None and asked is not None and grace < left:
        metadata["deletionTimestamp"] = _after(now, grace)
        metadata["deletionGracePeriodSeconds"] = left = grace
    elif left and grace == 0:
        metadata["deletionGracePeriodSeconds"] = left = 0
    return obj if left or not finished(obj) else None


def _finalizers(finalizers: list[str], propagation: str) -> list[str]:
    """Return the finalizers with the garbage collector's set as the propagation policy says; no policy leaves them."""
    if not propagation:
        return finalizers
    kept = [finalizer for finalizer in finalizers if finalizer not in (FOREGROUND, ORPHAN)]
    added = {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(propagation, [])
    return kept + added


def _namespace_waits(obj: Obj) -> bool:
    return obj.get("kind") == "Namespace" and bool((obj.get("spec") or {}).get("finalizers"))


async def delete(
    core: Core, call: Call, namespace: str, name: str, request: DeleteRequest, warnings: list[str] | None = None
) -> Deleted:  # fmt: skip
    """Delete one object. Raises `NotFound`, `Conflict` and what admission raises; adds what admission warns of to `warnings`."""
    entry = core.storage(call.resource).get(namespace, name)
    attributes = Attributes(
        core, "DELETE", call.resource, namespace, name, None, entry.obj(), call.user, "", request.dry_run, warnings, None,
        request.obj(),
    )  # fmt: skip
    await core.admission.mutate(attributes)
    await core.admission.validate(attributes)
    return await delete_admitted(core, call, namespace, name, request)


async def delete_admitted(core: Core, call: Call, namespace: str, name: str, request: DeleteRequest) -> Deleted:
    """Delete one object that admission has nothing against. Raises `NotFound`, `Conflict`."""
    storage = core.storage(call.resource)
    entry = storage.get(namespace, name)
    return await remove(core, storage, entry, request)


async def remove(core: Core, storage: Storage, entry: Entry, request: DeleteRequest) -> Deleted:
    """Carry a deletion out that nobody has to be asked about any more. Raises `NotFound`, `Conflict`."""
    while True:
        check_preconditions(storage.resource, entry.obj(), request)
        left = decide(entry.obj(), storage.resource, request, core.clock.now())
        if request.dry_run:
            return Deleted(entry, left is None)
        if left is None:
            gone = await storage.delete(entry)
            if gone is not None:
                await core.reservations.on_delete(storage.resource, entry.obj())
                return Deleted(gone, True)
            entry = storage.get(entry.namespace, entry.name)
            continue
        return Deleted(await _mark(core, storage, entry, request), False)


async def _mark(core: Core, storage: Storage, entry: Entry, request: DeleteRequest) -> Entry:
    """Write the deletion's marks on the object, whatever its newest state."""

    async def change(old: Obj) -> Obj:
        check_preconditions(storage.resource, old, request)
        new: Obj = orjson.loads(orjson.dumps(old))
        return decide(new, storage.resource, request, core.clock.now()) or old

    return await storage.update(entry.namespace, entry.name, change)


def check_preconditions(resource: Resource, obj: Obj, request: DeleteRequest) -> None:
    """Raise `Conflict` unless the object is the one that the request means."""
    metadata = obj["metadata"]
    asked = (
        ("UID", request.uid, metadata["uid"], "deleted and then recreated"),
        ("ResourceVersion", request.resource_version, metadata["resourceVersion"], "modified"),
    )
    for what, wanted, there, happened in asked:
        if wanted and wanted != there:
            record = f"does not match the {what} in record ({there}). The object might have been {happened}"
            # told in the name of the kind, not of the resource as other conflicts are
            kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
            message = f'Operation cannot be fulfilled on {kind} "{metadata["name"]}": the {what} in the precondition ({wanted}) {record}'
            raise Conflict(message, kind=resource.kind, group=resource.group, name=metadata["name"])
