"""Checks of a job's specification, shared by Job and by CronJob's template."""

from __future__ import annotations

from itertools import pairwise

from kubern.api import field, names
from kubern.api.podspec.validation import validate_pod_template
from kubern.api.rules.checks import domain_path, named, not_negative, one_of
from kubern.api.rules.values import at
from kubern.base.errors import Cause
from kubern.base.json import Obj

_COUNTS = (
    "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
    "backoffLimitPerIndex", "maxFailedIndexes",
)  # fmt: skip
_MAX_INDEXED_PARALLELISM = 100_000
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_MAX_RULES = 20
_MAX_EXIT_CODES = 255

_LONGEST_MANAGER = 63


def check_job_spec(spec: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a job's specification, its selector aside."""
    causes = [cause for name in _COUNTS for cause in not_negative(spec, name, f"{path}.")]
    causes += _check_per_index(spec, path)
    if spec.get("completionMode"):
        causes += one_of(spec, "completionMode", f"{path}.", ("Indexed", "NonIndexed"))
    if spec.get("completionMode") == "Indexed":
        causes += _check_indexed(spec, path)
    if spec.get("podFailurePolicy") is not None:
        causes += _check_failure_policy(spec, f"{path}.podFailurePolicy")
    if spec.get("successPolicy") is not None:
        causes += _check_success_policy(spec, f"{path}.successPolicy")
    causes += _check_replacement(spec, path)
    manager = spec.get("managedBy")
    if manager is not None:
        causes += domain_path(manager, f"{path}.managedBy")
        causes += [field.too_long(f"{path}.managedBy", _LONGEST_MANAGER)] if len(manager) > _LONGEST_MANAGER else []
    causes += validate_pod_template(spec.get("template"), f"{path}.template")
    return causes + _check_restart(spec, f"{path}.template.spec.restartPolicy")


def _check_per_index(spec: Obj, path: str) -> list[Cause]:
    causes, limit = [], spec.get("backoffLimitPerIndex")
    if spec.get("completionMode") != "Indexed":
        for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(name) is not None:
                causes.append(field.invalid(f"{path}.{name}", spec[name], "requires indexed completion mode"))
    elif limit is None and spec.get("maxFailedIndexes") is not None:
        causes.append(field.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    return causes


def _check_indexed(spec: Obj, path: str) -> list[Cause]:
    causes = []
    if spec.get("completions") is None:
        causes.append(field.required(f"{path}.completions", "when completion mode is Indexed"))
    parallelism = spec.get("parallelism")
    if parallelism is not None and parallelism > _MAX_INDEXED_PARALLELISM:
        message = f"must be less than or equal to {_MAX_INDEXED_PARALLELISM} when completion mode is Indexed"
        causes.append(field.invalid(f"{path}.parallelism", parallelism, message))
    most, failed = spec.get("completions"), spec.get("maxFailedIndexes")
    if most is not None and failed is not None and failed > most:
        causes.append(field.invalid(f"{path}.maxFailedIndexes", failed, "must be less than or equal to completions"))
    return causes


def _check_replacement(spec: Obj, path: str) -> list[Cause]:
    allowed = ("Failed",) if spec.get("podFailurePolicy") is not None else ("Failed", "TerminatingOrFailed")
    return one_of(spec, "podReplacementPolicy", f"{path}.", allowed, needed=False)


def _check_restart(spec: Obj, path: str) -> list[Cause]:
    policy = at(spec, "template.spec.restartPolicy") or ""
    if policy == "Always":  # what a template says that says nothing
        return [field.required(path, 'valid values: "OnFailure", "Never"')]
    if policy not in ("OnFailure", "Never"):
        return [field.not_supported(path, policy, ["OnFailure", "Never"])]
    if policy == "OnFailure" and spec.get("podFailurePolicy") is not None:
        return [field.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    return []


def _check_failure_policy(spec: Obj, path: str) -> list[Cause]:
    rules, here = spec["podFailurePolicy"].get("rules") or [], f"{path}.rules"
    causes = [field.too_many(here, len(rules), _MAX_RULES)] if len(rules) > _MAX_RULES else []
    containers = {
        c.get("name") for kind in ("containers", "initContainers") for c in at(spec, f"template.spec.{kind}") or ()
    }
    for i, rule in enumerate(rules):
        causes += _check_rule(rule, spec, containers, f"{here}[{i}]")
    return causes


def _check_rule(rule: Obj, spec: Obj, containers: set[str], path: str) -> list[Cause]:
    causes = one_of(rule, "action", f"{path}.", _ACTIONS)
    if rule.get("action") == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        causes.append(field.invalid(f"{path}.action", "FailIndex", "requires the backoffLimitPerIndex to be set"))
    codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
    if codes is not None:
        causes += _check_exit_codes(codes, containers, f"{path}.onExitCodes")
    for i, condition in enumerate(conditions or ()):
        here = f"{path}.onPodConditions[{i}]."
        causes += named(condition.get("type") or "", f"{here}type", names.qualified_name)
        causes += one_of(condition, "status", here, ("False", "True", "Unknown"))
    if codes is not None and conditions:
        causes.append(
            field.invalid(path, field.OMITTED, "specifying both OnExitCodes and OnPodConditions is not supported")
        )
    if codes is None and not conditions:
        causes.append(
            field.invalid(path, field.OMITTED, "specifying one of OnExitCodes and OnPodConditions is required")
        )
    return causes


def _check_exit_codes(codes: Obj, containers: set[str], path: str) -> list[Cause]:
    causes = one_of(codes, "operator", f"{path}.", ("In", "NotIn"))
    name, values = codes.get("containerName"), codes.get("values") or []
    if name is not None and name not in containers:
        message = "must be one of the container or initContainer names in the pod template"
        causes.append(field.invalid(f"{path}.containerName", name, message))
    if not values:
        causes.append(field.invalid(f"{path}.values", values, "at least one value is required"))
    elif len(values) > _MAX_EXIT_CODES:
        causes.append(field.too_many(f"{path}.values", len(values), _MAX_EXIT_CODES))
    for i, value in enumerate(values):
        if value == 0 and codes.get("operator") == "In":
            causes.append(field.invalid(f"{path}.values[{i}]", value, "must not be 0 for the In operator"))
        elif value in values[:i]:
            causes.append(field.duplicate(f"{path}.values[{i}]", value))
    if any(a > b for a, b in pairwise(values)):
        causes.append(field.invalid(f"{path}.values", values, "must be ordered"))
    return causes


def _check_success_policy(spec: Obj, path: str) -> list[Cause]:
    if spec.get("completionMode") != "Indexed":
        return [field.invalid(path, spec["successPolicy"], "requires indexed completion mode")]
    rules = spec["successPolicy"].get("rules") or []
    if not rules:
        return [
            field.required(f"{path}.rules", "at least one rules must be specified when the successPolicy is specified")
        ]
    causes = [field.too_many(f"{path}.rules", len(rules), _MAX_RULES)] if len(rules) > _MAX_RULES else []
    for i, rule in enumerate(rules):
        here = f"{path}.rules[{i}]"
        if rule.get("succeededCount") is None and rule.get("succeededIndexes") is None:
            causes.append(field.required(here, "at least one of succeededCount or succeededIndexes must be specified"))
        causes += not_negative(rule, "succeededCount", f"{here}.")
        causes += _check_succeeded(rule, spec.get("completions") or 0, here)
    return causes


def _check_succeeded(rule: Obj, completions: int, path: str) -> list[Cause]:
    causes: list[Cause] = []
    count, indexes, total = rule.get("succeededCount"), rule.get("succeededIndexes"), None
    if indexes is not None:
        try:
            total = index_count(indexes, completions)
        except ValueError as error:
            causes.append(
                field.invalid(f"{path}.succeededIndexes", indexes, f"error parsing succeededIndexes: {error}")
            )
    for most, what in (
        (completions, "the number of specified completions"),
        (total, "the number of indexes in the specified succeededIndexes field"),
    ):
        if count is not None and most is not None and count > most:
            message = f"must be less than or equal to {most} ({what})"
            causes.append(field.invalid(f"{path}.succeededCount", count, message))
    return causes


def index_count(text: str, completions: int) -> int:
    """Return how many indexes `0,2-4` names, which rise and are below `completions`. Raises `ValueError`."""
    total, last = 0, -1
    for fragment in text.split(",") if text else ():
        ends = fragment.split("-")
        if len(ends) > 2:
            raise ValueError(
                f"the fragment {field.quote(fragment)} violates the requirement that an index interval can have at most "
                "two parts separated by '-'"
            )
        for end in ends:
            if not (end.isascii() and end.isdigit()):
                raise ValueError(f"cannot convert string to integer for index: {field.quote(end)}")
            if int(end) >= completions:
                raise ValueError(f"too large index: {field.quote(end)}")
            if int(end) <= last:
                raise ValueError(f"non-increasing order, previous: {last}, current: {int(end)}")
            last = int(end)
        total += int(ends[-1]) - int(ends[0]) + 1
    return total
