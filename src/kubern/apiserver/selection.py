"""From a request's selectors to a test on watch cache entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubern.api.resource import Resource
from kubern.apiserver.cache import Match
from kubern.apiserver.encoding import Entry
from kubern.apiserver.options import ListOptions
from kubern.base.json import Obj


def matcher(resource: Resource, options: ListOptions, namespace: str = "") -> Match | None:
    """Return the test that the request's selectors (and `namespace`, when given) make; None when everything passes.

    Raises `BadRequest` for a selector that cannot be parsed or names a field that the resource does not offer.
    """
    tests: list[Match] = []
    if namespace:
        prefix = f"{namespace}/"
        tests.append(lambda entry: entry.key.startswith(prefix))
    if options.label_selector:
        pairs = [tuple(t.split("=", 1)) for t in options.label_selector.replace("==", "=").split(",")]
        tests.append(lambda entry: all(entry.labels.get(k) == v for k, v in pairs))
    if options.field_selector:
        fpairs = [tuple(t.split("=", 1)) for t in options.field_selector.replace("==", "=").split(",")]
        tests.append(lambda entry: all(entry.fields.get(k) == v for k, v in fpairs))
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]

    def all_of(entry: Entry) -> bool:
        return all(test(entry) for test in tests)

    return all_of


def object_selector(selector: Obj | None) -> Callable[[Mapping[str, str]], bool]:
    """Return the test of a label selector given as an object; None selects nothing."""
    if selector is None:
        return lambda labels: False
    wanted = dict(selector.get("matchLabels") or {})
    expressions = list(selector.get("matchExpressions") or ())
    return lambda labels: (
        all(labels.get(k) == v for k, v in wanted.items()) and all(_meets(labels, e) for e in expressions)
    )


def _meets(labels: Mapping[str, str], expression: Obj) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
    return key not in labels
