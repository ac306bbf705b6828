"""What a CustomResourceDefinition's version may say besides its schema: columns, subresources, selectable fields, deprecation.

Called by the definition's validation, in upstream's words. Source: the reference of CustomResourceDefinition v1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kubern.api import field
from kubern.api.jsonpath import compile_path
from kubern.api.rules.values import items, part
from kubern.base.errors import Cause
from kubern.base.json import Obj


class Places(NamedTuple):
    """Where messages say that the parts of a version are.

    As in upstream, what is the same in all versions counts as the definition's own: `spec.validation`, `spec.subresources`.
    """

    version: str
    schema: str
    subresources: str
    columns: str
    selectable: str

    @classmethod
    def of(cls, versions: Sequence[Obj], number: int) -> Places:
        """Return the places of one of a definition's versions."""
        here = f"spec.versions[{number}]"
        shared = {key: all(one.get(key) == versions[0].get(key) for one in versions) for key in _PARTS}
        found = {key: f"spec.{_PARTS[key]}" if shared[key] else f"{here}.{key}" for key in _PARTS}
        return cls(here, *(found[key] for key in _PARTS))


_PARTS = {
    "schema": "validation", "subresources": "subresources", "additionalPrinterColumns": "additionalPrinterColumns",
    "selectableFields": "selectableFields",
}  # fmt: skip
"""The parts of a version, and their names when all versions share them."""
COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
MOST_SELECTABLE = 8
LONGEST_WARNING = 256


def check_version(version: Obj, places: Places, *, shared: bool) -> Iterator[Cause]:
    """Yield what is wrong with a version, its name and schema aside; with what all versions share only if `shared`."""
    warning = version.get("deprecationWarning")
    if warning is not None:
        yield from _warning(version, warning, f"{places.version}.deprecationWarning")
    scale = part(version, "subresources").get("scale")
    if scale is not None and (shared or places.subresources.startswith(places.version)):
        yield from _scale(scale, f"{places.subresources}.scale")
    if shared or places.columns.startswith(places.version):
        for index, column in items(version, "additionalPrinterColumns"):
            yield from _column(column, f"{places.columns}[{index}]")
    if shared or places.selectable.startswith(places.version):
        yield from _selectable(version, places.selectable)


def _warning(version: Obj, warning: str, path: str) -> Iterator[Cause]:
    if not version.get("deprecated"):
        yield field.invalid(path, warning, "can only be set for deprecated versions")
        return
    if len(warning.encode()) > LONGEST_WARNING:
        yield field.invalid(path, warning, f"must be <= {LONGEST_WARNING} characters long")
    if not warning:
        yield field.invalid(path, warning, "must not be an empty string")
    for index, character in enumerate(warning):
        if not character.isprintable():
            found = f"non-printable character found at index {len(warning[:index].encode())}"
            yield field.invalid(path, warning, f"must only contain printable UTF-8 characters; {found}")
            return


def _column(column: Obj, path: str) -> Iterator[Cause]:
    if not column.get("name"):
        yield field.required(f"{path}.name", "")
    kind, form = column.get("type") or "", column.get("format") or ""
    one_of = f"must be one of {','.join(COLUMN_TYPES)}"
    if not kind:
        yield field.required(f"{path}.type", one_of)
    elif kind not in COLUMN_TYPES:
        yield field.invalid(f"{path}.type", kind, one_of)
    if form and form not in COLUMN_FORMATS:
        yield field.invalid(f"{path}.format", form, f"must be one of {','.join(COLUMN_FORMATS)}")
    text = column.get("jsonPath") or ""
    yield from _path(text, f"{path}.JSONPath") if text else (field.required(f"{path}.JSONPath", ""),)


def _path(text: str, path: str) -> Iterator[Cause]:
    if not text.startswith("."):
        yield field.invalid(path, text, "must be a simple json path starting with .")
        return
    try:
        compile_path(text)
    except ValueError as error:
        yield field.invalid(path, text, f"must be a simple json path: {error}")


def _scale(scale: Obj, path: str) -> Iterator[Cause]:
    for key, roots, needed in (
        ("specReplicasPath", (".spec.",), True),
        ("statusReplicasPath", (".status.",), True),
        ("labelSelectorPath", (".spec.", ".status."), False),
    ):
        text, here = scale.get(key) or "", f"{path}.{key}"
        if not text:
            if needed:
                yield field.required(here, "")
        elif not text.startswith(roots) or "[" in text:
            where = " or ".join(root.rstrip(".") for root in roots)
            start = not text.startswith(".")
            message = f"should be a json path under {'either ' if len(roots) > 1 else ''}{where}"
            yield field.invalid(here, text, "must be a simple json path starting with ." if start else message)


def _selectable(version: Obj, path: str) -> Iterator[Cause]:
    declared = version.get("selectableFields") or []
    if len(declared) > MOST_SELECTABLE:
        yield field.too_many(path, len(declared), MOST_SELECTABLE)
    seen: set[str] = set()
    schema = part(version, "schema.openAPIV3Schema")
    for index, one in enumerate(declared):
        text, here = one.get("jsonPath") or "", f"{path}[{index}].jsonPath"
        if not text:
            yield field.required(here, "")
            continue
        if text in seen:
            yield field.duplicate(here, text)
        seen.add(text)
        yield from _selectable_path(text, schema, here)


def _selectable_path(text: str, schema: Obj, path: str) -> Iterator[Cause]:
    if not text.startswith("."):
        yield field.invalid(path, text, "is an invalid path: must be a simple json path starting with .")
        return
    steps = text[1:].split(".")
    if steps[0] == "metadata":
        yield field.invalid(path, text, "must not point to fields in metadata")
        return
    for step in steps:
        schema = (schema.get("properties") or {}).get(step) or {}
    if not schema:
        yield field.invalid(path, text, "is an invalid path: does not refer to a valid field")
    elif schema.get("type") not in ("string", "boolean", "integer"):
        message = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."
        yield field.invalid(path, text, message)
