"""The stores that must pass the contract suite: each back end is one entry of `BACK_ENDS`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from kubern.base.clock import FakeClock
from kubern.store.contract import Store
from kubern.store.embedded import EmbeddedStore


async def open_embedded(directory: Path, clock: FakeClock) -> Store:
    return await EmbeddedStore.open(directory / "store", clock=clock)


BACK_ENDS: dict[str, Callable[[Path, FakeClock], Awaitable[Store]]] = {"embedded": open_embedded}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=sorted(BACK_ENDS))
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
    opened = await BACK_ENDS[request.param](tmp_path, clock)
    yield opened
    await opened.close()
