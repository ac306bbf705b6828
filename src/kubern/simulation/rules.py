"""Scripts for many pods at once: rules by label selector, kept in a ConfigMap. Pure.

`kube-system/virtual-nodes`, key `pods.yaml`: a list of `{namespace?, selector?, script}`; the script's keys are the annotations' names
without their prefix. Every rule that selects a pod counts, a later one over an earlier one, and the pod's own annotations over all of
them. A rule that cannot be read is left out, and said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from kubern.base.json import Obj
from kubern.client.labels import selects
from kubern.simulation.script import PREFIX

NAMESPACE, NAME, KEY = "kube-system", "virtual-nodes", "pods.yaml"
MOST = 1000
"""Rules that are read at most."""


class Rule(NamedTuple):
    """Annotations for the pods of a namespace (empty: of all) that a label selector (empty: all) selects."""

    namespace: str
    selector: Obj
    annotations: dict[str, str]


class Rules(NamedTuple):
    """What was read, and what was wrong with the rest."""

    rules: tuple[Rule, ...] = ()
    errors: tuple[str, ...] = ()

    def applied(self, pod: Obj) -> Obj:
        """Return a pod with the annotations that the rules give it; the pod itself when there are none."""
        meta = pod["metadata"]
        added: dict[str, str] = {}
        for rule in self.rules:
            if rule.namespace in ("", meta.get("namespace")) and selects(rule.selector, meta.get("labels")):
                added |= rule.annotations
        if not added:
            return pod
        return {**pod, "metadata": {**meta, "annotations": added | (meta.get("annotations") or {})}}


def read(config_map: Obj | None) -> Rules:
    """Read the ConfigMap's rules."""
    entries, errors = listed(config_map, KEY)
    rules = []
    for number, each in enumerate(entries):
        try:
            rules.append(_rule(each))
        except ValueError as error:
            errors.append(f"{KEY}[{number}]: {error}")
    return Rules(tuple(rules), tuple(errors))


def _rule(each: Any) -> Rule:
    if not isinstance(each, dict) or not isinstance(each.get("script"), dict):
        raise ValueError("no script")
    if unknown := [str(key) for key in each if key not in ("namespace", "selector", "script")]:
        raise ValueError(f"unknown: {', '.join(unknown)}")
    selector = check_selector(each.get("selector") or {})
    return Rule(
        str(each.get("namespace") or ""), selector, {PREFIX + str(k): _text(v) for k, v in each["script"].items()}
    )


def listed(config_map: Obj | None, key: str) -> tuple[list[Any], list[str]]:
    """Return the entries of a YAML list in a ConfigMap, as many as are read, and what is wrong with it."""
    text = ((config_map or {}).get("data") or {}).get(key) or ""
    try:
        found = yaml.safe_load(text) or []
    except yaml.YAMLError as error:
        return [], [f"{key}: {error}"]
    return (found[:MOST], []) if isinstance(found, list) else ([], [f"{key}: not a list of rules"])


def check_selector(selector: Any) -> Obj:
    """Return a label selector that can be asked. Raises `ValueError` for anything else."""
    if not isinstance(selector, dict):
        raise ValueError("selector: not a label selector")
    _check(selector.get("matchLabels") or {}, selector.get("matchExpressions") or [])
    if unknown := [str(key) for key in selector if key not in ("matchLabels", "matchExpressions")]:
        raise ValueError(f"selector: unknown: {', '.join(unknown)}")
    return selector


def _check(labels: Any, expressions: Sequence[Any]) -> None:
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise ValueError("selector.matchLabels: not a map of strings")
    for each in expressions if isinstance(expressions, list) else ({},):
        if not isinstance(each, dict) or not isinstance(each.get("key"), str):
            raise ValueError("selector.matchExpressions: an entry without key and operator")
        if each.get("operator") not in ("In", "NotIn", "Exists", "DoesNotExist"):
            raise ValueError("selector.matchExpressions: an entry without key and operator")
        if not isinstance(each.get("values") or [], list):
            raise ValueError("selector.matchExpressions: values that are no list")


def _text(value: Any) -> str:
    """Return a value as an annotation holds it: commands' answers may be written as a map."""
    return yaml.safe_dump(value) if isinstance(value, dict) else str(value)
