"""Watchers that never read: the server keeps little for each and in all, cuts them off, and the others miss nothing."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.api.conftest import Api, Apiserver

PATH = "/api/v1/namespaces/default/configmaps"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
READERS, DEAF = 950, 50
CHANGES = 25
BIG = "x" * 900_000
LIMIT = 90.0
PACE = 0.15
"""Seconds that a change may not come sooner after the one before: the server looks at the slow ones once a second."""


@pytest.fixture
def many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * (READERS + DEAF)
    if soft < wanted:
        assert hard >= wanted, "1,000 connections need as many files"
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def memory(pid: int) -> int:
    """Return a process's resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def query(api: Api, accept: str) -> bytes:
    path = f"{PATH}?watch=1&fieldSelector=metadata.name=subject&resourceVersion=0"
    return f"GET {path} HTTP/1.1\r\nHost: {urlsplit(api.url).netloc}\r\nAccept: {accept}\r\n\r\n".encode()


class Reader:
    """A watcher that reads: the numbers of the changes that it has been shown."""

    def __init__(self, api: Api, saw: Callable[[int], None]) -> None:
        self._api, self._saw = api, saw
        self.seen: list[int] = []

    async def open(self, few: asyncio.Semaphore) -> None:
        """Begin to watch."""
        address = urlsplit(self._api.url)
        async with few:
            self._reader, self._writer = await asyncio.open_connection(
                address.hostname, address.port, ssl=self._api.tls
            )
            self._writer.write(query(self._api, METADATA))
            head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head

    async def follow(self) -> None:
        """Read until every change was seen, or the stream ends."""
        while not self.seen or self.seen[-1] < CHANGES:
            line = await self._reader.readline()
            if not line:
                break
            if line.startswith(b"{"):
                self.seen.append(int(json.loads(line)["object"]["metadata"]["annotations"]["n"]))
                self._saw(self.seen[-1])
        self._writer.close()


class Deaf:
    """A watcher that never reads: its whole objects pile up at the server."""

    def __init__(self, api: Api) -> None:
        address = urlsplit(api.url)
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect((address.hostname, address.port))
        self._socket = api.tls.wrap_socket(plain, server_hostname=address.hostname)
        self._socket.sendall(query(api, "application/json"))

    def rest(self) -> int:
        """Read what is left until the server's end of the stream; returns how many events were begun."""
        self._socket.settimeout(LIMIT)
        whole = bytearray()
        try:
            while data := self._socket.recv(1 << 20):
                whole += data
        except (ConnectionError, ssl.SSLEOFError):
            pass
        self._socket.close()
        return whole.count(b'{"type":')


async def _change(api: Api, value: int) -> None:
    obj = {"metadata": {"name": "subject", "annotations": {"n": str(value)}}, "data": {"x": BIG}}
    path = f"{PATH}/subject" if value else PATH
    answer = await asyncio.to_thread(api, "PUT" if value else "POST", path, obj)
    assert answer.code < 300, answer.body


async def _watch_all(api: Api, pid: int) -> tuple[list[Reader], int]:
    """Change the object while everybody watches; returns the readers, and how much memory the server took more at the most."""
    counts = dict.fromkeys(range(CHANGES + 1), 0)
    everybody = asyncio.Event()

    def saw(value: int) -> None:
        counts[value] += 1
        if counts[value] == READERS:
            everybody.set()

    few = asyncio.Semaphore(20)
    readers = [Reader(api, saw) for _ in range(READERS)]
    await asyncio.gather(*(reader.open(few) for reader in readers))
    following = [asyncio.ensure_future(reader.follow()) for reader in readers]
    before = peak = memory(pid)
    for value in range(1, CHANGES + 1):
        everybody.clear()
        due = asyncio.get_running_loop().time() + PACE
        await _change(api, value)
        await asyncio.wait_for(everybody.wait(), LIMIT)
        peak = max(peak, memory(pid))
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
    await asyncio.wait_for(asyncio.gather(*following), LIMIT)
    return readers, peak - before


def test_those_who_never_read_are_cut_off_and_the_others_miss_nothing(
    own_apiserver: Callable[..., Apiserver], many_files: None
) -> None:
    apiserver = own_apiserver()
    api = apiserver.start()
    assert apiserver.process is not None
    asyncio.run(_change(api, 0))
    deaf = [Deaf(api) for _ in range(DEAF)]
    readers, grown = asyncio.run(_watch_all(api, apiserver.process.pid))
    assert all(reader.seen == list(range(CHANGES + 1)) for reader in readers)
    assert grown < 900_000_000  # all that was to be sent to them is 1.1 GB, which they would hold if nobody was cut off
    for watcher in deaf:
        assert watcher.rest() < CHANGES
    assert api("GET", "/readyz").code == 200
