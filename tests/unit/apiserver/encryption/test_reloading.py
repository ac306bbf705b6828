"""Keys that come and go while a server runs: what is cached is opened anew, and the next write seals with the first key of today."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from kubern.api.resources import load
from kubern.apiserver.config import Config
from kubern.apiserver.encryption.sealing import RELOAD_EVERY
from kubern.apiserver.identity import LOOPBACK
from kubern.apiserver.server import ApiServer
from kubern.base.clock import FakeClock
from kubern.http.contract import Peer, Request, Response
from kubern.store.embedded import EmbeddedStore

PATH = "/api/v1/namespaces/default/secrets"


def configure(file: Path, *names: str) -> None:
    """Seal Secrets with the first key; the others open only."""
    keys = {name: base64.b64encode(name.encode().ljust(32, b"*")).decode() for name in names}
    providers = [{"aesgcm": {"keys": [{"name": name, "secret": key}]}} for name, key in keys.items()]
    entry = {"resources": ["secrets"], "providers": providers}
    config = {"kind": "EncryptionConfiguration", "apiVersion": "apiserver.config.k8s.io/v1", "resources": [entry]}
    file.write_text(json.dumps(config))


class Server:
    """A server in process that looks after the file of its keys."""

    def __init__(self, api: ApiServer, store: EmbeddedStore, clock: FakeClock, file: Path) -> None:
        self._api, self._store, self._clock, self.file = api, store, clock, file

    async def __call__(self, method: str, name: str, body: Any = None) -> Response:
        data = b"" if body is None else orjson.dumps(body)
        answer = self._api.handler(Request(method, f"{PATH}{name}", "", {}, data, Peer(user=LOOPBACK)))
        done = await answer if inspect.isawaitable(answer) else answer
        assert isinstance(done, Response)
        return done

    async def stored(self) -> bytes:
        """Return what the store holds of the Secret."""
        return (await self._store.range(b"/registry/secrets/default/one")).items[0].value

    async def until(self, holds: Callable[[Response], bool]) -> Response:
        """Let time go on until a GET shows that the file was read."""
        async with asyncio.timeout(20):
            while not holds(answer := await self("GET", "/one")):
                await self._clock.advance(RELOAD_EVERY)
                await asyncio.sleep(0.005)
        return answer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    file, clock = tmp_path / "keys.json", FakeClock()
    configure(file, "first")
    store = await EmbeddedStore.open(tmp_path / "store", clock=clock)
    config = Config(encryption_provider_config=file, encryption_provider_config_automatic_reload=True)
    api = ApiServer(store, load(), config, clock, random.Random(1))
    await api.start()
    yield Server(api, store, clock, file)
    await api.close()
    await store.close()


async def test_keys_that_come_and_go_change_what_can_be_read_and_what_is_stale(server: Server) -> None:
    made = await server("POST", "", {"metadata": {"name": "one"}, "data": {"a": "Yg=="}})
    assert made.status == 201
    assert (await server.stored()).startswith(b"k8s:enc:aesgcm:v1:first:")

    configure(server.file, "second")
    refused = await server.until(lambda answer: answer.status == 500)
    assert b"no matching prefix found" in bytes(refused.body)
    assert (await server("GET", "")).status == 500

    configure(server.file, "second", "first")
    shown = await server.until(lambda answer: answer.status == 200)
    assert orjson.loads(bytes(shown.body))["data"] == {"a": "Yg=="}
    assert (await server("GET", "")).status == 200
    assert (await server.stored()).startswith(b"k8s:enc:aesgcm:v1:first:")

    assert (await server("PUT", "/one", orjson.loads(bytes(shown.body)))).status == 200
    assert (await server.stored()).startswith(b"k8s:enc:aesgcm:v1:second:")
