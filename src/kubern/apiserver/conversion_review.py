"""What a conversion webhook answered: whether it is a ConversionReview that says yes, and whether its objects are what they were.

Called by `conversion_webhook`. Pure. What always holds: of the metadata a webhook changes labels and annotations and nothing else.
Source: Kubernetes documentation, "Versions in CustomResourceDefinitions", webhook request and response.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubern.api.metadata import check_annotations, check_labels
from kubern.api.rules.values import at, part
from kubern.base.json import Obj

_GROUP = "apiextensions.k8s.io"
_SAME = (("kind", "kind"), ("metadata.name", "name"), ("metadata.namespace", "namespace"), ("metadata.uid", "UID"))
_CHECKS = {"labels": (check_labels, "metadata.labels"), "annotations": (check_annotations, "metadata.annotation")}
_GO_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string", list: "[]interface {}", type(None): "<nil>"}


class BadConversion(Exception):
    """What a webhook answered is no conversion; the text is upstream's."""


def results_of(answer: Obj, version: str, uid: str) -> list[Any]:
    """Return the converted objects of an answer in a version of ConversionReview. Raises `BadConversion`, with the webhook's reason."""
    if version == "v1":
        got = str(answer.get("apiVersion") or ""), str(answer.get("kind") or "")
        if got != (f"{_GROUP}/v1", "ConversionReview"):
            group = got[0] if "/" in got[0] else f"/{got[0]}"
            raise BadConversion(
                f"expected webhook response of {_GROUP}/v1, Kind=ConversionReview, got {group}, Kind={got[1]}"
            )
    response = answer.get("response")
    if not isinstance(response, dict):
        raise BadConversion("no response provided")
    if version == "v1" and response.get("uid") != uid:
        raise BadConversion(f'expected response.uid="{uid}", got "{response.get("uid") or ""}"')
    status = part(response, "result").get("status") or ""
    if status != "Success":
        why = at(response, "result.message")
        raise BadConversion(str(why or f"response.result.status was '{status}', not 'Success'"))
    objects = response.get("convertedObjects")
    return objects if isinstance(objects, list) else []


def checked_results(given: Sequence[Obj], results: Sequence[Any], target: str) -> list[Obj]:
    """Return the converted objects with the metadata they had. Raises `BadConversion` with what comes after "returned"."""
    if len(results) != len(given):
        raise BadConversion(f"{len(results)} objects, expected {len(given)}")
    several = len(given) > 1
    checked = []
    for index, (before, after) in enumerate(zip(given, results, strict=True)):
        found = f"invalid {'converted ' if several else ''}object at index {index}: "
        if not isinstance(after, dict):
            raise BadConversion(found + "must be an object")
        if after.get("apiVersion") != target:
            raise BadConversion(
                f"{found}invalid groupVersion (expected {target}, received {after.get('apiVersion') or ''})"
            )
        if after.get("kind") != before.get("kind"):
            raise BadConversion(
                f"{found}invalid kind (expected {before.get('kind')}, received {after.get('kind') or ''})"
            )
        _check_same(before, after, found if several else "invalid object: ")
        checked.append(
            _restored(
                before, after, f"invalid metadata in object at index {index}: " if several else "invalid metadata: "
            )
        )
    return checked


def _check_same(before: Obj, after: Obj, found: str) -> None:
    for path, name in _SAME:
        was, now = at(before, path) or "", at(after, path) or ""
        if was != now:
            raise BadConversion(f"{found}must have the same {name}: {was} != {now}")


def _restored(before: Obj, after: Obj, found: str) -> Obj:
    """Return the converted object with everything of its former metadata but labels and annotations."""
    given = after.get("metadata")
    if not isinstance(given, dict):
        raise BadConversion(f"{found}missing metadata in converted object")
    metadata = {key: value for key, value in before["metadata"].items() if key not in _CHECKS}
    for key, (check, path) in _CHECKS.items():
        words = given.get(key)
        if words is None:
            continue
        if not isinstance(words, dict):
            raise BadConversion(f"{found}invalid metadata.{key} of type {_go_type(words)} in converted object")
        for word, value in words.items():
            if not isinstance(value, str):
                raise BadConversion(
                    f"{found}metadata.{key}[{word}] must be a string, but is {_go_type(value)} in converted object"
                )
        if words != (before["metadata"].get(key) or {}) and (causes := check(words, path)):
            said = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
            raise BadConversion(found + (said[0] if len(said) == 1 else f"[{', '.join(said)}]"))
        if words:
            metadata[key] = words
    return {**after, "metadata": metadata}


def _go_type(value: Any) -> str:
    return _GO_TYPES.get(type(value), "map[string]interface {}")
