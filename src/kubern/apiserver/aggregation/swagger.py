"""Putting Swagger documents of several servers together. Pure.

Called by the OpenAPI documents. What always holds: of another server's document only the paths below its group version are taken, with
the definitions that these lead to; a path or definition that is there already is never changed by another server, except that one
definition may be of more kinds than before. Definitions of one name that say different things get names of their own: `NAME_v2`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kubern.base.json import Obj

DEFINITIONS, PARAMETERS = "#/definitions/", "#/parameters/"
KINDS = "x-kubernetes-group-version-kind"


def part_of(document: Obj, prefix: str) -> Obj:
    """Return the `paths` below `prefix` and the `definitions` that they need, shared parameters written where they are used.

    Raises `ValueError` for a document that is no Swagger 2 document, or leads to what it does not have."""
    if not isinstance(document, dict) or document.get("swagger") != "2.0":
        raise ValueError("not a Swagger 2.0 document")
    shared = _mapping(document, "parameters")

    def inline(reference: str) -> Any:
        name = reference.removeprefix(PARAMETERS)
        return shared[name] if reference.startswith(PARAMETERS) and name in shared else None

    below = prefix.rstrip("/") + "/"
    paths = _mapping(document, "paths")
    kept = {path: _resolved(item, inline) for path, item in paths.items() if (path + "/").startswith(below)}
    known = _mapping(document, "definitions")
    return {"paths": kept, "definitions": {name: known[name] for name in _needed(kept, known)}}


def joined(own: Obj, others: Iterable[Obj]) -> tuple[Obj, Obj]:
    """Return a document with the parts of others in it, and what of it is not in `own`; those that come first win."""
    whole = own | {"paths": dict(own["paths"]), "definitions": dict(own["definitions"])}
    added: Obj = {"paths": {}, "definitions": {}}
    for other in others:
        _add(whole, added, other)
    return whole, added


def _add(whole: Obj, added: Obj, other: Obj) -> None:
    paths = {path: item for path, item in other["paths"].items() if path not in whole["paths"]}
    if not paths:
        return
    source = {name: other["definitions"][name] for name in _needed(paths, other["definitions"])}
    names = _new_names(whole["definitions"], source)

    def rename(reference: str) -> Any:
        name = reference.removeprefix(DEFINITIONS)
        renamed = reference.startswith(DEFINITIONS) and names.get(name, name) != name
        return {"$ref": DEFINITIONS + names[name]} if renamed else None

    definitions = {}
    for name, schema in source.items():
        there = whole["definitions"].get(names[name])
        merged = _of_kinds(there, schema) if there is not None else _resolved(schema, rename)
        if merged is not there:
            definitions[names[name]] = merged
    paths = {path: _resolved(item, rename) for path, item in paths.items()}
    for into in (whole, added):
        into["paths"].update(paths)
        into["definitions"].update(definitions)


def _new_names(there: Obj, source: Obj) -> dict[str, str]:
    """Return under which name each definition goes: one that is there and says the same is used."""
    names: dict[str, str] = {}
    for name, schema in source.items():
        candidate, number = name, 1
        while not _free(candidate, name, there, source) and not (
            candidate in there and _same(there[candidate], schema)
        ):
            number += 1
            candidate = f"{name}_v{number}"
        names[name] = candidate
    return names


def _free(candidate: str, name: str, there: Obj, source: Obj) -> bool:
    return candidate not in there and (candidate == name or candidate not in source)


def _same(one: Obj, other: Obj) -> bool:
    return _without_kinds(one) == _without_kinds(other)


def _without_kinds(schema: Obj) -> Obj:
    return {key: value for key, value in schema.items() if key != KINDS}


def _of_kinds(there: Obj, schema: Obj) -> Obj:
    """Return a definition that is of the kinds of both."""
    have: Sequence[Any] = there.get(KINDS) or ()
    more = [kind for kind in schema.get(KINDS) or () if kind not in have]
    return there | {KINDS: [*have, *more]} if more else there


def _needed(paths: Obj, known: Obj) -> list[str]:
    """Return the names of the definitions that paths lead to, sorted. Raises `ValueError` for one that is not there."""
    found: set[str] = set()
    waiting: list[Any] = [paths]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            reference = node.get("$ref")
            name = reference.removeprefix(DEFINITIONS) if isinstance(reference, str) else ""
            if name and name != reference and name not in found:
                if not isinstance(known.get(name), dict):
                    raise ValueError(f"{reference} leads to nothing")
                found.add(name)
                waiting.append(known[name])
    return sorted(found)


def _resolved(node: Any, replacement: Callable[[str], Any]) -> Any:
    """Return a node in which each object with a `$ref` has in its place, or added to it, what `replacement` says."""
    if isinstance(node, list):
        return [_resolved(each, replacement) for each in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    found = replacement(reference) if isinstance(reference, str) else None
    if found is not None:
        return {key: value for key, value in node.items() if key != "$ref"} | found
    return {key: _resolved(value, replacement) for key, value in node.items()}


def _mapping(document: Obj, key: str) -> Obj:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise ValueError(f"{key} is no object")
    return value
