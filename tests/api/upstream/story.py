"""Stories of requests, and what remains of an answer when what differs from one telling to the next is taken away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

LIMIT = 20.0
"""Seconds that may pass until an answer that is waited for comes."""
VARYING = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "lastTransitionTime", "continue"}
HEADERS = ("content-type", "warning", "retry-after", "allow", "location")

Ask = Callable[..., Any]


class Step(NamedTuple):
    """A request. With `until` it is sent again until the answer has this code; only answers that are `kept` are compared."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = {}
    until: int = 0
    kept: bool = True


Story = Sequence[Step]


def told(story: Story, ask: Ask) -> list[dict[str, Any]]:
    """Send a story's requests, one after the other; return what is plain of the kept answers: code, headers and body."""
    answers = []
    for step in story:
        answer = _asked(step, ask)
        if step.kept:
            headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
            answers.append({"code": answer.code, "headers": headers, "body": plain(answer.body)})
    return answers


def _asked(step: Step, ask: Ask) -> Any:
    deadline = time.monotonic() + LIMIT
    while True:
        answer = ask(step.method, step.path, step.body, headers=dict(step.headers))
        if not step.until or answer.code == step.until:
            return answer
        assert time.monotonic() < deadline, answer


def plain(body: Any) -> Any:
    """Return an answer without uids, versions, times and generated names."""
    if isinstance(body, list):
        return [plain(each) for each in body]
    if not isinstance(body, dict):
        return body
    found = {key: "*" if key in VARYING and isinstance(value, str) else plain(value) for key, value in body.items()}
    if "generateName" in found and "name" in found:
        found["name"] = re.sub(r"[a-z0-9]{5}$", "*", found["name"])
    return found
