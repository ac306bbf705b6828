"""Whether what a webhook answered has the shape of an AdmissionResponse, in the words of upstream's decoder.

Called by `review` before anything of an answer is used. Pure. What always holds: what passes has strings, lists and objects where the
rest of the code takes them for granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubern.base.json import Obj

_STRING, _STRINGS, _MAP = "string", "[]string", "map[string]string"
_RESPONSE = {
    "uid": "types.UID", "allowed": "bool", "status": "v1.Status", "patch": "[]uint8", "patchType": "v1.PatchType",
    "auditAnnotations": _MAP, "warnings": _STRINGS,
}  # fmt: skip
_STATUS = {
    "message": _STRING, "reason": "v1.StatusReason", "code": "int32", "status": _STRING, "details": "v1.StatusDetails",
    "metadata": "v1.ListMeta",
}  # fmt: skip
_KINDS: dict[str, type] = {
    "bool": bool, _MAP: dict, _STRINGS: list, "v1.Status": dict, "v1.StatusDetails": dict, "v1.ListMeta": dict,
}  # fmt: skip
"""What JSON gives for a type; a string for all others."""


def misfit(answer: Obj) -> str:
    """Return what does not fit in an AdmissionReview's response, empty when all does; parts that are absent or null fit."""
    response = answer.get("response")
    if response is None:
        return ""
    if not isinstance(response, dict):
        return _said(response, "AdmissionReview.response", "v1.AdmissionResponse")
    found = _first(response, _RESPONSE, "AdmissionResponse.response")
    if found:
        return found
    texts = [("warnings", each) for each in response.get("warnings") or ()]
    texts += [("auditAnnotations", each) for each in (response.get("auditAnnotations") or {}).values()]
    for name, each in texts:
        if not isinstance(each, str):
            return _said(each, f"AdmissionResponse.response.{name}", _STRING)
    return _first(response.get("status") or {}, _STATUS, "Status.response.status")


def _first(obj: Mapping[str, Any], types: Mapping[str, str], path: str) -> str:
    for name, wanted in types.items():
        value = obj.get(name)
        if value is None:
            continue
        fits = isinstance(value, _KINDS.get(wanted, str))
        if wanted == "int32":
            fits = isinstance(value, int) and not isinstance(value, bool) and -(1 << 31) <= value < 1 << 31
        if not fits:
            return _said(value, f"{path}.{name}", wanted)
    return ""


def _said(value: Any, field: str, wanted: str) -> str:
    names = {bool: "bool", str: "string", dict: "object", list: "array"}
    what = names.get(type(value)) or "number"
    if what == "number" and wanted == "int32":
        what += f" {value}"
    return f"json: cannot unmarshal {what} into Go struct field {field} of type {wanted}"
