"""The refusals that patches share."""

from __future__ import annotations

from kubern.base.errors import BadRequest, Cause, Invalid


class MalformedPatch(BadRequest):
    """The patch itself is not well-formed (400)."""


class PatchFailed(Invalid):
    """The patch cannot be applied to this object (422): upstream's general message, with what went wrong as the cause."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "the server rejected our request due to an error in our request",
            causes=[Cause("UnexpectedServerResponse", detail)],
        )
        self.detail = detail


class ValueNotFound(PatchFailed):
    """A JSON Patch tests for a value that the object does not have."""
