"""From a request's selectors to a test on watch cache entries."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.apiserver.cache import Match
from kubern.apiserver.encoding import Entry
from kubern.apiserver.options import ListOptions


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
