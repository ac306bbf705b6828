"""Columns of the Table answer that many kinds share. `Column` factories; each reads one part of the object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from kubern.api.columns import age_of, ago
from kubern.api.resource import Column
from kubern.api.rules.values import at
from kubern.base.json import Obj

NONE = "<none>"
UNSET = "<unset>"
UNKNOWN = "<unknown>"


def _name(obj: Obj, now: datetime) -> str:
    return str(obj["metadata"].get("name", ""))


def _created(obj: Obj, now: datetime) -> str:
    return str(obj["metadata"].get("creationTimestamp") or "")


NAME = Column("Name", _name, "string", "name", "The name, unique among its kind in its namespace.")
AGE = Column("Age", age_of, description="How long ago it was created.")
CREATED_AT = Column("Created At", _created, "date", description="When it was created, as the server's clock had it.")


def column(
    name: str, cell: Callable[[Obj], Any], description: str, *, type: str = "string", wide: bool = False
) -> Column:
    """Return a column whose cell does not depend on the time."""
    return Column(name, lambda obj, now: cell(obj), type, "", description, int(wide))


def text(name: str, path: str, description: str, *, missing: str = "", wide: bool = False) -> Column:
    """Return a column with the string at a dotted path, `missing` where there is none."""
    return column(
        name, lambda obj: missing if at(obj, path) in (None, "") else str(at(obj, path)), description, wide=wide
    )


def number(name: str, path: str, description: str, *, missing: int = 0) -> Column:
    """Return a column with the number at a dotted path."""
    return column(name, lambda obj: missing if at(obj, path) is None else at(obj, path), description, type="integer")


def flag(name: str, path: str, description: str, *, missing: bool = False) -> Column:
    """Return a column with the boolean at a dotted path."""
    return column(
        name, lambda obj: missing if at(obj, path) is None else bool(at(obj, path)), description, type="boolean"
    )


def since(name: str, path: str, description: str, *, missing: str = NONE) -> Column:
    """Return a column that tells how long ago the time at a dotted path was."""

    def cell(obj: Obj, now: datetime) -> str:
        time = at(obj, path)
        return ago(time, now) if time else missing

    return Column(name, cell, description=description)


def containers(path: str = "spec.template.spec") -> tuple[Column, Column]:
    """Return the wide columns with a pod template's container names and images."""

    def joined(key: str) -> Callable[[Obj], str]:
        return lambda obj: ",".join(c.get(key) or "" for c in at(obj, f"{path}.containers") or ())

    return (
        column("Containers", joined("name"), "The names of the template's containers.", wide=True),
        column("Images", joined("image"), "The images of the template's containers.", wide=True),
    )


def selector(path: str = "spec.selector", name: str = "Selector", *, wide: bool = True) -> Column:
    """Return a column with the label selector at a dotted path, as `kubectl get -l` would take it."""
    return column(name, lambda obj: selector_text(at(obj, path)), "The label selector of the pods.", wide=wide)


def labels_text(labels: Mapping[str, str] | None) -> str:
    """Return labels as `a=b,c=d` in key order, `<none>` for none."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def selector_text(found: Obj | None) -> str:
    """Return a label selector as text: `a=b,c in (d,e),!f`; `<none>` for an empty one."""
    if not found:
        return NONE
    parts = [(key, f"{key}={value}") for key, value in (found.get("matchLabels") or {}).items()]
    parts += [(e.get("key") or "", _requirement(e)) for e in found.get("matchExpressions") or ()]
    return ",".join(words for _, words in sorted(parts, key=lambda pair: pair[0])) or NONE


def _requirement(expression: Obj) -> str:
    key, operator = expression.get("key") or "", expression.get("operator")
    values = ",".join(sorted(expression.get("values") or ()))
    if operator in ("In", "NotIn"):
        return f"{key} {operator.lower()} ({values})"
    return key if operator == "Exists" else f"!{key}"


def some(names: Iterable[str], most: int = 3) -> str:
    """Return names joined by commas, `a,b,c + 2 more...` when there are more than `most`, `<none>` for none."""
    found = list(names)
    if not found:
        return NONE
    more = f" + {len(found) - most} more..." if len(found) > most else ""
    return ",".join(found[:most]) + more
