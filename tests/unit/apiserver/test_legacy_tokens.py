"""The use of legacy tokens is written down: once a day, and since a date that is kept."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubern.api.legacy_token import LAST_USED, TRACKING
from kubern.api.resources import load
from kubern.apiserver.config import Config
from kubern.apiserver.server import ApiServer
from kubern.base.clock import FakeClock
from kubern.base.json import Obj
from kubern.store.embedded import EmbeddedStore

SECRET = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s", "namespace": "ns", "uid": "u"}}
OVER_MIDNIGHT = 20.0


class Server:
    """A server and its clock."""

    def __init__(self, api: ApiServer, clock: FakeClock) -> None:
        self.api, self.clock, self.uses = api, clock, api.core.security.legacy_tokens

    def found(self, plural: str, namespace: str, name: str) -> Obj:
        found = self.api.core.find_object(plural, namespace, name)
        assert found is not None
        return found

    async def until_used(self, day: str) -> None:
        """Return once the Secret says that its token was used on a day."""
        async with asyncio.timeout(10):
            while True:
                labels = self.found("secrets", "ns", "s")["metadata"].get("labels") or {}
                if labels.get(LAST_USED) == day:
                    return
                await asyncio.sleep(0.005)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    clock = FakeClock(datetime(2026, 1, 1, 23, 59, 50, tzinfo=UTC))
    store = await EmbeddedStore.open(tmp_path, clock=clock)
    api = ApiServer(store, load(), Config(), clock, random.Random(1))
    await api.start()
    await api.core.storage_of("secrets").create("ns", "s", SECRET)
    yield Server(api, clock)
    await api.close()
    await store.close()


async def test_a_use_is_labelled_with_its_day(server: Server) -> None:
    for day in ("2026-01-01", "2026-01-02"):
        server.uses.used(server.found("secrets", "ns", "s"))
        await server.until_used(day)
        await server.clock.advance(OVER_MIDNIGHT)


async def test_a_day_is_written_down_once(server: Server) -> None:
    server.uses.used(server.found("secrets", "ns", "s"))
    await server.until_used("2026-01-01")
    before = server.api.core.feed.revision
    server.uses.used(server.found("secrets", "ns", "s"))
    assert server.uses._uses.empty()
    assert server.api.core.feed.revision == before


async def test_the_date_of_the_beginning_is_kept_and_mended(server: Server) -> None:
    await server.clock.advance(OVER_MIDNIGHT)
    await server.uses.start()
    assert server.found("configmaps", "kube-system", TRACKING)["data"] == {"since": "2026-01-01"}

    async def spoil(old: Obj) -> Obj:
        return old | {"data": {"since": "long ago", "mine": "x"}}

    await server.api.core.storage_of("configmaps").update("kube-system", TRACKING, spoil)
    await server.uses.start()
    assert server.found("configmaps", "kube-system", TRACKING)["data"] == {"since": "2026-01-02", "mine": "x"}
