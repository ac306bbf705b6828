"""Creating and replacing objects: the order of checks that every write goes through.

Called by the verbs create, update and patch and by the subresources that replace objects. What always holds: an object that is
stored has been pruned, defaulted, admitted and validated, in that order, and is in its storage version.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from kubern.api import field
from kubern.api.resource import Resource
from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.allocation.reservations import Undo
from kubern.apiserver.call import Call
from kubern.apiserver.checking import invalid, new_causes, update_causes
from kubern.apiserver.conversion_webhook import converted
from kubern.apiserver.core import Core
from kubern.apiserver.encoding import Entry
from kubern.apiserver.metadata import (
    CONDITIONAL,
    bump_generation,
    carry_over,
    fill_new,
    finalizer_causes,
    generate_name,
)  # fmt: skip
from kubern.apiserver.options import WriteOptions
from kubern.apiserver.presenting import present, present_unstored
from kubern.apiserver.storage import already_exists
from kubern.apiserver.strategy import Strategy
from kubern.base.errors import AlreadyExists, Cause
from kubern.base.json import Obj
from kubern.http.contract import Response

GENERATE_TRIES = 8
WHOLE = ("", "status", "scale")
"""The paths whose part of an object is known by its top-level fields, or is one field."""


class Written(NamedTuple):
    """The result of a write: an entry of the store, or the object that a dry run would have stored."""

    entry: Entry | None
    obj: Obj | None = None
    created: bool = False

    async def response(self, core: Core, call: Call, warnings: Sequence[str] = ()) -> Response:
        """Return the answer that shows the written object, which is written whatever has to be asked to show it."""
        if core.converter(call.resource) is None:
            return self._shown(core, call, warnings)
        return await converted(lambda: self._shown(core, call, warnings))

    def _shown(self, core: Core, call: Call, warnings: Sequence[str]) -> Response:
        status = 201 if self.created else 200
        if self.entry is not None:
            return present(core, call, self.entry, status, warnings)
        return present_unstored(core, call, self.obj or {}, status, warnings)


async def create(core: Core, call: Call, obj: Obj, options: WriteOptions, warnings: list[str]) -> Written:
    """Store a new object, already pruned, defaulted and in its stored form. Raises every `StatusError` of a creation."""
    prefix = obj["metadata"].get("generateName") if not obj["metadata"].get("name") else None
    for attempt in range(GENERATE_TRIES):
        metadata = obj["metadata"]
        if prefix:
            metadata["name"] = generate_name(prefix, core.rng)
        attributes = Attributes(
            core, "CREATE", call.resource, call.namespace, metadata.get("name", ""), obj, None, call.user, "",
            options.dry_run, warnings, None, options.obj("CreateOptions"),
        )  # fmt: skip
        try:
            return await _create_once(core, call.resource, attributes, options)
        except AlreadyExists:
            if not prefix or attempt == GENERATE_TRIES - 1:
                raise
    raise AssertionError("unreachable")


async def _create_once(core: Core, resource: Resource, attributes: Attributes, options: WriteOptions) -> Written:
    obj = attributes.obj
    assert obj is not None
    storage = core.storage(resource)
    await core.admission.mutate(attributes)
    fill_new(obj, resource, core.clock.now(), core.rng)
    if resource.status_reset and any(sub.name == "status" for sub in resource.subresources):
        obj.pop("status", None)
    resource.prepare_create(obj)
    metadata = obj["metadata"]
    causes = new_causes(obj, resource, core.schemas)
    if causes:
        raise invalid(resource, metadata.get("name", ""), causes)
    await core.admission.validate(attributes)
    name = metadata["name"]
    undo = await core.reservations.on_create(resource, obj, options.dry_run)
    try:
        if options.dry_run:
            if storage.find(attributes.namespace, name):
                raise already_exists(resource, name)
            await undo()
            return Written(None, obj, True)
        lease = await core.lease_for(resource)
        return Written(await storage.create(attributes.namespace, name, obj, lease=lease), created=True)
    except BaseException:
        await undo()
        raise


Transform = Callable[[Obj], Awaitable[Obj]]
"""Takes the stored object, which it leaves alone, and returns the wanted one: pruned, defaulted and in the stored form."""


async def replace(
    core: Core,
    call: Call,
    transform: Transform,
    strategy: Strategy,
    options: WriteOptions,
    warnings: list[str],
    applied: bool = False,
) -> Written:
    """Put what `transform` makes of the stored object into its place. Raises every `StatusError` of an update.

    What was `applied` comes with its managedFields; whatever else is written gets them here.
    """
    storage = core.storage(call.resource)
    resource = call.resource
    name, namespace = call.info.name, call.namespace
    options_obj = options.obj("PatchOptions" if call.request.method == "PATCH" else "UpdateOptions")
    final: list[Obj] = []

    async def change(old: Obj) -> Obj:
        new = await transform(old)
        _check_unconditional(new, old, resource)
        given = new["metadata"].get("managedFields")
        carry_over(new, old, resource, call.request.method == "PATCH")
        if not applied:
            if strategy.subresource not in WHOLE:
                strategy.prepare(new, old)  # what this path does not own is not claimed through it either
            await core.managing.updated(call, old, new, given, options)
        view = strategy.view
        attributes = Attributes(
            core, "UPDATE", call.resource, namespace, name, view.show(new) if view else new, view.show(old) if view else old,
            call.user, strategy.subresource, options.dry_run, warnings, view.kind if view else None, options_obj,
        )  # fmt: skip
        await core.admission.mutate(attributes)
        if view and attributes.obj is not None:
            view.take(attributes.obj, new)
        strategy.prepare(new, old)
        if resource.generation and strategy.subresource != "status":
            bump_generation(new, old)
        causes = [
            *update_causes(new, old, resource), *finalizer_causes(new, old), *strategy.validate(new, old)
        ]  # fmt: skip
        if causes:
            raise invalid(resource, name, causes)
        await core.admission.validate(attributes._replace(obj=view.show(new)) if view else attributes)
        final[:] = [new]
        return new

    if options.dry_run:
        return Written(None, await change(storage.get(namespace, name).obj()))
    return await _replace(core, resource, namespace, name, change)


async def _replace(core: Core, resource: Resource, namespace: str, name: str, change: Transform) -> Written:
    """Update, keep the address allocations in step, and finish a deletion that only waited for finalizers."""
    storage = core.storage(resource)
    undo: list[Undo] = []
    written: list[tuple[Obj, Obj]] = []

    async def reserving(old: Obj) -> Obj:
        while undo:
            await undo.pop()()
        new = await change(old)
        written[:] = [(old, new)]
        undo.append(await core.reservations.on_update(resource, new, old))
        return new

    try:
        entry = await storage.update(namespace, name, reserving)
    except BaseException:
        while undo:
            await undo.pop()()
        raise
    old, new = written[0]
    await core.reservations.after_update(resource, new, old)
    if finished(new):
        deleted = await storage.delete(entry)
        if deleted is not None:
            await core.reservations.on_delete(resource, new)
            return Written(entry)
    return Written(entry)


def finished(obj: Obj) -> bool:
    """Whether a deletion has nothing left to wait for."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if obj.get("kind") == "Namespace" and (obj.get("spec") or {}).get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds")


def _check_unconditional(new: Obj, old: Obj, resource: Resource) -> None:
    conditional = resource.structural is not None or resource.group_resource in CONDITIONAL
    if conditional and not new["metadata"].get("resourceVersion"):
        text = "Invalid value: 0: must be specified for an update"
        cause = Cause("FieldValueInvalid", text, "metadata.resourceVersion")
        # told in the name of the resource, not of the kind as other faults are
        raise field.invalid_error(resource.plural, resource.group, old["metadata"]["name"], [cause])
