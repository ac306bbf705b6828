"""AdmissionReview: the question put to an admission webhook, and what its answer may say.

Pure. Source: Kubernetes documentation, "Dynamic Admission Control", webhook request and response.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from kubern.api.resource import Resource
from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.admission_request import admission_request
from kubern.apiserver.webhooks.caller import WebhookFailed
from kubern.apiserver.webhooks.shapes import misfit
from kubern.base.errors import BadRequest, Relayed, StatusError
from kubern.base.json import Obj

GROUP = "admission.k8s.io"
KNOWN = ("v1", "v1beta1")


class BadReview(Exception):
    """A webhook's answer is not a review of what it was asked."""


class Shown(NamedTuple):
    """A request as one webhook sees it: the version that its rules ask for, and the objects in that version."""

    resource: Resource
    obj: Obj | None
    old: Obj | None


class Verdict(NamedTuple):
    """What a webhook said. `patch` holds JSON Patch operations."""

    allowed: bool
    status: Obj
    patch: Any = None
    warnings: Sequence[str] = ()
    annotations: Any = None
    """For the audit log."""


def version_of(accepted: Sequence[str]) -> str:
    """Return the review version to speak: the first that a webhook takes and we know. Raises `BadReview`."""
    for version in accepted:
        if version in KNOWN:
            return version
    raise BadReview(
        "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)"
    )


def review_request(attributes: Attributes, shown: Shown, uid: str) -> Obj:
    """Return the AdmissionRequest for a webhook."""
    request = admission_request(attributes, shown.resource)
    return {"uid": uid} | request | {"object": shown.obj, "oldObject": shown.old}


def verdict_of(answer: Obj, version: str, uid: str, *, mutating: bool) -> Verdict:
    """Read an AdmissionReview. Raises `WebhookFailed` for what does not fit its type, `BadReview`, both in upstream's words."""
    unfit = misfit(answer)
    if unfit:
        raise WebhookFailed(unfit)
    if version == "v1":
        _check_type(answer)
    response = answer.get("response")
    if not isinstance(response, dict):
        raise BadReview("webhook response was absent")
    if version == "v1" and response.get("uid") != uid:
        raise BadReview(f'expected response.uid="{uid}", got "{response.get("uid") or ""}"')
    status = response.get("status")
    warnings = response.get("warnings") or ()
    return Verdict(
        response.get("allowed") is True,
        status if isinstance(status, dict) else {},
        _patch(response, version, mutating),
        warnings,
        response.get("auditAnnotations"),
    )


def _check_type(answer: Obj) -> None:
    group_version, _, kind = f"{answer.get('apiVersion') or ''}", "", answer.get("kind") or ""
    if (group_version, kind) != (f"{GROUP}/v1", "AdmissionReview"):
        group, _, version = group_version.rpartition("/")
        wanted = f"{GROUP}/v1, Kind=AdmissionReview"
        raise BadReview(f"expected webhook response of {wanted}, got {group}/{version}, Kind={kind}")


def _patch(response: Obj, version: str, mutating: bool) -> Any:
    encoded, kind = response.get("patch"), response.get("patchType")
    if version == "v1":
        _check_patch(encoded, kind, mutating)
    if not encoded or not mutating:
        return None
    if kind not in ("JSONPatch", None):
        raise BadReview(f'unsupported patch type "{kind}"')
    try:
        operations = orjson.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadReview(f"the patch cannot be read: {error}") from error
    return operations or None


def _check_patch(encoded: Any, kind: Any, mutating: bool) -> None:
    text = ""
    if not mutating:
        if encoded:
            text = "validating webhook may not return response.patch"
        elif kind is not None:
            text = "validating webhook may not return response.patchType"
    elif encoded and kind is None:
        text = "webhook returned response.patch but not response.patchType"
    elif not encoded and kind is not None:
        text = "webhook returned response.patchType but not response.patch"
    elif kind == "":
        text = 'webhook returned invalid response.patchType of ""'
    if text:
        raise BadReview(text)


def denial(webhook: str, status: Obj) -> StatusError:
    """Return the refusal for a webhook that does not allow a request: its own code, reason and message, if it gives any."""
    by = f'admission webhook "{webhook}" denied the request'
    explained = status.get("message") or status.get("reason")
    code = status.get("code")
    refusal = {key: value for key, value in status.items() if key in ("metadata", "reason", "details")}
    return Relayed(
        refusal
        | {
            "status": "Failure",
            "message": f"{by}: {explained}" if explained else f"{by} without explanation",
            "code": code if isinstance(code, int) and 400 <= code < 600 else 400,
        }
    )


def no_dry_run(webhook: str) -> BadRequest:
    """Return the refusal of a dry run that a webhook would not take as one."""
    return BadRequest(f'admission webhook "{webhook}" does not support dry run')
