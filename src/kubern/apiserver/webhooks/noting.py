"""What the audit log is told of webhooks: which changed an object and how, which could not be asked, and what they want noted themselves.

Called while webhooks are asked. What always holds: `place` (`round_0_index_2`) says in which round and at which place among its kind's
webhooks one was asked; a patch is noted only where the audit policy wants to see what requests hold.
"""

from __future__ import annotations

from typing import Any

import orjson

from kubern.apiserver.audit.record import CURRENT, REQUEST, annotate
from kubern.apiserver.webhooks.configurations import Hook
from kubern.base.json import Obj

_MUTATION, _PATCH = "mutation.webhook.admission.k8s.io/", "patch.webhook.admission.k8s.io/"
_VALIDATION = "validating.webhook.admission.k8s.io/"


def place_of(number: int, index: int) -> str:
    """Return the place of a webhook in a round."""
    return f"round_{number}_index_{index}"


def note_mutation(hook: Hook, place: str, *, changed: bool) -> None:
    """Note that a mutating webhook was asked."""
    annotate(_MUTATION + place, _dump({**_named(hook), "mutated": changed}))


def note_patch(hook: Hook, place: str, patch: Any) -> None:
    """Note the patch of a mutating webhook."""
    record = CURRENT.get()
    if record is not None and record.verdict.level >= REQUEST:
        annotate(_PATCH + place, _dump({**_named(hook), "patch": patch, "patchType": "JSONPatch"}))


def note_failed_open(hook: Hook, place: str, *, mutating: bool) -> None:
    """Note that a webhook could not be asked, and that the request went on."""
    annotate(f"failed-open.{_MUTATION if mutating else _VALIDATION}{place}", hook.name)


def note_own(hook: Hook, annotations: Any) -> None:
    """Note what a webhook's answer wants noted."""
    for key, value in annotations.items() if isinstance(annotations, dict) else ():
        if isinstance(value, str):
            annotate(f"{hook.name}/{key}", value)


def _named(hook: Hook) -> Obj:
    return {"configuration": hook.configuration, "webhook": hook.name}


def _dump(value: Obj) -> str:
    return orjson.dumps(value).decode()
