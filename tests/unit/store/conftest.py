"""The stores that must pass the contract suite: each back end is one entry of `BACK_ENDS`."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from kubern.base.clock import FakeClock, SystemClock
from kubern.store.contract import Store
from kubern.store.embedded import EmbeddedStore
from kubern.store.etcd.store import EtcdStore
from tests.etcd import Etcd

_PREFIXES = itertools.count()


async def open_embedded(directory: Path, clock: FakeClock, etcd: Callable[[], Etcd]) -> Store:
    return await EmbeddedStore.open(directory / "store", clock=clock)


async def open_etcd(directory: Path, clock: FakeClock, etcd: Callable[[], Etcd]) -> Store:
    """A store of its own on the one member that all tests share: below a prefix that no other test has."""
    prefix = b"/test-%d/" % next(_PREFIXES)
    return await EtcdStore.open(etcd().urls, clock=SystemClock(), prefix=prefix, compact_every=0)


BACK_ENDS: dict[str, Callable[[Path, FakeClock, Callable[[], Etcd]], Awaitable[Store]]] = {
    "embedded": open_embedded, "etcd": open_etcd,
}  # fmt: skip


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def etcd() -> Iterator[Callable[[], Etcd]]:
    """Return one member that is started when it is first asked for."""
    made: list[Etcd] = []

    def member() -> Etcd:
        if not made:
            made.append(Etcd())
            made[0].start()
        return made[0]

    yield member
    for one in made:
        one.stop()


@pytest.fixture(params=sorted(BACK_ENDS))
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock, etcd: Callable[[], Etcd]
) -> AsyncIterator[Store]:
    opened = await BACK_ENDS[request.param](tmp_path, clock, etcd)
    yield opened
    await opened.close()
