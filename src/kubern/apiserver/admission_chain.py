"""Admission: what looks at a write between decoding and storing, and may change or refuse it.

A file in `admission/` exports ADMISSION, and the verbs run the chain in upstream's order: every `mutate`, then (after defaults and
validation of the schema) every `validate`. What always holds: a plug-in that neither mutates nor validates a request costs one
dictionary look-up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from kubern.api.resource import Resource
from kubern.apiserver.identity import User
from kubern.base.errors import Forbidden, StatusError
from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.apiserver.core import Core


class Kind(NamedTuple):
    """A kind in one version."""

    group: str
    version: str
    kind: str


class Attributes(NamedTuple):
    """What is about to be written. `obj` is None for a deletion, `old` for a creation; `obj` may be changed by `mutate`."""

    core: Core
    operation: str
    resource: Resource
    namespace: str
    name: str
    obj: Obj | None
    old: Obj | None
    user: User
    subresource: str = ""
    dry_run: bool = False
    warnings: list[str] | None = None
    kind: Kind | None = None
    """What `obj` is when the path takes something else than the resource's own objects: an Eviction, a Scale, PodExecOptions."""
    options: Obj | None = None
    """The request's CreateOptions, UpdateOptions, PatchOptions or DeleteOptions, in the API's form."""
    reinvocation: Reinvocation | None = None
    """Set by the chain while objects are mutated."""

    @property
    def object_kind(self) -> Kind:
        """What kind `obj` and `old` are of, in the version that the request is in."""
        return self.kind or Kind(self.resource.group, self.resource.version, self.resource.kind)


class Reinvocation:
    """What the plug-ins that mutate tell each other within one request.

    A plug-in that cannot foresee what others make of its change sets `wanted`: the whole chain then runs once more, `second` is set, and
    each such plug-in decides by what it left in `notes` which of its own parts to ask again.
    """

    __slots__ = ("notes", "second", "wanted")

    def __init__(self) -> None:
        self.wanted = False
        self.second = False
        self.notes: dict[str, Any] = {}


def refused(attributes: Attributes, text: str) -> Forbidden:
    """Return a plug-in's refusal in upstream's form: `pods "web" is forbidden: …`."""
    resource = attributes.resource
    message = f'{resource.group_resource} "{attributes.name}" is forbidden: {text}'
    return Forbidden(message, kind=resource.plural, group=resource.group, name=attributes.name)


Hook = Callable[[Attributes], "Awaitable[None] | None"]
Named = tuple[str, Hook]
"""A plug-in's name and what it does."""


class Admission(NamedTuple):
    """One plug-in. `order` sorts the chain; `operations` are CREATE, UPDATE, DELETE, CONNECT.

    `resources` are plurals with their group (`pods`, `ingresses.networking.k8s.io`); empty: all. `subresources` with `*`: every one.
    """

    name: str
    order: int
    operations: tuple[str, ...]
    resources: tuple[str, ...] = ()
    mutate: Hook | None = None
    validate: Hook | None = None
    subresources: tuple[str, ...] = ("",)


class AdmissionChain:
    """The plug-ins in order."""

    def __init__(self, plugins: Iterable[Admission]) -> None:
        self._plugins = sorted(plugins, key=lambda plugin: plugin.order)
        self._chosen: dict[tuple[str, str, str, str], list[Named]] = {}

    async def mutate(self, attributes: Attributes) -> None:
        """Let every plug-in change `attributes.obj`, twice if one of them wants that. Raises the refusal of the first that refuses."""
        hooks = self._hooks("mutate", attributes)
        if not hooks:
            return
        reinvocation = Reinvocation()
        attributes = attributes._replace(reinvocation=reinvocation)
        await _run(hooks, attributes, "admit")
        if reinvocation.wanted:
            reinvocation.second = True
            await _run(hooks, attributes, "admit")

    async def validate(self, attributes: Attributes) -> None:
        """Let every plug-in look at the final object. Raises the refusal of the first that refuses."""
        hooks = self._hooks("validate", attributes)
        if hooks:
            await _run(hooks, attributes, "validate")

    def concerns(self, attributes: Attributes) -> bool:
        """Whether any plug-in looks at such a request."""
        return bool(self._hooks("mutate", attributes) or self._hooks("validate", attributes))

    def _hooks(self, phase: str, attributes: Attributes) -> list[Named]:
        key = (phase, attributes.operation, attributes.resource.group_resource, attributes.subresource)
        hooks = self._chosen.get(key)
        if hooks is None:
            hooks = self._chosen[key] = [
                (plugin.name, hook)
                for plugin in self._plugins
                if (hook := plugin.mutate if phase == "mutate" else plugin.validate)
                and attributes.operation in plugin.operations
                and (not plugin.resources or attributes.resource.group_resource in plugin.resources)
                and ("*" in plugin.subresources or attributes.subresource in plugin.subresources)
            ]
        return hooks


async def _run(hooks: Iterable[Named], attributes: Attributes, kind: str) -> None:
    """Run plug-ins in order, counting how long each took; `kind` is admit or validate."""
    counts, seconds, operation = attributes.core.counts, attributes.core.clock.monotonic, attributes.operation
    begun = before = seconds()
    name = ""
    try:
        for name, hook in hooks:
            waiting = hook(attributes)
            if waiting is not None:
                await waiting
            now = seconds()
            counts.plugins.observe((name, kind, operation, "false"), now - before)
            before = now
    except StatusError as error:
        now = seconds()
        counts.plugins.observe((name, kind, operation, "true"), now - before)
        counts.steps.observe((kind, operation, "true"), now - begun)
        error.warnings = tuple(attributes.warnings or ())
        raise
    counts.steps.observe((kind, operation, "false"), before - begun)
