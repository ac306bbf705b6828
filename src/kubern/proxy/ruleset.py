"""A rule set as data, and the text that turns one into another in a single atomic load. Pure: equal input, equal text.

Used by the nftables back end. The first load makes the table, or takes over what a former proxy left: its hooks stay, since a
table that is deleted and made anew lets packets pass untranslated for a moment. Later loads name only what changed, so that a
change of one Service among thousands costs one Service, and what the kernel remembers for session affinity survives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Collection:
    """A set or map: its declaration (`type …; flags …`) and its elements (`key → ": verdict"`, or `key → ""`)."""

    kind: str
    declaration: tuple[str, ...]
    elements: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One table: its chains (hook line first, for base chains) and collections, by name."""

    table: str
    chains: Mapping[str, tuple[str, ...]]
    collections: Mapping[str, Collection]


class Standing(NamedTuple):
    """What the kernel holds of a table, by names: its chains, and its sets and maps as `map name` or `set name timeout`."""

    chains: frozenset[str]
    collections: frozenset[tuple[str, str, int]]
    """(kind, name, timeout in seconds; 0: none)"""


def taken_over(standing: Standing, new: Ruleset) -> str:
    """Return the text that makes of a table left by another proxy what `new` is, with its hooks in place throughout.

    Everything static is emptied and filled again; what remembers clients (a timeout) is left as it is.
    """
    table = new.table
    wanted = {(c.kind, name, _timeout(c)): c for name, c in new.collections.items()}
    lines = []
    for name, rules in sorted(new.chains.items()):
        hook = f" {{ {rules[0]} }}" if rules and rules[0].startswith("type ") else ""
        lines.append(f"add chain {table} {name}{hook}")
    lines += [f"flush chain {table} {name}" for name in sorted(standing.chains | set(new.chains))]
    lines += [f"flush {kind} {table} {name}" for kind, name, timeout in sorted(standing.collections) if not timeout]
    lines += [f"delete {kind} {table} {name}" for kind, name, _ in sorted(standing.collections - set(wanted))]
    for (kind, name, timeout), collection in sorted(wanted.items(), key=lambda item: item[0]):
        if (kind, name, timeout) not in standing.collections:
            lines.append(f"add {kind} {table} {name} {{ {' '.join(collection.declaration)} }}")
        if collection.elements:
            elements = ", ".join(key + value for key, value in sorted(collection.elements.items()))
            lines.append(f"add element {table} {name} {{ {elements} }}")
    for name, rules in sorted(new.chains.items()):
        lines += [f"add rule {table} {name} {rule}" for rule in rules if not rule.startswith("type ")]
    lines += [f"delete chain {table} {name}" for name in sorted(standing.chains - set(new.chains))]
    return "\n".join(lines) + "\n"


def _timeout(collection: Collection) -> int:
    stated = [line for line in collection.declaration if line.startswith("timeout ")]
    return int(stated[0].removeprefix("timeout ").rstrip("s;")) if stated else 0


def whole(new: Ruleset) -> str:
    """Return the text that replaces the table, whatever was there."""
    lines = [f"table {new.table}", f"delete table {new.table}", f"table {new.table} {{"]
    for name, collection in sorted(new.collections.items()):
        lines.append(f"  {collection.kind} {name} {{")
        lines += [f"    {line}" for line in collection.declaration]
        if collection.elements:
            elements = ", ".join(key + value for key, value in sorted(collection.elements.items()))
            lines.append(f"    elements = {{ {elements} }}")
        lines.append("  }")
    # a verdict map may name a chain that is written further down: nft resolves names when the whole load is read
    for name, rules in sorted(new.chains.items()):
        lines += [f"  chain {name} {{", *(f"    {rule}" for rule in rules), "  }"]
    lines.append("}")
    return "\n".join(lines) + "\n"


def change(old: Ruleset, new: Ruleset) -> str:
    """Return the text that turns `old`, which is loaded, into `new`; empty when they are equal.

    Order matters inside one load: what is referred to is made first and removed last.
    """
    table = new.table
    made, filled, emptied, removed = [], [], [], []
    for name, collection in sorted(new.collections.items()):
        before = old.collections.get(name)
        if before is None:
            made.append(f"add {collection.kind} {table} {name} {{ {' '.join(collection.declaration)} }}")
        known = before.elements if before else {}
        gone = [key for key, value in sorted(known.items()) if collection.elements.get(key) != value]
        fresh = [key + value for key, value in sorted(collection.elements.items()) if known.get(key) != value]
        if gone:
            emptied.append(f"delete element {table} {name} {{ {', '.join(gone)} }}")
        if fresh:
            filled.append(f"add element {table} {name} {{ {', '.join(fresh)} }}")
    for name, rules in sorted(new.chains.items()):
        if name not in old.chains:
            made.append(f"add chain {table} {name}")
        if old.chains.get(name) != rules:
            emptied.append(f"flush chain {table} {name}")
            filled += [f"add rule {table} {name} {rule}" for rule in rules if not rule.startswith("type ")]
    for name in sorted(set(old.chains) - set(new.chains)):
        emptied.append(f"flush chain {table} {name}")
        removed.append(f"delete chain {table} {name}")
    for name in sorted(set(old.collections) - set(new.collections)):
        removed.append(f"delete {old.collections[name].kind} {table} {name}")
    lines = [*made, *emptied, *filled, *removed]
    return "\n".join(lines) + "\n" if lines else ""
