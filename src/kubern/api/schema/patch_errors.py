"""The refusals that patches share."""

from __future__ import annotations

from kubern.base.errors import BadRequest, Invalid
from kubern.base.json import Obj


class MalformedPatch(BadRequest):
    """The patch itself is not well-formed (400)."""


class PatchFailed(Invalid):
    """The patch cannot be applied to this object (422): upstream's general message, which does not say what went wrong."""

    def __init__(self, detail: str) -> None:
        super().__init__("the server rejected our request due to an error in our request")
        self.detail = detail

    def status(self) -> Obj:
        """Return the Status, with details that say nothing."""
        return {**super().status(), "details": {}}


class ValueNotFound(PatchFailed):
    """A JSON Patch tests for a value that the object does not have."""
