"""The one error tree. Each class is a `reason` of a `metav1.Status`, raised where the fact is known.

The apiserver turns these into answers at its edge, and the client turns answers back into these, so that a component
writes `except NotFound` whichever transport it uses. Source: the Kubernetes API conventions, "Response Status Kind".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Cause(NamedTuple):
    """One entry of `details.causes`: an upstream cause type (`FieldValueRequired`, …), its message and the field's path."""

    reason: str
    message: str
    field: str = ""


class StatusError(Exception):
    """An answer other than success, in the shape of `metav1.Status`."""

    code: int = 500
    reason: str = "InternalError"
    warnings: tuple[str, ...] = ()
    """What the caller is told besides the refusal, in Warning headers."""

    def __init__(
        self,
        message: str,
        *,
        kind: str = "",
        group: str = "",
        name: str = "",
        causes: Sequence[Cause] = (),
        retry_after: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.group = group
        self.name = name
        self.causes = tuple(causes)
        self.retry_after = retry_after

    def status(self) -> dict[str, Any]:
        """Return the `v1.Status` object that a client receives."""
        details: dict[str, Any] = {}
        if self.name:
            details["name"] = self.name
        if self.group:
            details["group"] = self.group
        if self.kind:
            details["kind"] = self.kind
        if self.causes:
            details["causes"] = [
                {
                    key: value
                    for key, value in (("reason", c.reason), ("message", c.message), ("field", c.field))
                    if value
                }
                for c in self.causes
            ]
        if self.retry_after:
            details["retryAfterSeconds"] = self.retry_after
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if details:
            status["details"] = details
        status["code"] = self.code
        return status


class BadRequest(StatusError):
    """400: the request itself is wrong."""

    code, reason = 400, "BadRequest"


class Unauthorized(StatusError):
    """401: nobody is known by these credentials."""

    code, reason = 401, "Unauthorized"


class Forbidden(StatusError):
    """403: the user may not do that, or a rule of the cluster is against it."""

    code, reason = 403, "Forbidden"


class NotFound(StatusError):
    """404: there is no such object or resource."""

    code, reason = 404, "NotFound"


class MethodNotAllowed(StatusError):
    """405: the resource does not have this verb."""

    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(StatusError):
    """406: none of the accepted encodings is served."""

    code, reason = 406, "NotAcceptable"


class AlreadyExists(StatusError):
    """409: another object has the name."""

    code, reason = 409, "AlreadyExists"


class Conflict(StatusError):
    """409: the object is not what the request takes it for."""

    code, reason = 409, "Conflict"


class Gone(StatusError):
    """410: it was here once."""

    code, reason = 410, "Gone"


class Expired(StatusError):
    """The resource version asked for has been compacted, or the continue token is too old."""

    code, reason = 410, "Expired"


class RequestEntityTooLarge(StatusError):
    """413: the body is larger than the server takes."""

    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(StatusError):
    """415: the body's encoding is not understood."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(StatusError):
    """422: the object breaks rules of its kind; the causes name the fields."""

    code, reason = 422, "Invalid"


class TooManyRequests(StatusError):
    """429: later, please; `retry_after` says when."""

    code, reason = 429, "TooManyRequests"


class InternalError(StatusError):
    """500: the server failed, not the request."""

    code, reason = 500, "InternalError"


class UnknownError(InternalError):
    """500 without a reason: somebody else's failure, in its own words."""

    code, reason = 500, ""


class ServiceUnavailable(StatusError):
    """503: who would answer is not there."""

    code, reason = 503, "ServiceUnavailable"


class ServerTimeout(StatusError):
    """500: the server could not finish in time; trying again is safe."""

    code, reason = 500, "ServerTimeout"


class Timeout(StatusError):
    """504: nothing is known of whether it was done."""

    code, reason = 504, "Timeout"


class Relayed(StatusError):
    """The Status that another server answered with, whatever its code and reason, to be passed on as it is."""

    def __init__(self, status: dict[str, Any]) -> None:
        super().__init__(str(status.get("message") or ""))
        self.code = int(status.get("code") or 500)
        self.reason = str(status.get("reason") or "")
        self._status = status

    def status(self) -> dict[str, Any]:
        """Return the Status as it came."""
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, **self._status}


ALL: tuple[type[StatusError], ...] = (
    BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, AlreadyExists, Conflict, Gone,
    Expired, RequestEntityTooLarge, UnsupportedMediaType, Invalid, TooManyRequests, InternalError, ServiceUnavailable,
    ServerTimeout, Timeout,
)  # fmt: skip

_BY_REASON = {error.reason: error for error in ALL}
_BY_CODE = {error.code: error for error in reversed(ALL)}


def from_status(status: dict[str, Any], code: int = 0) -> StatusError:
    """Turn a received `v1.Status` (or any error body with its HTTP `code`) back into the error it stands for."""
    details = status.get("details") or {}
    code = status.get("code") or code
    error = _BY_REASON.get(status.get("reason", "")) or _BY_CODE.get(code, InternalError)
    causes = [Cause(c.get("reason", ""), c.get("message", ""), c.get("field", "")) for c in details.get("causes") or ()]
    return error(
        status.get("message") or f"the server answered {code}",
        kind=details.get("kind", ""),
        group=details.get("group", ""),
        name=details.get("name", ""),
        causes=causes,
        retry_after=details.get("retryAfterSeconds", 0),
    )
