"""A Job's policies: what a failed pod means, which indexes may not be tried again, when enough has succeeded.

Source: KEP-3329 (pod failure policy), KEP-3850 (back-off limit per index), KEP-3998 (success policy). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.job.facts import FIRST_DELAY, LONGEST_DELAY, finished_at, read_indexes

FAIL_JOB, FAIL_INDEX, IGNORE, COUNT = "FailJob", "FailIndex", "Ignore", "Count"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
"""How many pods of this index have failed before this one, in an annotation; those that were ignored in the next."""
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"


class Meaning(NamedTuple):
    """What a failed pod means for its Job, and why."""

    action: str
    message: str = ""


def meaning(job: Obj, pod: Obj) -> Meaning:
    """Return what the first rule that matches a failed pod says; that it counts when none does."""
    for number, rule in enumerate((job["spec"].get("podFailurePolicy") or {}).get("rules") or ()):
        why = _match(rule, pod)
        if why:
            return Meaning(rule["action"], f"{why} matching {rule['action']} rule at index {number}")
    return Meaning(COUNT)


def _match(rule: Obj, pod: Obj) -> str:
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    codes = rule.get("onExitCodes")
    if codes:
        for container, code in _exit_codes(pod):
            named = codes.get("containerName") in (None, container)
            if named and code != 0 and (code in codes["values"]) == (codes["operator"] == "In"):
                return f"Container {container} for pod {name} failed with exit code {code}"
    for wanted in rule.get("onPodConditions") or ():
        for found in (pod.get("status") or {}).get("conditions") or ():
            if found["type"] == wanted["type"] and found["status"] == wanted.get("status", "True"):
                return f"Pod {name} has condition {wanted['type']}"
    return ""


def _exit_codes(pod: Obj) -> Iterator[tuple[str, int]]:
    for kind in ("containerStatuses", "initContainerStatuses"):
        for each in (pod.get("status") or {}).get(kind) or ():
            ended = (each.get("state") or {}).get("terminated")
            if ended:
                yield each["name"], int(ended.get("exitCode") or 0)


def limit_per_index(job: Obj) -> int | None:
    """Return how often each index may fail, None when the indexes have no limits of their own."""
    limit = job["spec"].get("backoffLimitPerIndex")
    return None if limit is None else int(limit)


def failures(pod: Obj) -> int:
    """Return how many pods of this pod's index had failed before it was made."""
    return _number(pod, FAILURES)


def attempts(pod: Obj) -> int:
    """Return how many pods of this pod's index there were before it."""
    return _number(pod, FAILURES) + _number(pod, IGNORED)


def after(job: Obj, pod: Obj) -> dict[str, str]:
    """Return the annotations of the pod that is tried after `pod`, of the same index, has failed."""
    counted = meaning(job, pod).action != IGNORE
    return {
        FAILURES: str(_number(pod, FAILURES) + counted),
        IGNORED: str(_number(pod, IGNORED) + (not counted)),
    }


def retry_in(pod: Obj, now: datetime) -> float:
    """Return the seconds until the index of a failed pod may be tried again."""
    delay = min(FIRST_DELAY * 2.0 ** min(attempts(pod), 10), LONGEST_DELAY)
    return max(0.0, (finished_at(pod) + timedelta(seconds=delay) - now).total_seconds())


def enough(job: Obj, succeeded: set[int]) -> str:
    """Return why the indexes that have succeeded make the Job a success by its policy; nothing when they do not."""
    for number, rule in enumerate((job["spec"].get("successPolicy") or {}).get("rules") or ()):
        listed = rule.get("succeededIndexes")
        wanted = read_indexes(listed) if listed else None
        done = succeeded if wanted is None else succeeded & wanted
        count = rule.get("succeededCount", None if wanted is None else len(wanted))
        if count is not None and len(done) >= count:
            return f"Matched rules at index {number}"
    return ""


def _number(pod: Obj, annotation: str) -> int:
    text = (pod["metadata"].get("annotations") or {}).get(annotation, "")
    return int(text) if text.isdigit() else 0
