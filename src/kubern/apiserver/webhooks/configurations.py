"""The admission webhooks that there are: read from their configurations whenever those change, in the order in which they are asked.

Made by `Core`, which feeds it from the watch cache. What always holds: configurations come in the order of their names, the webhooks of
one configuration in the order in which they stand there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kubern.apiserver.cache import Change
from kubern.apiserver.encoding import Entry
from kubern.apiserver.feed import Feed
from kubern.apiserver.matching import Rules
from kubern.apiserver.webhooks.conditions import Conditions
from kubern.base.json import Obj

MUTATING = "mutatingwebhookconfigurations"
VALIDATING = "validatingwebhookconfigurations"


class Hook(NamedTuple):
    """One webhook. `id` is its own among all: configuration and position."""

    id: str
    name: str
    configuration: str
    client: Obj
    rules: Rules
    conditions: Conditions
    namespace_selector: Obj
    object_selector: Obj
    fails_open: bool
    """failurePolicy Ignore."""
    seconds: float
    versions: tuple[str, ...]
    side_effects: str
    again: bool
    """reinvocationPolicy IfNeeded."""

    @classmethod
    def of(cls, configuration: str, index: int, webhook: Obj) -> Hook:
        """Read a webhook of a configuration that has its defaults."""
        return cls(
            f"{configuration}/{index}",
            webhook["name"],
            configuration,
            webhook["clientConfig"],
            Rules(webhook.get("rules") or (), webhook.get("matchPolicy") or "Equivalent"),
            Conditions(webhook.get("matchConditions") or ()),
            webhook.get("namespaceSelector") or {},
            webhook.get("objectSelector") or {},
            webhook.get("failurePolicy") == "Ignore",
            float(webhook.get("timeoutSeconds") or 10),
            tuple(webhook.get("admissionReviewVersions") or ()),
            webhook.get("sideEffects") or "",
            webhook.get("reinvocationPolicy") == "IfNeeded",
        )


class Configurations:
    """The webhooks of one kind of configuration. A `feed.Listener`."""

    def __init__(self, feed: Feed, plural: str) -> None:
        self._by_name: dict[str, list[Hook]] = {}
        self.hooks: Sequence[Hook] = ()
        feed.listen(plural, self)

    def load(self, entries: Sequence[Entry]) -> None:
        """Start over with these configurations."""
        self._by_name = {entry.name: _hooks(entry) for entry in entries}
        self._arrange()

    def change(self, change: Change) -> None:
        """Take one changed configuration."""
        self._by_name.pop(change.entry.name, None)
        if not change.deleted:
            self._by_name[change.entry.name] = _hooks(change.entry)
        self._arrange()

    def _arrange(self) -> None:
        self.hooks = tuple(hook for name in sorted(self._by_name) for hook in self._by_name[name])


def _hooks(entry: Entry) -> list[Hook]:
    return [Hook.of(entry.name, i, webhook) for i, webhook in enumerate(entry.obj().get("webhooks") or ())]
