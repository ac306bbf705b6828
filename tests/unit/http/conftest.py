"""A served handler and a raw client for the connection layer's tests."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kubern.http.contract import Answer, Handler, Request, Response, Stream, StreamWriter
from kubern.http.limits import Limits
from kubern.http.server import Server, serve

Serve = Callable[..., Awaitable[Server]]


class RawClient:
    """A connection that sends exactly the bytes it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, head_only: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Read one answer: status, headers with lower-case names, body."""
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")[:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = b""
            if "chunked" in headers.get("transfer-encoding", "") and not head_only:
                while chunk := await self.chunk():
                    body += chunk
            elif not head_only:
                body = await self.reader.readexactly(int(headers.get("content-length", 0)))
            return int(first.split()[1]), headers, body

    async def chunk(self) -> bytes:
        """Read one chunk; empty at the last."""
        async with asyncio.timeout(5):
            size = int(await self.reader.readline(), 16)
            data = await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
            return data

    async def ended(self) -> bytes:
        """Read until the server closes; returns what came."""
        async with asyncio.timeout(5):
            return await self.reader.read()


class Recorder:
    """A handler that shows what it got: `/echo` the body, `/slow` waits for `release`, `/watch` streams."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.release = asyncio.Event()
        self.writers: list[StreamWriter] = []
        self.stops = 0
        self.cancelled = asyncio.Event()

    def __call__(self, request: Request) -> Answer | Awaitable[Answer]:
        self.requests.append(request)
        if request.path == "/slow":
            return self._slow()
        if request.path == "/fail":
            raise RuntimeError("on purpose")
        if request.path == "/watch":
            return Stream(200, (("Content-Type", "application/json"),), self.writers.append, self._stop)
        return Response(200, (("Content-Type", "text/plain"),), request.body or request.path.encode())

    async def _slow(self) -> Answer:
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return Response(200, (), b"slow")

    def _stop(self) -> None:
        self.stops += 1


@pytest.fixture
async def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def start() -> AsyncIterator[Serve]:
    """Start a server on a free port of the loopback; it is closed after the test."""
    servers: list[Server] = []

    async def begin(handler: Handler, limits: Limits | None = None, **options: Any) -> Server:
        servers.append(await serve(handler, ("127.0.0.1", 0), limits=limits, **options))
        return servers[-1]

    yield begin
    for server in servers:
        await server.close(grace=0)


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[RawClient]]]:
    """Open a raw connection to a server."""
    clients: list[RawClient] = []

    async def open_one(server: Server, **options: Any) -> RawClient:
        clients.append(RawClient(*await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 22, **options)))
        return clients[-1]

    yield open_one
    for client in clients:
        client.writer.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most 5 s."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    return until


class Pki:
    """A CA and what it signs, as files: `pair(name)` gives a certificate and a key for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"ca of {folder.name}")])
        self.ca = folder / "ca.crt"
        self.ca.write_bytes(self._signed(self._name, self._key, True).public_bytes(serialization.Encoding.PEM))

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, ca: bool) -> x509.Certificate:
        start = datetime.now(UTC) - timedelta(minutes=5)
        builder = x509.CertificateBuilder(
            self._name, subject, key.public_key(), x509.random_serial_number(), start, start + timedelta(days=1)
        ).add_extension(x509.BasicConstraints(ca, None), True)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), False)
        return builder.sign(self._key, hashes.SHA256())

    def pair(self, name: str, group: str = "", file: str = "") -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
        if group:
            names.insert(0, x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, group))
        paths = self._folder / f"{file or name}.crt", self._folder / f"{file or name}.key"
        certificate = self._signed(x509.Name(names), key, False)
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        paths[1].write_bytes(key.private_bytes(*form))
        return paths


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run these tests on the loop that serves in production: its TLS and its flow control differ from asyncio's own."""
    return {"uvloop": uvloop.new_event_loop}
