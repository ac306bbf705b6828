"""From a request's selectors to a test on watch cache entries."""

from __future__ import annotations

from collections.abc import Callable

from kubern.api.resource import Resource
from kubern.apiserver.cache import Match
from kubern.apiserver.encoding import Entry
from kubern.apiserver.options import ListOptions
from kubern.apiserver.selector_text import Equals, Test, field_tests, label_tests
from kubern.base.errors import BadRequest


def matcher(resource: Resource, options: ListOptions, namespace: str = "") -> Match | None:
    """Return the test that the request's selectors (and `namespace`, when given) make; None when everything passes.

    Raises `BadRequest` for a selector that cannot be parsed or names a field that the resource does not offer.
    """
    tests: list[Match] = []
    if namespace:
        prefix = f"{namespace}/"
        tests.append(lambda entry: entry.key.startswith(prefix))
    if options.field_selector:
        tests += [_on_fields(test) for test in field_tests(options.field_selector, _known(resource))]
    if options.label_selector:
        tests += [_on_labels(test) for test in label_tests(options.label_selector)]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]

    def all_of(entry: Entry) -> bool:
        return all(test(entry) for test in tests)

    return all_of


def _on_labels(test: Test) -> Match:
    if not isinstance(test, Equals):
        return lambda entry: test(entry.labels)
    name, value = test.name, test.value

    def match(entry: Entry) -> bool:  # one call an object, and nothing below it: lists ask it thousands of times
        labels = entry.known_labels
        return (entry.labels if labels is None else labels).get(name) == value

    return match


def _on_fields(test: Test) -> Match:
    if not isinstance(test, Equals):
        return lambda entry: test(entry.fields)
    name, value, default = test.name, test.value, test.default

    def match(entry: Entry) -> bool:
        fields = entry.known_fields
        return (entry.fields if fields is None else fields).get(name, default) == value

    return match


def _known(resource: Resource) -> Callable[[str], str]:
    """Return the check of a field's name: upstream offers two fields of every resource and a few more of some."""
    offered = resource.fields({"metadata": {}, "spec": {}, "status": {}})

    def check(name: str) -> str:
        if name == "metadata.name" or name in offered or (name == "metadata.namespace" and resource.namespaced):
            return name
        if offered or resource.structural:
            raise BadRequest(f"field label not supported: {name}")
        raise BadRequest(f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"')

    return check
