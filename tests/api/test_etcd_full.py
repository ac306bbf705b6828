"""An etcd that has no room left: writes are refused in its words, the present can be read, and `kubern store` brings it back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from kubern.base.clock import SystemClock
from kubern.store.etcd.store import EtcdStore
from tests.api.conftest import Api, Apiserver
from tests.etcd import Etcd

PATH = "/api/v1/namespaces/default/configmaps"
QUOTA = 6_000_000
"""Bytes that the database may have."""
BIG = {"x": "y" * 700_000}


@pytest.fixture
def small() -> Iterator[Etcd]:
    with Etcd(1, flags=[f"--quota-backend-bytes={QUOTA}"]) as made:
        yield made


def store(action: str, etcd: Etcd) -> str:
    command = [sys.executable, "-m", "kubern", "store", action, f"--etcd-servers={etcd.urls[0]}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def fill(api: Api) -> list[str]:
    """Write until the store is full; returns the names of what was written."""
    written: list[str] = []
    # etcd looks at how much its file has grown, a tenth of a second after it did
    for number in range(20 * QUOTA // len(BIG["x"])):
        answer = api("POST", PATH, {"metadata": {"name": f"big{number}"}, "data": BIG})
        if answer.code != 201:
            status = answer.body
            assert (status["code"], status["message"]) == (500, "etcdserver: mvcc: database space exceeded")
            assert "reason" not in status
            return written
        written.append(f"big{number}")
    pytest.fail("the store does not get full")


async def elsewhere(etcd: Etcd, value: bytes | None) -> None:
    """Write or delete a key beside the apiserver's, which its watch does not tell of."""
    other = await EtcdStore.open(etcd.urls, clock=SystemClock(), prefix=b"/elsewhere/", compact_every=0)
    assert (await other.txn(b"key", value)).succeeded
    await other.close()


def test_a_full_etcd_can_be_read_and_is_brought_back(own_apiserver: Callable[..., Apiserver], small: Etcd) -> None:
    api = own_apiserver(f"--etcd-servers={small.urls[0]}").start()
    asyncio.run(elsewhere(small, b"value"))
    stream = api.watch(f"{PATH}?watch=1&fieldSelector=metadata.name=after")
    written = fill(api)
    assert len(written) >= 3
    patch = {"content-type": "application/merge-patch+json"}
    assert api("PATCH", f"{PATH}/{written[0]}", {"data": BIG | {"z": "1"}}, headers=patch).code == 500
    asyncio.run(elsewhere(small, None))
    # the store is further than the watch, which will never come there, and nothing can be written to learn that
    shown = api("GET", PATH)
    assert shown.code == 200, shown.body
    assert {item["metadata"]["name"] for item in shown.body["items"]} >= set(written)
    assert api("GET", f"{PATH}/{written[0]}").code == 200
    assert api("GET", "/readyz").code == 200
    for name in written[1:]:
        assert api("DELETE", f"{PATH}/{name}").code == 200
        assert api("GET", f"{PATH}/{name}").code == 404
    assert "NOSPACE" in store("check", small)
    assert "compacted at revision" in store("compact", small)
    assert "bytes before" in store("defrag", small)
    assert "alarms disarmed: 1" in store("disarm", small)
    assert store("check", small).endswith("in order\n")
    assert api("POST", PATH, {"metadata": {"name": "after"}}).code == 201
    assert b'"ADDED"' in next(stream)
    stream.close()
