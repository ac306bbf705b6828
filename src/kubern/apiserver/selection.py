"""From a request's selectors to a test on watch cache entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kubern.api.resource import Resource
from kubern.apiserver.cache import Match
from kubern.apiserver.encoding import Entry
from kubern.apiserver.label_selector import Test
from kubern.apiserver.options import ListOptions
from kubern.apiserver.ordered import Index, Wanted
from kubern.apiserver.selector_text import Equals, field_tests, label_tests
from kubern.base.errors import BadRequest


class Selection(NamedTuple):
    """What a request's selectors mean: the test of an entry (None: everything passes), and an equality to find entries by."""

    match: Match | None
    wanted: Wanted | None = None


def selection(resource: Resource, options: ListOptions, namespace: str = "") -> Selection:
    """Return what the request's selectors (and `namespace`, when given) select.

    Raises `BadRequest` for a selector that cannot be parsed or names a field that the resource does not offer.
    """
    tests: list[Match] = []
    equal: list[Wanted] = []
    if namespace:
        prefix = f"{namespace}/"
        tests.append(lambda entry: entry.key.startswith(prefix))
    if options.field_selector:
        found = field_tests(options.field_selector, _known(resource))
        tests += [_on_fields(test) for test in found]
        equal += [Wanted(Index("fields", t.name, t.default), t.value) for t in found if isinstance(t, Equals)]
    if options.label_selector:
        found = label_tests(options.label_selector)
        tests += [_on_labels(test) for test in found]
        equal += [Wanted(Index("labels", t.name, t.default), t.value) for t in found if isinstance(t, Equals)]
    if len(tests) < 2:
        return Selection(tests[0] if tests else None, equal[0] if equal else None)

    def all_of(entry: Entry) -> bool:
        return all(test(entry) for test in tests)

    return Selection(all_of, equal[0] if equal else None)


def matcher(resource: Resource, options: ListOptions) -> Match | None:
    """Return the test of `selection` alone. Raises as it does."""
    return selection(resource, options).match


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
