"""Lists of custom resources: the parameters that are refused, in which words."""

from __future__ import annotations

from tests.api.upstream.requests.definitions import PATH
from tests.api.upstream.story import Step, Story

LIST = "/apis/lists.example.com/v1/namespaces/default/things"
_SCHEMA = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_VERSION = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": _SCHEMA}}
_NAMES = {"kind": "Thing", "listKind": "ThingList", "plural": "things", "singular": "thing"}
_DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.lists.example.com"},
    "spec": {"group": "lists.example.com", "scope": "Namespaced", "names": _NAMES, "versions": [_VERSION]},
}


def _listed(*queries: str) -> Story:
    return [
        Step("POST", PATH, _DEFINITION, kept=False),
        Step("GET", LIST, until=200, kept=False),
        *(Step("GET", f"{LIST}?{query}") for query in queries),
    ]


STORIES = {
    "a limit that is no number": _listed("limit=x"),
    "a match without a version": _listed("resourceVersionMatch=Exact"),
    "an unknown match": _listed("resourceVersionMatch=x&resourceVersion=1"),
    "exactly version nought": _listed("resourceVersionMatch=Exact&resourceVersion=0"),
    "initial events of a list": _listed("sendInitialEvents=true"),
    "a field that cannot be selected": _listed("fieldSelector=spec.a%3Db"),
    "a timeout that is no number": _listed(
        "timeoutSeconds=x", "timeoutSeconds=9223372036854775808", "limit=-9223372036854775809"
    ),
}
