"""Who manages which field: what every write through the API puts into `metadata.managedFields`.

Called by the verbs and subresources before admission, as upstream does: fields that admission or the server fill in belong to nobody.
What always holds: an object whose managedFields are empty is not followed until it is applied; what one path does not own (the
status on the main path, all but the status on `/status`) is never claimed through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from kubern.api.apply import managers as held_by
from kubern.api.apply.managers import UPDATE, Manager, Managers
from kubern.api.apply.map_shape import FREE, MapShape
from kubern.api.apply.shape import Changes
from kubern.api.apply.shapes import Shapes
from kubern.api.resource import Resource
from kubern.apiserver.call import Call
from kubern.apiserver.conversion import same, to_served
from kubern.apiserver.options import WriteOptions
from kubern.base.clock import rfc3339
from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.apiserver.core import Core

MAIN, STATUS = "", "status"
LONGEST_NAME = 128
OBJECT_META = {"$ref": "#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
_NOBODYS = frozenset(
    ("name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion")
)
"""Metadata that nobody manages."""


class Path(NamedTuple):
    """Through which path of which version an object is written."""

    resource: Resource
    subresource: str

    def part(self, obj: Obj) -> Obj:
        """Return what may be managed through this path."""
        kept = {key: value for key, value in obj.items() if self._owns(key)}
        metadata = obj.get("metadata")
        if isinstance(metadata, dict) and "metadata" in kept:
            kept["metadata"] = {key: value for key, value in metadata.items() if key not in _NOBODYS}
        return kept

    def _owns(self, key: str) -> bool:
        if key in ("kind", "apiVersion"):
            return False
        resource = self.resource
        if self.subresource == STATUS:
            return key == STATUS or (key == "metadata" and resource.structural is None)
        return key != STATUS or not (resource.status_reset and any(sub.name == STATUS for sub in resource.subresources))


class Managing:
    """Keeps managedFields for one apiserver."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._shapes = Shapes()
        self._roots: dict[tuple[str, str, str], tuple[Resource, MapShape]] = {}

    def shape(self, resource: Resource) -> MapShape:
        """Return how the fields of a resource's objects are merged and owned, in its version."""
        key = (resource.group, resource.version, resource.kind)
        known = self._roots.get(key)
        if known is not None and (known[0] is resource or known[0].structural is resource.structural):
            return known[1]
        schemas = self._core.schemas
        if resource.structural is None:
            shape = self._shapes.of(schemas[resource.schema].type)
        else:
            given = resource.structural.schema
            schema = {**given, "type": "object", "properties": {**given.get("properties", {}), "metadata": OBJECT_META}}
            shape = Shapes(FREE).of(schemas.types.build(schema))
        assert isinstance(shape, MapShape)
        self._roots[key] = (resource, shape)
        return shape

    def shape_of(self, definition: str) -> MapShape:
        """Return how a kind that is not a resource's own is merged, by the name of its definition."""
        shape = self._shapes.of(self._core.schemas[definition].type)
        assert isinstance(shape, MapShape)
        return shape

    def identity(self, call: Call, options: WriteOptions, operation: str) -> Manager:
        """Return who writes: the request's field manager, or its user agent up to the first slash."""
        name = options.field_manager or _agent(call.request.headers.get("user-agent", ""))
        return held_by.manager(name, operation, call.resource.api_version, call.info.subresource)

    def created(self, call: Call, obj: Obj, options: WriteOptions) -> None:
        """Let a new object's fields belong to who creates it. `obj` is in its stored form."""
        resource = call.resource
        managers, _ = _given(obj["metadata"].pop("managedFields", None), {})
        seen = self.served(resource)(obj)
        fields = self.shape(resource).started(Path(resource, "").part(seen))
        who = self.identity(call, options, UPDATE)
        left = dict(managers)
        if fields:
            left[who] = held_by.Held(resource.api_version, self.now(), fields)
        if left:
            obj["metadata"]["managedFields"] = held_by.encode(left)

    async def updated(self, call: Call, old: Obj, new: Obj, given: Any, options: WriteOptions) -> None:
        """Write into `new` who manages its fields after this request. `given` is what the request itself said of that."""
        stored = old["metadata"].get("managedFields")
        if call.info.subresource:
            given = None
        managers, reset = _given(given, stored)
        metadata = new["metadata"]
        if not reset and (managers or given):
            who = self.identity(call, options, UPDATE)
            changes = self.changes(call, old, new)
            after = await held_by.update(managers, who, call.resource.api_version, changes, self.now())
            if after is managers and not given:
                metadata["managedFields"] = stored
                return
            managers = after
        elif reset:
            managers = {}
        encoded = held_by.encode(managers)
        if encoded:
            metadata["managedFields"] = encoded
        else:
            metadata.pop("managedFields", None)

    def changes(self, call: Call, old: Obj, new: Obj) -> held_by.ChangesIn:
        """Return what tells, for one version after another, what differs between two objects in their stored form."""
        seen: dict[str, Changes | None] = {}

        async def changes(api_version: str) -> Changes | None:
            if api_version not in seen:
                seen[api_version] = self._compare(call, old, new, api_version)
            return seen[api_version]

        return changes

    def _compare(self, call: Call, old: Obj, new: Obj, api_version: str) -> Changes | None:
        resource = self.version(call.resource, api_version)
        if resource is None:
            return None
        path = Path(resource, call.info.subresource)
        convert = self.served(resource)
        before, after = path.part(convert(old)), path.part(convert(new))
        return self.shape(resource).changes(before, after) if before != after else (None, None)

    def version(self, resource: Resource, api_version: str) -> Resource | None:
        """Return the resource in another of its versions, or None when it is not served in that."""
        if resource.api_version == api_version:
            return resource
        group, _, version = api_version.rpartition("/")
        return self._core.resources.get((group, version, resource.plural))

    def served(self, resource: Resource) -> Callable[[Obj], Obj]:
        """Return the function that shows an object in its stored form in the version of `resource`; it changes nothing."""
        convert = to_served(self._core.storage(resource).resource, resource)
        return same if convert is same else lambda obj: convert(orjson.loads(orjson.dumps(obj)))

    def now(self) -> str:
        """Return the time of a change."""
        return rfc3339(self._core.clock.now())


def _given(entries: Any, stored: Any) -> tuple[Managers, bool]:
    """Return the managers before a write, and whether the request takes them all away (a list that is empty or has one empty entry)."""
    if entries in ([], [{}]):
        return {}, True
    try:
        managers = held_by.decode(entries) if entries else {}
    except ValueError:
        managers = {}
    if managers:
        return managers, False
    try:
        return held_by.decode(stored, checked=True), False
    except ValueError:
        return {}, False


def _agent(user_agent: str) -> str:
    name = user_agent.partition("/")[0]
    return "".join(character for character in name if character.isprintable())[:LONGEST_NAME]
