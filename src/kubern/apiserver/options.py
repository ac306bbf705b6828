"""The query parameters of the verbs: read, checked with upstream's words, and handed on as values.

What always holds: an option that is not understood is refused, never ignored.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kubern.api.field import quote
from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import BadRequest, Cause, Invalid
from kubern.base.json import Obj

INVALID, FORBIDDEN, UNSUPPORTED = "FieldValueInvalid", "FieldValueForbidden", "FieldValueNotSupported"
FIELD_VALIDATIONS = ("Ignore", "Strict", "Warn")


class ListOptions(NamedTuple):
    """`metav1.ListOptions`. `resource_version` is None when it was not given."""

    label_selector: str = ""
    field_selector: str = ""
    resource_version: int | None = None
    match: str = ""
    limit: int = 0
    continue_token: str = ""
    bookmarks: bool = False
    send_initial: bool | None = None
    timeout: int = 0


class WriteOptions(NamedTuple):
    """What create, update and patch have in common."""

    dry_run: bool
    field_validation: str
    field_manager: str
    force: bool = False
    """Whether an applied configuration takes over what others manage."""

    def obj(self, kind: str) -> Obj:
        """Return the options as the API's object of this kind."""
        obj: Obj = {"kind": kind, "apiVersion": "meta.k8s.io/v1"}
        if self.dry_run:
            obj["dryRun"] = ["All"]
        if self.field_manager:
            obj["fieldManager"] = self.field_manager
        if self.field_validation != "Warn":
            obj["fieldValidation"] = self.field_validation
        return obj


def invalid_options(kind: str, causes: list[Cause]) -> Invalid:
    """Return upstream's refusal of wrong options."""
    listed = ", ".join(f"{cause.field}: {cause.message}" for cause in causes)
    text = listed if len(causes) == 1 else f"[{listed}]"
    return Invalid(f'{kind}.meta.k8s.io "" is invalid: {text}', kind=kind, group="meta.k8s.io", causes=causes)


def revision_of(text: str) -> int | None:
    """Return a resourceVersion parameter as a number; None for none. Raises `BadRequest`."""
    if not text:
        return None
    digits = text.isascii() and text.isdigit()
    if not digits or len(text) > 20 or int(text) >= 1 << 64:
        problem = "value out of range" if digits else "invalid syntax"
        told = f"resourceVersion: Invalid value: {quote(text)}: strconv.ParseUint: parsing {quote(text)}: {problem}"
        raise BadRequest(f"invalid resource version: {told}")
    return int(text)


def list_options(info: RequestInfo, watch: bool) -> ListOptions:
    """Return the options of a list or watch. Raises `BadRequest`, `Invalid`."""
    if not info.query:
        return ListOptions()
    send = info.flag("sendInitialEvents") if "sendInitialEvents" in info.query else None
    options = ListOptions(
        label_selector=info.first("labelSelector"),
        field_selector=info.first("fieldSelector"),
        resource_version=revision_of(info.first("resourceVersion")),
        match=info.first("resourceVersionMatch"),
        limit=max(integer(info, "limit"), 0),  # a negative one is none
        continue_token=info.first("continue"),
        bookmarks=info.flag("allowWatchBookmarks"),
        send_initial=send,
        timeout=integer(info, "timeoutSeconds"),
    )
    causes = _match_causes(options, watch)
    if causes:
        raise invalid_options("ListOptions", causes)
    return options


def _match_causes(options: ListOptions, watch: bool) -> list[Cause]:
    """Return what is wrong with resourceVersionMatch and sendInitialEvents (upstream: ValidateListOptions)."""
    match, field = options.match, "resourceVersionMatch"
    causes = []
    if watch:
        if match and options.send_initial is None:
            causes.append(
                _forbidden(field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
            )
        if options.send_initial is not None and match != "NotOlderThan":
            text = f"sendInitialEvents requires setting {field} to NotOlderThan"
            causes.append(_forbidden(field, text))
        return causes
    if options.send_initial is not None:
        causes.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if not match:
        return causes
    if options.resource_version is None:
        causes.append(_forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if options.continue_token:
        causes.append(_forbidden(field, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in ("Exact", "NotOlderThan"):
        text = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
        causes.append(Cause(UNSUPPORTED, text, field))
    if match == "Exact" and options.resource_version == 0:
        causes.append(_forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    return causes


def write_options(info: RequestInfo, kind: str, applies: bool = False) -> WriteOptions:
    """Return the options of a create, update or patch; `applies`: of one that applies a configuration. Raises `Invalid`."""
    if not info.query and not applies:
        return WriteOptions(False, "Warn", "")
    causes: list[Cause] = []
    dry_run = _dry_run(info.query.get("dryRun", []), causes)
    validation = info.first("fieldValidation") or "Warn"
    if validation not in FIELD_VALIDATIONS:
        supported = ", ".join(f'"{value}"' for value in ("", *FIELD_VALIDATIONS))
        causes.append(
            Cause(UNSUPPORTED, f'Unsupported value: "{validation}": supported values: {supported}', "fieldValidation")
        )
    manager = info.first("fieldManager")
    if len(manager) > 128:
        causes.append(Cause("FieldValueTooLong", "Too long: may not be more than 128 bytes", "fieldManager"))
    if not manager.isprintable():
        causes.append(
            Cause(INVALID, f'Invalid value: "{manager}": should only contain printable characters', "fieldManager")
        )
    if applies and not manager:
        causes.append(Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager"))
    if not applies and kind == "PatchOptions" and "force" in info.query:
        causes.append(_forbidden("force", "may not be specified for non-apply patch"))
    if causes:
        raise invalid_options(kind, causes)
    return WriteOptions(dry_run, validation, manager, applies and info.flag("force"))


def _dry_run(values: list[str], causes: list[Cause]) -> bool:
    for value in values:
        if value not in ("All", ""):
            causes.append(Cause(UNSUPPORTED, f'Unsupported value: ["{value}"]: supported values: "All"', "dryRun"))
    return "All" in values


def dry_run_of(values: list[str], kind: str) -> bool:
    """Return whether `dryRun` values ask for a dry run. Raises `Invalid`."""
    causes: list[Cause] = []
    dry = _dry_run(values, causes)
    if causes:
        raise invalid_options(kind, causes)
    return dry


def _forbidden(field: str, message: str) -> Cause:
    return Cause(FORBIDDEN, f"Forbidden: {message}", field)


_NUMBER = re.compile(r"[+-]?\d+", re.ASCII)


def integer(info: RequestInfo, key: str) -> int:
    """Return a parameter as a whole number, 0 where there is none. Raises `BadRequest`."""
    text = info.first(key)
    if not text:
        return 0
    try:
        number = int(text) if _NUMBER.fullmatch(text) else None
    except ValueError:  # more digits than Python reads
        number = 1 << 64
    if number is None or not -(1 << 63) <= number < 1 << 63:
        problem = "invalid syntax" if number is None else "value out of range"
        raise BadRequest(f"strconv.ParseInt: parsing {quote(text)}: {problem}")
    return number


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def parse_seconds(text: str) -> float:
    """Read a Go duration such as `1h0m0.5s` and return seconds. Raises `ValueError`."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    parts = re.findall(r"(\d+\.?\d*|\.\d+)(ms|us|µs|ns|h|m|s)", rest, re.ASCII)
    if rest == "0":
        return 0.0
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)
