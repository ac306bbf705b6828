"""How a built-in resource is declared: one `RESOURCE` in one file, `resources/<group>/<plural>.py`.

The schema (fields, types, merge keys) comes from the published definitions; a declaration holds what those do not say:
defaults, immutability, semantic validation, verbs, short names, printer columns. Custom resources are turned into the
same declaration from their CustomResourceDefinition, so that one registry serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from kubern.base.errors import Cause
from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.api.schema import StructuralSchema

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READ_VERBS = ("get", "list")
STATUS_VERBS = ("get", "patch", "update")

Path = str
"""A field's path as upstream prints it: `spec.containers[0].name`."""


class Column(NamedTuple):
    """One column of the Table answer. `cell(obj, now)` gives the value: a str, int or bool (times become ages by `ages`).

    `priority` 0 is always shown, 1 only by `-o wide`.
    """

    name: str
    cell: Callable[[Obj, datetime], Any]
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


class Subresource(NamedTuple):
    """A path below an object. `kind` with `group`/`version` is what it takes and returns (empty: the object's own)."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    group: str = ""
    version: str = ""


STATUS = Subresource("status", STATUS_VERBS)
SCALE = Subresource("scale", STATUS_VERBS, "Scale", "autoscaling", "v1")


class ScalePaths(NamedTuple):
    """Where `scale` reads and writes: dotted paths into the object. `selector` may be a label selector or a map."""

    replicas: str = "spec.replicas"
    status_replicas: str = "status.replicas"
    selector: str = "spec.selector"


def nothing(obj: Obj) -> None:
    """Change nothing: the hook of a resource that needs none."""


def nothing_update(new: Obj, old: Obj) -> None:
    """Change nothing: the update hook of a resource that needs none."""


def nothing_delete(obj: Obj, now: datetime) -> None:
    """Change nothing: the deletion hook of a resource that needs none."""


def no_errors(obj: Obj) -> list[Cause]:
    """Find nothing wrong."""
    return []


def no_update_errors(new: Obj, old: Obj) -> list[Cause]:
    """Find nothing wrong."""
    return []


def no_fields(obj: Obj) -> Mapping[str, str]:
    """No selectable fields besides metadata.name and metadata.namespace, which the registry adds itself."""
    return {}


class Conversion(NamedTuple):
    """Between a served version's form and the stored one. Both change a private copy in place; the caller sets
    `apiVersion` itself. `nothing` where the forms agree."""

    to_storage: Callable[[Obj], None] = nothing
    from_storage: Callable[[Obj], None] = nothing
    prepare: Callable[[Sequence[Obj]], None] | None = None
    """Told of several stored objects before `from_storage` is called with each, where that is better asked for at once."""


class OtherVersion(NamedTuple):
    """Another version in which a resource is served while it is stored in the `Resource`'s own."""

    version: str
    schema: str
    conversion: Conversion = Conversion()


@dataclass(frozen=True, slots=True)
class Resource:
    """A built-in (or custom) resource in one of its versions' served forms.

    Hooks run on a private copy of the object that they may change. Order on create: `default` (every version's defaults, after
    pruning), `prepare_create` (clear status, set generation…), `validate`. On update: `default`, `prepare_update(new, old)`
    (keep status; bump generation when spec changed is done by the registry), `validate`, `validate_update(new, old)`. On a
    status update: `prepare_status_update(new, old)` (keeps everything but status), `validate_status_update(new, old)`.
    A version with a `conversion` is pruned by its own `schema`, then converted: every hook, `fields` and the columns see the
    stored form.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    schema: str
    """Key into the published definitions, e.g. `io.k8s.api.core.v1.Pod`."""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    stored: bool = True
    """False for what is answered and never kept: SubjectAccessReview, TokenReview, Binding."""
    storage_version: bool = True
    """False for an older version of a resource that is stored in another one (autoscaling/v1 of HPA, events.k8s.io)."""
    deprecated: str = ""
    """What clients are warned with about this version, if it is to go."""
    conversion: Conversion | None = None
    """How to come from and to the stored form; None for the storage version itself."""
    other_versions: tuple[OtherVersion, ...] = ()
    """The other served versions, best first; `versions()` unfolds them."""
    generation: bool = False
    """Whether metadata.generation starts at 1 and grows by one whenever anything but metadata and status changes."""
    status_reset: bool = True
    """With a `status` subresource: create drops `status`, update keeps the old one."""
    scale: ScalePaths | None = None
    columns: tuple[Column, ...] = ()
    """The columns after the first version's NAME and before AGE are all given here, NAME and AGE included; empty: NAME, AGE."""
    default: Callable[[Obj], None] = nothing
    defaults_spec_alone: bool = False
    """Whether `default` looks at nothing but the spec: a patch that leaves the spec alone needs no defaults."""
    prepare_create: Callable[[Obj], None] = nothing
    prepare_update: Callable[[Obj, Obj], None] = nothing_update
    prepare_status_update: Callable[[Obj, Obj], None] = nothing_update
    validate: Callable[[Obj], list[Cause]] = no_errors
    validate_create: Callable[[Obj], list[Cause]] = no_errors
    """What only a new object may not have; runs after `validate`."""
    validate_update: Callable[[Obj, Obj], list[Cause]] = no_update_errors
    validate_status_update: Callable[[Obj, Obj], list[Cause]] = no_update_errors
    fields: Callable[[Obj], Mapping[str, str]] = no_fields
    """The field selector's values of an object: {"spec.nodeName": "n1", "status.phase": "Running"}."""
    validate_name: Callable[[str], list[str]] | None = None
    """Messages for a bad metadata.name; None: a DNS-1123 subdomain."""
    graceful: Callable[[Obj, int | None], int | None] | None = None
    """Grace period in seconds for a deletion request with the asked period; None: deleted at once. Only pods have it."""
    prepare_delete: Callable[[Obj, datetime], None] = nothing_delete
    """Changes an object when its deletion is asked for the first time: adds a finalizer that the server itself looks after."""
    list_kind: str = ""
    """The kind of a list; empty: the kind with `List` behind it."""
    structural: StructuralSchema | None = None
    """The schema of a custom resource, in place of a published one."""
    storage_prefix: str = ""
    """The key below /registry when it is not the plural (upstream: `minions` for nodes…); empty: the plural, with its group
    for groups that upstream prefixes."""

    @property
    def api_version(self) -> str:
        """`group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """`plural.group`, as upstream's messages name a resource; the plural alone for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def versions(self) -> tuple[Resource, ...]:
        """Return one `Resource` for each served version, this one first; each shares this one's storage and hooks."""
        prefix = self.storage_prefix or self.plural
        others = (
            replace(
                self,
                version=other.version,
                schema=other.schema,
                conversion=other.conversion,
                storage_version=False,
                storage_prefix=prefix,
                other_versions=(),
            )
            for other in self.other_versions
        )
        return (self, *others)
