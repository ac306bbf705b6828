"""PATCH with an applied configuration: server-side apply.

Called by the verb patch and by the subresources that replace objects. The configuration is merged into the live object by the schema;
what its manager applied before, leaves out now and shares with nobody is taken out; a field that somebody else manages with another
value is a conflict. Source: KEP-555.
"""

from __future__ import annotations

import orjson

from kubern.api import codec
from kubern.api.apply import managers as held_by
from kubern.api.apply.fieldset import Fields, difference, union
from kubern.api.apply.managers import APPLY, FIRST, UPDATE, Conflicting, Held, Managers
from kubern.api.apply.map_shape import MapShape
from kubern.api.apply.shape import MISSING, Unfit
from kubern.api.apply.shapes import emptied
from kubern.api.codec.cbor import APPLY_CBOR
from kubern.api.codec.json_body import BodyError
from kubern.api.resource import Resource
from kubern.api.schema import WrongType
from kubern.apiserver.body import media_type
from kubern.apiserver.call import Call
from kubern.apiserver.checking import check_kind
from kubern.apiserver.conversion import to_stored
from kubern.apiserver.core import Core
from kubern.apiserver.decoding import settle
from kubern.apiserver.managing import Path
from kubern.apiserver.metadata import check_path
from kubern.apiserver.options import WriteOptions
from kubern.apiserver.refusal import forbidden
from kubern.apiserver.storage import conflict
from kubern.apiserver.strategy import Strategy
from kubern.apiserver.writing import Written, create, replace
from kubern.base.errors import BadRequest, Cause, Conflict, NotFound
from kubern.base.json import Obj

KUBECTL = "kubectl"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def read_configuration(call: Call, options: WriteOptions) -> Obj:
    """Return the configuration in the body. Raises `BadRequest`."""
    try:
        parsed, duplicates = codec.decode_any(call.request.body, _encoding(call), call.resource.kind)
    except (BodyError, BadRequest) as error:
        raise BadRequest(f"error decoding YAML: {error}") from error
    if not isinstance(parsed, dict):
        raise BadRequest("error decoding YAML: the configuration is not an object")
    if duplicates and options.field_validation == "Strict":
        raise BadRequest(f"error strict decoding YAML: {duplicates[0]}")
    return parsed


def _encoding(call: Call) -> str:
    media = media_type(call.request)
    return media if media == APPLY_CBOR else "application/yaml"


async def apply(
    core: Core, call: Call, config: Obj, strategy: Strategy, options: WriteOptions, warnings: list[str]
) -> Written:  # fmt: skip
    """Apply a configuration, creating the object when there is none. Raises every `StatusError` of an update, and `Conflict`."""
    _check(config, call)
    applied = Applied(core, call, config, options)

    async def transform(old: Obj) -> Obj:
        new = await applied.over(old)
        settle(core, call, new, options, warnings)
        check_path(new, call.resource, call.namespace, call.info.name)
        return new

    try:
        return await replace(core, call, transform, strategy, options, warnings, applied=True)
    except NotFound as error:
        if call.info.subresource or error.kind != call.resource.plural or error.name != call.info.name:
            raise
    return await _create(core, call, applied, options, warnings)


async def _create(core: Core, call: Call, applied: Applied, options: WriteOptions, warnings: list[str]) -> Written:
    """Create the object; that takes the permission to create beside the one to patch."""
    info = call.info._replace(verb="create")
    decision = core.authorizer(call.user, info)
    decision = decision if isinstance(decision, tuple) else await decision
    if not decision.allowed:
        raise forbidden(call.user, info, decision.reason)
    new = applied.new()
    for key, what in (("uid", "uid"), ("resourceVersion", "resource version")):
        if new["metadata"].get(key):
            why = f"{what} mismatch: the provided object specified {what} {new['metadata'][key]}, and no existing object was found"
            raise conflict(call.resource, call.info.name, why)
    settle(core, call, new, options, warnings)
    check_path(new, call.resource, call.namespace, call.info.name)
    return await create(core, call, new, options, warnings)


