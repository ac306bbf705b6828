"""Which virtual nodes are dead: by their own annotation, or by rules for many nodes at once. Pure.

Rules are in the ConfigMap `kube-system/virtual-nodes`, key `nodes.yaml`: a list of `{selector?, first?, script: {silent: true}}`, where
`first: 100` are the nodes numbered 1 to 100. The last rule that fits a node decides, its own annotation over all. A rule that cannot be
read is left out, and said so.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubern.base.json import Obj
from kubern.client.labels import selects
from kubern.simulation.rules import check_selector, listed
from kubern.simulation.script import SILENT

KEY = "nodes.yaml"


class Rule(NamedTuple):
    """What is said of the nodes that a label selector (empty: all) selects, of the `first` ones by number (0: of all)."""

    selector: Obj
    first: int
    silent: bool


class Silence(NamedTuple):
    """What was read, and what was wrong with the rest."""

    rules: tuple[Rule, ...] = ()
    errors: tuple[str, ...] = ()

    def of(self, node: Obj | None) -> bool:
        """Whether a node is scripted to be dead."""
        if node is None:
            return False
        meta = node["metadata"]
        said = (meta.get("annotations") or {}).get(SILENT)
        if said is not None:
            return bool(said == "true")
        number = _number(meta["name"])
        fitting = [
            rule.silent
            for rule in self.rules
            if (not rule.first or number <= rule.first) and selects(rule.selector, meta.get("labels"))
        ]
        return bool(fitting) and fitting[-1]


def read(config_map: Obj | None) -> Silence:
    """Read the ConfigMap's rules."""
    entries, errors = listed(config_map, KEY)
    rules = []
    for number, each in enumerate(entries):
        try:
            rules.append(_rule(each))
        except ValueError as error:
            errors.append(f"{KEY}[{number}]: {error}")
    return Silence(tuple(rules), tuple(errors))


def _rule(each: Any) -> Rule:
    script = each.get("script") if isinstance(each, dict) else None
    if not isinstance(script, dict) or set(script) != {"silent"} or not isinstance(script["silent"], bool):
        raise ValueError("script: silent is true or false, and there is nothing else")
    if unknown := [str(key) for key in each if key not in ("selector", "first", "script")]:
        raise ValueError(f"unknown: {', '.join(unknown)}")
    first = each.get("first", 0)
    if not isinstance(first, int) or isinstance(first, bool) or ("first" in each and first < 1):
        raise ValueError("first: not a number of nodes")
    return Rule(check_selector(each.get("selector") or {}), first, script["silent"])


def _number(name: str) -> float:
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 8 else float("inf")
