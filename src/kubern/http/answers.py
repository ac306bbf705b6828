"""The plain answers that every server gives: text as health checks and unknown paths have it, and JSON."""

from __future__ import annotations

from kubern.http.contract import Response

JSON_HEADERS = (("content-type", "application/json"), ("cache-control", "no-cache, private"))
TEXT_HEADERS = (
    ("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-cache, private"), ("x-content-type-options", "nosniff"),
)  # fmt: skip


def text_response(status: int, text: str) -> Response:
    """Return plain text."""
    return Response(status, TEXT_HEADERS, text.encode())
