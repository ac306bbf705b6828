"""Which requests an admission webhook or policy is asked about: rules, scopes, equivalent versions, selectors.

Called by the policies' and the webhooks' plug-ins with every write. What always holds: nothing is parsed or converted to find out that a
request does not match; the configuration of admission itself matches no policy and no webhook, so that it can always be repaired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubern.api.resource import Resource
from kubern.api.selectors import selects
from kubern.apiserver.admission_chain import Attributes
from kubern.base.json import Obj

_EXEMPT = frozenset(
    f"{plural}.admissionregistration.k8s.io"
    for plural in (
        *("validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
        *("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
        *("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"),
    )
)


def matched_resource(
    source: Obj, attributes: Attributes, rules: str = "rules", excluded: str = "excludeResourceRules"
) -> Resource | None:
    """Return the version in which a request matches the rules of a webhook or of a policy's `matchConstraints`; None: it does not.

    With `matchPolicy: Equivalent` (the default) that may be another version than the request's. Rules come before selectors.
    """
    resource = attributes.resource
    if resource.group_resource in _EXEMPT or any(
        matches(rule, attributes, resource) for rule in source.get(excluded) or ()
    ):
        return None
    found = _by_rules(source, attributes, source.get(rules) or ())
    return found if found is not None and selected(source, attributes) else None


def _by_rules(source: Obj, attributes: Attributes, rules: Iterable[Obj]) -> Resource | None:
    listed = list(rules)
    if any(matches(rule, attributes, attributes.resource) for rule in listed):
        return attributes.resource
    if source.get("matchPolicy") == "Exact":
        return None
    for other in equivalents(attributes):
        if any(matches(rule, attributes, other) for rule in listed):
            return other
    return None


def equivalents(attributes: Attributes) -> list[Resource]:
    """Return the other served versions of a request's resource: those that are kept in the same place."""
    core, resource = attributes.core, attributes.resource
    prefix = resource.storage_prefix or resource.plural
    return [
        other
        for other in core.resources.values()
        if other is not resource and other.stored and (other.storage_prefix or other.plural) == prefix
    ]


def matches(rule: Obj, attributes: Attributes, resource: Resource) -> bool:
    """Say whether one rule means a request, taken for one to `resource`."""
    return (
        _among(rule.get("operations"), attributes.operation)
        and _among(rule.get("apiGroups"), resource.group)
        and _among(rule.get("apiVersions"), resource.version)
        and _in_scope(rule.get("scope") or "*", attributes, resource)
        and any(
            _resource_matches(text, resource.plural, attributes.subresource) for text in rule.get("resources") or ()
        )
        and (not rule.get("resourceNames") or attributes.name in rule["resourceNames"])
    )


def _among(values: list[str] | None, wanted: str) -> bool:
    return bool(values) and (wanted in (values or ()) or "*" in (values or ()))


def _in_scope(scope: str, attributes: Attributes, resource: Resource) -> bool:
    # a namespace itself is not in a namespace, though its requests carry its name as one
    inside = resource.namespaced and bool(attributes.namespace)
    return scope == "*" or (scope == "Namespaced") == inside


def _resource_matches(text: str, plural: str, subresource: str) -> bool:
    wanted, _, below = text.partition("/")
    return (
        wanted in ("*", plural) and below in ("*", subresource)
        if below
        else wanted in ("*", plural) and not subresource
    )


def selected(source: Obj, attributes: Attributes) -> bool:
    """Say whether the namespaceSelector and the objectSelector of a webhook or match select a request."""
    return _namespace_selected(source.get("namespaceSelector"), attributes) and _object_selected(
        source.get("objectSelector"), attributes
    )


def _namespace_selected(selector: Obj | None, attributes: Attributes) -> bool:
    if not selector:
        return True
    if attributes.resource.group_resource == "namespaces" and not attributes.subresource:
        return selects(selector, _labels(attributes.obj or attributes.old))
    if not attributes.namespace or not attributes.resource.namespaced:
        return True
    entry = attributes.core.namespace(attributes.namespace)
    return selects(selector, entry.labels if entry else {})


def _object_selected(selector: Obj | None, attributes: Attributes) -> bool:
    if not selector:
        return True
    return any(selects(selector, _labels(each)) for each in (attributes.obj, attributes.old) if each is not None)


def _labels(obj: Obj | None) -> Mapping[str, Any]:
    labels: Mapping[str, Any] = ((obj or {}).get("metadata") or {}).get("labels") or {}
    return labels