def _check(config: Obj, call: Call) -> None:
    version = config.get("apiVersion") or call.resource.api_version
    if call.resource.structural and (version, config.get("kind")) != (call.resource.api_version, call.resource.kind):
        shown = version if "/" in version else f"/{version}"
        raise BadRequest(f"invalid object type: {shown}, Kind={config.get('kind') or ''}")
    if version != call.resource.api_version:
        expected = call.resource.api_version
        raise BadRequest(
            f"Incorrect version specified in apply patch. Specified version: {version}, expected: {expected}"
        )
    check_kind(config, call.resource)
    check_path(config, call.resource, call.namespace, call.info.name)
    if config["metadata"].pop("managedFields", None):
        raise BadRequest("metadata.managedFields must be nil")


class Applied:
    """A configuration that one manager applies, ready to be put over whatever is stored."""

    def __init__(self, core: Core, call: Call, config: Obj, options: WriteOptions) -> None:
        self._managing, self._call, self._options = core.managing, call, options
        self._core = core
        resource = call.resource
        self._who = core.managing.identity(call, options, APPLY)
        self._shape = core.managing.shape(resource)
        self._path = Path(resource, call.info.subresource)
        self._given = config
        self._config: Obj = orjson.loads(orjson.dumps(config))
        decoder = resource.structural or core.schemas[resource.schema]
        try:
            unknown = decoder.decode(self._config)
            self._owned = _owned(self._shape, self._path.part(config))
            self._emptied = emptied(self._shape, self._path.part(config))
        except (WrongType, Unfit) as error:
            raise _unfit(call, config, str(error)) from error
        if unknown:
            raise _unfit(call, config, f".{unknown[0]}: field not declared in schema")

    def new(self) -> Obj:
        """Return the object that is created, in the version of the request."""
        new: Obj = orjson.loads(orjson.dumps(self._config))
        held = Held(self._call.resource.api_version, self._managing.now(), self._owned)
        entries = held_by.encode({self._who: held})
        if entries:
            new["metadata"]["managedFields"] = entries
        return new

    async def over(self, old: Obj) -> Obj:
        """Return the stored object with the configuration merged in, in the version of the request. Raises `Conflict`."""
        resource = self._call.resource
        live = self._managing.served(resource)(old)
        managers = self._before(live)
        below = _without(self._shape, live, self._emptied) if self._emptied else live
        merged = self._shape.merge(below, self._path.part(self._config))
        merged["metadata"] = merged["metadata"] | {
            key: value for key, value in self._config["metadata"].items() if key in ("uid", "resourceVersion")
        }
        held = Held(resource.api_version, self._managing.now(), self._owned)
        merged = self._pruned(merged, managers, held)
        stored = self._stored(merged)
        try:
            after = await self._manage(managers, held, old, stored, live)
        except Conflicting as error:
            raise _refused(error) from error
        new: Obj = orjson.loads(orjson.dumps(merged))
        new["kind"], new["apiVersion"] = resource.kind, resource.api_version
        if self._remembers(live):
            self._annotate(new)
        entries = held_by.encode(after)
        if entries:
            new["metadata"]["managedFields"] = entries
        else:
            new["metadata"].pop("managedFields", None)
        return new

    def _before(self, live: Obj) -> Managers:
        """Return who manages the live object; what nobody was written down for belongs to `before-first-apply`."""
        try:
            managers = held_by.decode(live["metadata"].get("managedFields"))
        except ValueError:
            managers = {}
        if managers:
            return managers
        version = self._call.resource.api_version
        fields = self._shape.started(self._path.part(live))
        who = held_by.manager(FIRST, UPDATE, version)
        return {who: Held(version, self._managing.now(), fields)} if fields else {}

    def _pruned(self, merged: Obj, managers: Managers, held: Held) -> Obj:
        """Take out what this manager applied before and nobody manages any more."""
        last = managers.get(self._who)
        if last is None or not last.fields:
            return merged
        resource = self._managing.version(self._call.resource, last.api_version)
        if resource is None:
            return merged
        shape = self._managing.shape(resource)
        kept: Fields = {"f:metadata": {}}  # every configuration says a name, which nobody manages
        for one in {**managers, self._who: held}.values():
            kept = union(kept, shape.with_structs(one.fields))
        gone = difference(shape.with_structs(last.fields), kept)
        if not gone:
            return merged
        if resource.api_version == self._call.resource.api_version:
            return _without(shape, merged, gone)
        stored = self._stored(merged)
        seen = _without(shape, self._managing.served(resource)(stored), gone)
        back: Obj = orjson.loads(orjson.dumps(seen))
        to_stored(back, resource, self._core.storage(resource).resource)
        # what has another name in the other version is in the configuration all the same
        again: Obj = self._shape.merge(self._managing.served(self._call.resource)(back), self._path.part(self._config))
        return again

    def _stored(self, served: Obj) -> Obj:
        resource = self._call.resource
        stored = self._core.storage(resource).resource
        if resource.api_version == stored.api_version:
            return served
        copy: Obj = orjson.loads(orjson.dumps(served))
        to_stored(copy, resource, stored)
        return copy

    async def _manage(self, managers: Managers, held: Held, old: Obj, new: Obj, live: Obj) -> Managers:
        changes = self._managing.changes(self._call, old, new)
        try:
            return await held_by.apply(managers, self._who, held, changes, self._options.force)
        except Conflicting as error:
            allowed = self._from_last_applied(live)
            left = {who: difference(fields, allowed) for who, fields in error.held.items()}
            left = {who: fields for who, fields in left.items() if fields}
            if left or not allowed:
                raise Conflicting(left or error.held) from error
        return await held_by.apply(managers, self._who, held, changes, True)

    def _remembers(self, live: Obj) -> bool:
        """Whether the object was applied by kubectl on the client's side before, which kubectl alone takes over."""
        annotations = live["metadata"].get("annotations") or {}
        return self._who.name == KUBECTL and not self._call.info.subresource and LAST_APPLIED in annotations

    def _from_last_applied(self, live: Obj) -> Fields:
        """Return the fields that kubectl applied on the client's side and that still have that value: taking them over is no conflict."""
        if not self._remembers(live):
            return {}
        try:
            last = orjson.loads(live["metadata"]["annotations"][LAST_APPLIED])
            decoder = self._call.resource.structural or self._core.schemas[self._call.resource.schema]
            decoder.decode(last)
            last = self._path.part(last)
            fields = _owned(self._shape, last)
        except (ValueError, AttributeError):
            return {}
        for changed in self._shape.changes(last, self._path.part(live)):
            fields = difference(fields, changed) if changed else fields
        return fields

    def _annotate(self, new: Obj) -> None:
        """Write down what was applied, so that a client-side apply can go on from there."""
        text = orjson.dumps(self._given, option=orjson.OPT_SORT_KEYS).decode() + "\n"
        new["metadata"].setdefault("annotations", {})[LAST_APPLIED] = text


def _owned(shape: MapShape, part: Obj) -> Fields:
    """Return the fields of a configuration; metadata of which it says nothing but what nobody manages is none."""
    fields = shape.owned(part, "")
    if not fields.get("f:metadata"):
        fields.pop("f:metadata", None)
    return fields


def _without(shape: MapShape, obj: Obj, gone: Fields) -> Obj:
    left = shape.without(obj, gone)
    return {} if left is MISSING else left


def _unfit(call: Call, config: Obj, detail: str) -> BadRequest:
    # upstream answers 500 without a reason; what a client asks wrongly is not the server's failure here
    resource: Resource = call.resource
    shown = f"{resource.group}/{resource.version}, Kind={resource.kind}"
    metadata = config["metadata"]
    name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    return BadRequest(f"failed to create typed patch object ({name}; {shown}): {detail}")


def _refused(error: Conflicting) -> Conflict:
    causes = [Cause("FieldManagerConflict", f"conflict with {who.text}", path) for who, path in error.conflicts]
    return Conflict(str(error), causes=causes)
