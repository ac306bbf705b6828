"""The cluster's roles and bindings, laid out for the question "which rules hold for this user here?".

Fed from the watch cache by the apiserver, read by `rbac`. What always holds: answers follow the objects given so far; rules
worked out for a user are remembered until any role or binding changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kubern.apiserver.authz.rules import Rule, compiled
from kubern.apiserver.identity import User
from kubern.base.json import Obj

PLURALS = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")
_ROOM = 4096
_ACCOUNT = "system:serviceaccount:"

_Key = tuple[str, str]


class _Binding(NamedTuple):
    name: str
    role_kind: str
    role: str
    subjects: frozenset[str]


class Held(NamedTuple):
    """A user's rules in one namespace (cluster-wide ones included), each with the binding that gives it."""

    rules: tuple[tuple[Rule, str], ...]
    missing: tuple[str, ...]
    """What bindings refer to and is not there, in upstream's words."""


class Policy:
    """The RBAC objects by (namespace, name); cluster-scoped ones have the namespace ""."""

    def __init__(self) -> None:
        self._roles: dict[_Key, tuple[Rule, ...]] = {}
        self._aggregated: dict[str, list[Mapping[str, str]]] = {}
        self._labels: dict[str, Mapping[str, str]] = {}
        self._bindings: dict[_Key, _Binding] = {}
        self._by_subject: dict[tuple[str, str], set[str]] = {}
        self._held: dict[tuple[str, tuple[str, ...], str], Held] = {}

    def load(self, plural: str, objects: Iterable[Obj]) -> None:
        """Put every object of one of `PLURALS`."""
        for obj in objects:
            self.put(plural, obj)

    def put(self, plural: str, obj: Obj) -> None:
        """Take in a new or changed object."""
        metadata = obj["metadata"]
        key = (metadata.get("namespace") or "", metadata["name"])
        self.remove(plural, *key)
        if plural in ("roles", "clusterroles"):
            self._roles[key] = compiled(obj.get("rules"))
            if plural == "clusterroles":
                self._labels[key[1]] = metadata.get("labels") or {}
                selectors = (obj.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
                if selectors:
                    self._aggregated[key[1]] = [selector.get("matchLabels") or {} for selector in selectors]
            return
        binding = _binding(obj)
        self._bindings[key] = binding
        for subject in binding.subjects:
            self._by_subject.setdefault((key[0], subject), set()).add(key[1])

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Forget a deleted object; one that is not there is no error."""
        key = (namespace, name)
        self._held.clear()
        if plural in ("roles", "clusterroles"):
            self._roles.pop(key, None)
            if plural == "clusterroles":
                self._aggregated.pop(name, None)
                self._labels.pop(name, None)
            return
        binding = self._bindings.pop(key, None)
        for subject in binding.subjects if binding else ():
            names = self._by_subject[namespace, subject]
            names.discard(name)
            if not names:
                del self._by_subject[namespace, subject]

    def held(self, user: User, namespace: str) -> Held:
        """Return the rules that hold for `user` in `namespace` ("": cluster-wide only)."""
        key = (user.name, user.groups, namespace)
        found = self._held.get(key)
        if found is None:
            if len(self._held) >= _ROOM:
                self._held.clear()
            found = self._held[key] = self._find(user, namespace)
        return found

    def rules_of(self, role_kind: str, name: str, namespace: str = "") -> tuple[Rule, ...] | None:
        """Return what a role allows, or `None` when there is none."""
        if role_kind == "Role":
            return self._roles.get((namespace, name))
        rules = self._roles.get(("", name))
        if rules is None or name not in self._aggregated:
            return rules
        # the controller writes the sum into the role; until it has, the sum is worked out here
        extra = [
            rule
            for other, labels in self._labels.items()
            if other != name and any(wanted.items() <= labels.items() for wanted in self._aggregated[name] if wanted)
            for rule in self._roles[("", other)]
        ]
        return tuple(dict.fromkeys((*rules, *extra)))

    def _find(self, user: User, namespace: str) -> Held:
        subjects = [f"User:{user.name}", *(f"Group:{group}" for group in user.groups)]
        rules: list[tuple[Rule, str]] = []
        missing: list[str] = []
        for place in ("", namespace) if namespace else ("",):
            names = {name for subject in subjects for name in self._by_subject.get((place, subject), ())}
            for name in sorted(names):
                binding = self._bindings[place, name]
                found = self.rules_of(binding.role_kind, binding.role, place)
                if found is None:
                    kind = binding.role_kind.lower()
                    missing.append(f'{kind}.rbac.authorization.k8s.io "{binding.role}" not found')
                    continue
                of = f"{place}/{name}" if place else name
                given = (
                    f'{"RoleBinding" if place else "ClusterRoleBinding"} "{of}" of {binding.role_kind} "{binding.role}"'
                )
                rules.extend((rule, given) for rule in found)
        return Held(tuple(rules), tuple(missing))


def _binding(obj: Obj) -> _Binding:
    namespace = obj["metadata"].get("namespace") or ""
    role = obj.get("roleRef") or {}
    subjects = (_subject(subject, namespace) for subject in obj.get("subjects") or ())
    return _Binding(
        obj["metadata"]["name"], role.get("kind", ""), role.get("name", ""), frozenset(s for s in subjects if s)
    )


def _subject(subject: Obj, namespace: str) -> str:
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "ServiceAccount":
        place = subject.get("namespace") or namespace
        return f"User:{_ACCOUNT}{place}:{name}" if place else ""
    return f"{kind}:{name}"
