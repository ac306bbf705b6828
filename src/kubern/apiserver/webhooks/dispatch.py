"""Asking the admission webhooks that a request concerns: mutating ones after each other, validating ones at the same time.

Called by the two admission plug-ins. What always holds: an object changed by a webhook is decoded, pruned and defaulted anew before
anybody else sees it, and configurations of admission themselves are never asked about.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import NamedTuple

import orjson

from kubern.api.resource import Resource
from kubern.api.schema import NotDecodable
from kubern.api.schema.json_patch import apply_json_patch
from kubern.api.schema.patch_errors import MalformedPatch, PatchFailed
from kubern.apiserver.admission_chain import Attributes, refused
from kubern.apiserver.admission_request import admission_request
from kubern.apiserver.conversion import to_served
from kubern.apiserver.elsewhere import elsewhere
from kubern.apiserver.matching import EXEMPT, selects_namespace, selects_object
from kubern.apiserver.metadata import random_uid
from kubern.apiserver.mutation import Turns, take_over
from kubern.apiserver.webhooks.caller import WebhookFailed
from kubern.apiserver.webhooks.conditions import ConditionFailed
from kubern.apiserver.webhooks.configurations import Hook
from kubern.apiserver.webhooks.noting import note_failed_open, note_mutation, note_own, note_patch, place_of
from kubern.apiserver.webhooks.review import (
    GROUP,
    BadReview,
    Shown,
    Verdict,
    denial,
    no_dry_run,
    review_request,
    verdict_of,
    version_of,
)  # fmt: skip
from kubern.base.errors import InternalError, StatusError
from kubern.base.json import Obj

_log = logging.getLogger(__name__)
_NOTES = "webhooks"
_WITHOUT_EFFECTS = ("None", "NoneOnDryRun")


class Asked(NamedTuple):
    """A webhook that a request concerns, and the version in which it wants to see it."""

    hook: Hook
    resource: Resource


def mutate(attributes: Attributes) -> Awaitable[None] | None:
    """Let the mutating webhooks change the object. Raises their refusals."""
    hooks = attributes.core.mutating.hooks
    if not hooks or attributes.resource.group_resource in EXEMPT:
        return None
    return _mutate(attributes)


def validate(attributes: Attributes) -> Awaitable[None] | None:
    """Let the validating webhooks look at the final object. Raises the refusal of the first of them that refuses."""
    hooks = attributes.core.validating.hooks
    if not hooks or attributes.resource.group_resource in EXEMPT:
        return None
    chosen = [asked for hook in hooks if (asked := _concerned(hook, attributes))]
    return _validate(chosen, attributes) if chosen else None


def _concerned(hook: Hook, attributes: Attributes) -> Asked | None:
    """Return how a webhook is to be asked about a request, None when it is not. Raises `Forbidden` for conditions that fail."""
    resource = hook.rules.version_for(attributes)
    if resource is None:
        return None
    if not selects_namespace(hook.namespace_selector, attributes):
        return None
    if not selects_object(hook.object_selector, attributes):
        return None
    if hook.conditions and not _conditions_met(hook, resource, attributes):
        return None
    return Asked(hook, resource)


def _conditions_met(hook: Hook, resource: Resource, attributes: Attributes) -> bool:
    shown = _shown(resource, attributes)
    request = admission_request(attributes, resource)
    try:
        return hook.conditions.met({"object": shown.obj, "oldObject": shown.old, "request": request})
    except ConditionFailed as error:
        if hook.fails_open:
            _log.warning("match conditions failed, failing open", extra={"webhook": hook.name, "error": str(error)})
            return False
        raise refused(attributes, str(error)) from error


async def _mutate(attributes: Attributes) -> None:
    turns = Turns.of(attributes, _NOTES)
    for index, hook in enumerate(attributes.core.mutating.hooks):
        asked = _concerned(hook, attributes) if turns.has(hook.id) else None
        if asked is not None:
            place, changed = place_of(turns.number, index), False
            try:
                with elsewhere(attributes.core.clock.monotonic):
                    changed = await _mutate_by(asked, attributes, place)
            finally:
                note_mutation(hook, place, changed=changed)
            turns.took(hook.id, changed=changed, again=hook.again)
    turns.end(attributes)


async def _mutate_by(asked: Asked, attributes: Attributes, place: str) -> bool:
    """Ask one webhook and apply its patch; returns whether it changed the object."""
    shown = _shown(asked.resource, attributes)
    verdict = await _verdict(asked.hook, shown, attributes, place, mutating=True)
    if verdict is None or verdict.patch is None:
        return False
    if shown.obj is None or attributes.obj is None:
        name = asked.hook.name
        raise _internal(
            f'admission webhook "{name}" attempted to modify the object, which is not supported for this operation'
        )
    try:
        patched = apply_json_patch(shown.obj, verdict.patch)
    except PatchFailed as error:
        raise _internal(error.detail) from error
    except MalformedPatch as error:
        raise _internal(str(error)) from error
    if not isinstance(patched, dict) or not isinstance(patched.get("metadata", {}), dict):
        raise _internal("the patched object is not an object")
    try:
        changed = take_over(attributes, asked.resource, patched)
    except NotDecodable as error:
        raise _internal(str(error)) from error
    note_patch(asked.hook, place, verdict.patch)
    return changed


async def _validate(chosen: list[Asked], attributes: Attributes) -> None:
    calls = [_validate_by(asked, attributes, place_of(0, index)) for index, asked in enumerate(chosen)]
    with elsewhere(attributes.core.clock.monotonic):
        results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if result is not None:
            raise result


async def _validate_by(asked: Asked, attributes: Attributes, place: str) -> None:
    await _verdict(asked.hook, _shown(asked.resource, attributes), attributes, place, mutating=False)


async def _verdict(
    hook: Hook, shown: Shown, attributes: Attributes, place: str, *, mutating: bool
) -> Verdict | None:  # fmt: skip
    """Ask one webhook as `_asked` does, count it, and tell the audit log when it fails open."""
    counts, seconds, kind = attributes.core.counts, attributes.core.clock.monotonic, "admit" if mutating else "validate"
    begun, rejected = seconds(), "false"
    try:
        verdict = await _asked(hook, shown, attributes, mutating=mutating)
    except StatusError as error:
        rejected = "true"
        called = "calling_webhook_error" if isinstance(error, InternalError) else "no_error"
        code = "0" if isinstance(error, InternalError) else str(error.code)
        counts.webhook_rejections[hook.name, kind, attributes.operation, called, code] += 1
        raise
    finally:
        counts.webhooks.observe((hook.name, kind, attributes.operation, rejected), seconds() - begun)
    if verdict is None:
        counts.failed_open[hook.name, kind] += 1
        note_failed_open(hook, place, mutating=mutating)
    return verdict


async def _asked(hook: Hook, shown: Shown, attributes: Attributes, *, mutating: bool) -> Verdict | None:
    """Ask one webhook; None when it could not be asked and fails open. Raises its denial, `InternalError` when it fails closed."""
    if attributes.dry_run and hook.side_effects not in _WITHOUT_EFFECTS:
        raise no_dry_run(hook.name)
    uid = random_uid(attributes.core.rng)
    try:
        version = version_of(hook.versions)
        review: Obj = {"kind": "AdmissionReview", "apiVersion": f"{GROUP}/{version}"}
        review["request"] = review_request(attributes, shown, uid)
        answer = await attributes.core.webhooks.post(hook.client, review, hook.seconds)
        verdict = verdict_of(answer, version, uid, mutating=mutating)
    except (WebhookFailed, BadReview) as error:
        _fail(hook, error)
        return None
    note_own(hook, verdict.annotations)
    told = attributes.warnings
    if told is not None:
        told.extend(text for text in verdict.warnings if text not in told)
    if not verdict.allowed:
        raise denial(hook.name, verdict.status)
    return verdict


def _fail(hook: Hook, error: WebhookFailed | BadReview) -> None:
    """Log why a webhook has no say; raise `InternalError` unless it fails open."""
    what = "failed to call webhook" if isinstance(error, WebhookFailed) else "received invalid webhook response"
    if isinstance(error, BadReview) and str(error).startswith("could not create"):
        what = ""
    text = f'failed calling webhook "{hook.name}": ' + (f"{what}: {error}" if what else str(error))
    _log.warning("%s", text, extra={"configuration": hook.configuration, "fails_open": hook.fails_open})
    if not hook.fails_open:
        raise _internal(text) from error


def _internal(text: str) -> InternalError:
    return InternalError(f"Internal error occurred: {text}")


def _shown(resource: Resource, attributes: Attributes) -> Shown:
    """Return the objects of a request in the version that a webhook asks for; they are copies where they differ."""
    if attributes.kind is not None or not resource.stored:
        return Shown(resource, attributes.obj, attributes.old)
    convert = to_served(attributes.core.storage(resource).resource, resource)
    return Shown(resource, _converted(convert, attributes.obj), _converted(convert, attributes.old))


def _converted(convert: object, obj: Obj | None) -> Obj | None:
    if obj is None:
        return None
    assert callable(convert)
    result: Obj = convert(orjson.loads(orjson.dumps(obj)))
    return result
