"""Definitions that are refused, in which words."""

from __future__ import annotations

import copy
from typing import Any

from tests.api.upstream.story import Step

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition(**schema: Any) -> dict[str, Any]:
    """Return a sound definition; `schema` is added to the one of its `spec`."""
    root = {"type": "object", "properties": {"spec": {"type": "object"} | schema}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}
    names = {"kind": "Refused", "listKind": "RefusedList", "plural": "refused", "singular": "refused"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "refused.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _tried(body: Any) -> list[Step]:
    return [Step("POST", f"{PATH}?dryRun=All&fieldManager=t", body)]


def _spec(**more: Any) -> list[Step]:
    body = copy.deepcopy(definition())
    body["spec"] |= more
    return _tried(body)


STORIES = {
    "a group without a dot": _spec(group="x"),
    "a name that is not the plural's": _spec(
        names={"kind": "Other", "listKind": "OtherList", "plural": "others", "singular": "other"}
    ),
}
