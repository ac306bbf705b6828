"""Checks of the rules by which a container is started again though its pod's policy says otherwise. Wording is upstream's."""

from __future__ import annotations

from kubern.api import field
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_RULES, _MAX_CODES = 20, 255
_ACTIONS, _OPERATORS = ("Restart", "RestartAllContainers"), ("In", "NotIn")


def check_restart_rules(container: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a container's `restartPolicyRules`; `path` is the container's."""
    rules, here = container.get("restartPolicyRules") or [], f"{path}.restartPolicyRules"
    causes: list[Cause] = []
    if rules and not container.get("restartPolicy"):
        message = "must specify restartPolicy when restart rules are used"
        causes.append(field.required(f"{path}.restartPolicy", message))
    if len(rules) > _MAX_RULES:
        causes.append(field.too_many(here, len(rules), _MAX_RULES))
    for i, rule in enumerate(rules):
        action = rule.get("action") or ""
        if action not in _ACTIONS:
            causes.append(field.not_supported(f"{here}[{i}].action", action, _ACTIONS))
        causes += _check_codes(rule.get("exitCodes"), f"{here}[{i}].exitCodes")
    return causes


def _check_codes(codes: Obj | None, path: str) -> list[Cause]:
    if codes is None:
        return [field.required(path, "must be specified")]
    operator, values = codes.get("operator") or "", codes.get("values") or []
    causes = [] if operator in _OPERATORS else [field.not_supported(f"{path}.operator", operator, _OPERATORS)]
    if len(values) > _MAX_CODES:
        causes.append(field.too_many(f"{path}.values", len(values), _MAX_CODES))
    return causes
