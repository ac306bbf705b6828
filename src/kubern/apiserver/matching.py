"""Which requests an admission webhook or policy is about: rules, equivalent versions, selectors of namespaces and objects.

Called by the admission webhooks and the admission policies. Pure but for looking namespaces up in the watch cache. What always holds:
a request that no rule of a webhook can match costs one dictionary look-up.
Source: Kubernetes documentation, "Dynamic Admission Control", matching requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kubern.api.resource import Resource
from kubern.api.selectors import selects
from kubern.apiserver.admission_chain import Attributes
from kubern.base.errors import NotFound
from kubern.base.json import Obj

GROUP = "admissionregistration.k8s.io"
EXEMPT = frozenset(
    f"{plural}.{GROUP}"
    for plural in (
        "validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies",
        "validatingadmissionpolicybindings", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings",
    )
)  # fmt: skip
"""What no webhook and no policy is asked about, so that none of them can keep itself in place."""
_UNASKED = EXEMPT | {
    f"{plural}.{group}"
    for group, plural in (
        ("authentication.k8s.io", "selfsubjectreviews"), ("authentication.k8s.io", "tokenreviews"),
        ("authorization.k8s.io", "localsubjectaccessreviews"), ("authorization.k8s.io", "selfsubjectaccessreviews"),
        ("authorization.k8s.io", "selfsubjectrulesreviews"), ("authorization.k8s.io", "subjectaccessreviews"),
    )
}  # fmt: skip
"""What no policy is asked about: without these reviews nobody could mend a policy that refuses everything."""


class Rule(NamedTuple):
    """A rule as sets. `names` empty: any name."""

    operations: frozenset[str]
    groups: frozenset[str]
    versions: frozenset[str]
    resources: tuple[tuple[str, str], ...]
    """Resource and subresource, each may be `*`; the resource itself has an empty subresource."""
    scope: str = "*"
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rule: Obj) -> Rule:
        """Read a RuleWithOperations (or NamedRuleWithOperations)."""
        return cls(
            frozenset(rule.get("operations") or ()),
            frozenset(rule.get("apiGroups") or ()),
            frozenset(rule.get("apiVersions") or ()),
            tuple(_split(text) for text in rule.get("resources") or ()),
            rule.get("scope") or "*",
            frozenset(rule.get("resourceNames") or ()),
        )

    def matches(self, attributes: Attributes, resource: Resource) -> bool:
        """Whether a request is matched when it is seen as one for `resource`."""
        return (
            _holds(self.operations, attributes.operation)
            and _holds(self.groups, resource.group)
            and _holds(self.versions, resource.version)
            and any(
                plural in ("*", resource.plural) and sub in ("*", attributes.subresource)
                for plural, sub in self.resources
            )
            and self.scope in ("*", "Namespaced" if _is_namespaced(attributes) else "Cluster")
            and (not self.names or attributes.name in self.names)
        )


def _split(text: str) -> tuple[str, str]:
    plural, _, subresource = text.partition("/")
    return plural, subresource


def _holds(values: frozenset[str], value: str) -> bool:
    return value in values or "*" in values


def _is_namespaced(attributes: Attributes) -> bool:
    return bool(attributes.namespace) and attributes.resource.group_resource != "namespaces"


class Rules:
    """The rules of one webhook or policy: says as which version a request is to be shown."""

    def __init__(self, rules: Iterable[Obj], match_policy: str = "Equivalent") -> None:
        self._rules: Sequence[Rule] = [Rule.of(rule) for rule in rules]
        self._equivalent = match_policy != "Exact"
        self._by_name = any(rule.names for rule in self._rules)
        self._known: dict[tuple[str, str, str, str, str, bool], Resource | None] = {}
        self._registry: Mapping[tuple[str, str, str], Resource] = {}

    def version_for(self, attributes: Attributes) -> Resource | None:
        """Return the version of the request's resource that a rule asks for: the request's own, or with matchPolicy Equivalent
        another one of the same objects. None: the request is not matched."""
        if self._by_name:
            return self._find(attributes)
        registry = attributes.core.resources
        if registry is not self._registry:
            self._registry, self._known = registry, {}
        resource = attributes.resource
        key = (
            attributes.operation, resource.group, resource.version, resource.plural, attributes.subresource,
            bool(attributes.namespace),
        )  # fmt: skip
        if key not in self._known:
            self._known[key] = self._find(attributes)
        return self._known[key]

    def _find(self, attributes: Attributes) -> Resource | None:
        resource = attributes.resource
        others = equivalents(attributes) if self._equivalent else ()
        for rule in self._rules:
            if rule.matches(attributes, resource):
                return resource
        for rule in self._rules:
            for other in others:
                if rule.matches(attributes, other):
                    return other
        return None


def matched_resource(source: Obj, attributes: Attributes) -> Resource | None:
    """Return the version in which a request matches a policy's `matchConstraints` or a binding's `matchResources`; None: it does not."""
    resource = attributes.resource
    excluded = source.get("excludeResourceRules") or ()
    if resource.group_resource in _UNASKED or any(Rule.of(rule).matches(attributes, resource) for rule in excluded):
        return None
    found = Rules(source.get("resourceRules") or (), source.get("matchPolicy") or "Equivalent").version_for(attributes)
    if found is None or not selects_namespace(source.get("namespaceSelector"), attributes):
        return None
    return found if selects_object(source.get("objectSelector"), attributes) else None


def equivalents(attributes: Attributes) -> list[Resource]:
    """Return the other served versions of a request's resource, in other groups too: those that show the same stored objects."""
    resource = attributes.resource
    if not resource.stored:
        return []
    prefix = resource.storage_prefix or resource.plural
    return [
        other
        for other in attributes.core.resources.values()
        if other.stored
        and (other.storage_prefix or other.plural) == prefix
        and (other.group, other.version) != (resource.group, resource.version)
    ]


def selects_namespace(selector: Obj | None, attributes: Attributes) -> bool:
    """Whether a namespaceSelector takes a request: by the labels of its namespace, or of the Namespace that it is about. Requests
    without a namespace are always taken. Raises `NotFound` for a namespace that is not there."""
    if not selector or not (selector.get("matchLabels") or selector.get("matchExpressions")):
        return True
    if attributes.resource.group_resource == "namespaces":
        shown = attributes.obj if attributes.obj is not None and not attributes.subresource else attributes.old
        return shown is None or selects(selector, shown["metadata"].get("labels"))
    if not attributes.namespace:
        return True
    entry = attributes.core.namespace(attributes.namespace)
    if entry is None:
        name = attributes.namespace
        raise NotFound(f'namespaces "{name}" not found', kind="namespaces", name=name)
    return selects(selector, entry.labels)


def selects_object(selector: Obj | None, attributes: Attributes) -> bool:
    """Whether an objectSelector takes a request: by the labels of the object as it was or as it will be."""
    if not selector or not (selector.get("matchLabels") or selector.get("matchExpressions")):
        return True
    return any(
        isinstance(obj.get("metadata"), dict) and selects(selector, obj["metadata"].get("labels"))
        for obj in (attributes.obj, attributes.old)
        if obj is not None
    )
