"""Connections that requests have turned into, as the edge counts them and the audit log tells of them."""

from __future__ import annotations

import pytest

from kubern.apiserver.connections import told
from kubern.http.contract import Tunnel


@pytest.mark.parametrize("fails", [False, True])
async def test_beginning_and_end_are_told(fails: bool) -> None:
    heard: list[str] = []

    async def serve(channel: object) -> None:
        heard.append("served")
        if fails:
            raise ConnectionError

    answer = told(Tunnel(b"head", serve), lambda: heard.append("begun"), lambda: heard.append("ended"))
    assert isinstance(answer, Tunnel)
    assert (answer.head, heard) == (b"head", [])
    try:
        await answer.serve(None)  # type: ignore[arg-type]
    except ConnectionError:
        assert fails
    assert heard == ["begun", "served", "ended"]
