"""Running an apiserver as a process: store, server, signals. Called by `kubern apiserver`."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import uvloop

from kubern.api.resources import load
from kubern.apiserver.config import Config
from kubern.apiserver.options import parse_seconds
from kubern.apiserver.server import ApiServer
from kubern.base import garbage
from kubern.base.clock import Clock, SystemClock
from kubern.http.server import bound_socket, serve
from kubern.http.tls import ServerTls
from kubern.store.contract import Store
from kubern.store.embedded import EmbeddedStore

_log = logging.getLogger(__name__)


class EtcdSettings(NamedTuple):
    """Where etcd is; the keys stand below `prefix` unless that is upstream's, `/registry`."""

    servers: tuple[str, ...]
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    prefix: str = "/registry"


class Listen(NamedTuple):
    """Where to serve, with which certificate, and where the store is: a directory, or etcd."""

    bind_address: str
    tls_cert_file: Path
    tls_private_key_file: Path
    data_dir: Path | None
    etcd: EtcdSettings | None = None


def run_apiserver(config: Config, listen: Listen) -> None:
    """Serve until SIGTERM or SIGINT. Raises `CannotListen`, `OSError` for files that cannot be read."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s %(message)s")
    uvloop.run(_main(config, listen))


async def _main(config: Config, listen: Listen) -> None:
    clock = SystemClock()
    front_proxy_cas = [config.request_header.client_ca_file] if config.request_header else []
    tls = ServerTls(listen.tls_cert_file, listen.tls_private_key_file, config.client_ca_file, *front_proxy_cas)
    sock = bound_socket(listen.bind_address, config.secure_port)
    config = replace(config, secure_port=sock.getsockname()[1])
    store = await open_store(listen.data_dir, listen.etcd, clock)
    try:
        api = ApiServer(store, load(), config, clock)
        await api.start()
        server = await serve(api.handler, [sock], tls=tls, clock=clock)
        garbage.settle()
        print(f"serving on https://{listen.bind_address}:{server.port}", flush=True)
        await _signalled()
        await api.close()
        await server.close()
    finally:
        await store.close()


async def open_store(directory: Path | None, etcd: EtcdSettings | None, clock: Clock) -> Store:
    """Open the embedded store in `directory`, or etcd. Raises `StoreError`, `ValueError`, `OSError`."""
    if etcd is not None and etcd.servers:
        from kubern.store.etcd.store import EtcdStore
        from kubern.store.etcd.tls import Tls  # gRPC is loaded by those who use it

        prefix = etcd.prefix.strip("/")
        below = b"" if prefix == "registry" else f"/{prefix}".encode()
        tls = Tls(etcd.ca, etcd.certificate, etcd.key)
        return await EtcdStore.open(etcd.servers, clock=clock, tls=tls, prefix=below)
    if directory is None:
        raise ValueError("either --data-dir (the embedded store) or --etcd-servers must be given")
    return await EmbeddedStore.open(directory, clock=clock)


async def _signalled() -> None:
    """Return at the first SIGTERM or SIGINT."""
    stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end() -> None:
        if not stop.done():
            stop.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    await stop


def parse_port_range(text: str) -> tuple[int, int]:
    """Read `30000-32767`. Raises `ValueError`."""
    first, _, last = text.partition("-")
    low, high = int(first), int(last or first)
    if not 0 < low <= high < 65536:
        raise ValueError(f"not a port range: {text!r}")
    return low, high


def parse_runtime_config(text: str) -> dict[str, bool]:
    """Read `api/beta=true,batch/v1=false`. Raises `ValueError`."""
    result = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        if value not in ("", "true", "false"):
            raise ValueError(f"not a boolean in --runtime-config: {part!r}")
        result[key.strip()] = value != "false"
    return result


FEATURE_GATES = frozenset(("CBORServingAndStorage",))
"""The features that can be switched; everything else is on or off as upstream has it by default."""


def parse_feature_gates(text: str) -> dict[str, bool]:
    """Read `CBORServingAndStorage=true`. Raises `ValueError` for a feature that cannot be switched."""
    result = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in FEATURE_GATES:
            known = ", ".join(sorted(FEATURE_GATES))
            raise ValueError(f"--feature-gates: unrecognized feature gate: {name}; known are {known}")
        if value not in ("true", "false"):
            raise ValueError(f"--feature-gates: invalid value of {name}: {value!r}, must be true or false")
        result[name] = value == "true"
    return result


def parse_claims(pairs: Iterable[str]) -> dict[str, str]:
    """Read `key=value` pairs. Raises `ValueError`."""
    claims = {}
    for pair in pairs:
        key, found, value = pair.partition("=")
        if not key or not found:
            raise ValueError(f"--oidc-required-claim: {pair!r} must be key=value")
        claims[key] = value
    return claims


def parse_duration(text: str) -> int:
    """Read a Go duration such as `1h0m0s` and return whole seconds. Raises `ValueError`."""
    return int(parse_seconds(text))
