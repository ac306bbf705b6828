"""CPU per request of the connection layer: GET of 3 KB and of 300 KB over TLS with wrk, and delivery of watch events.

Run: `python benchmarks/http_layer.py [seconds]`. Needs wrk. CPU is the server process's own (user + system).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kubern.http.contract import Answer, Request, Response, Stream, StreamWriter, frame_chunk
from kubern.http.server import serve
from kubern.http.tls import ServerTls, client_context

HEADERS = (("Cache-Control", "no-cache, private"), ("Content-Type", "application/json"))
SMALL, LARGE = b"x" * 3072, b"x" * 300_000


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for localhost; returns its path and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    (folder / "tls.crt").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "tls.crt", folder / "tls.key"


def cpu() -> float:
    """CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Handler:
    """Counts requests and keeps the watchers."""

    def __init__(self) -> None:
        self.requests = 0
        self.watchers: list[StreamWriter] = []

    def __call__(self, request: Request) -> Answer:
        self.requests += 1
        if request.path == "/watch":
            return Stream(200, HEADERS, self.watchers.append, lambda: None)
        return Response(200, HEADERS, LARGE if request.path == "/large" else SMALL)


async def run(folder: Path, pipe: Pipe) -> None:
    """Serve until told to stop; on each message from the pipe, send the CPU seconds and requests since the last."""
    handler = Handler()
    cert, key = folder / "tls.crt", folder / "tls.key"
    server = await serve(handler, ("127.0.0.1", 0), tls=ServerTls(cert, key))
    loop = asyncio.get_running_loop()
    pipe.send(server.port)
    while (order := await loop.run_in_executor(None, pipe.recv)) != "stop":
        if order == "mark":
            handler.requests, start = 0, cpu()
        elif order == "report":
            pipe.send((cpu() - start, handler.requests))
        else:
            chunk = frame_chunk(SMALL)
            for _ in range(order):
                for writer in handler.watchers:
                    writer.write_framed(chunk)
                await asyncio.sleep(0)
                while any(writer.buffered for writer in handler.watchers):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            pipe.send(len(handler.watchers))
    await server.close(grace=0)


def child(folder: str, pipe: Pipe) -> None:
    """The server process."""
    uvloop.run(run(Path(folder), pipe))


def gets(pipe: Pipe, port: int, path: str, seconds: int) -> None:
    """One row: wrk with 16 connections."""
    pipe.send("mark")
    out = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}s", f"https://127.0.0.1:{port}{path}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    pipe.send("report")
    used, requests = pipe.recv()
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    print(f"GET {path:8} {rate.group(1) if rate else '?':>10}/s   {used / requests * 1000:.4f} ms CPU per request")


async def watch(port: int, ca: Path, watchers: int, events: int, pipe: Pipe) -> None:
    """One row: many watchers, each event to all."""
    context = client_context(ca)

    class Reader(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transport.write(b"GET /watch HTTP/1.1\r\nHost: x\r\n\r\n")  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    for _ in range(watchers):
        await loop.create_connection(Reader, "127.0.0.1", port, ssl=context, server_hostname="localhost")
    await asyncio.sleep(0.2)
    pipe.send("mark")
    pipe.send(events)
    count = await loop.run_in_executor(None, pipe.recv)
    pipe.send("report")
    used, _ = await loop.run_in_executor(None, pipe.recv)
    print(f"watch: {count} watchers × {events} events of 3 KB: {used / count / events * 1e6:.1f} µs CPU per delivery")


def main() -> None:
    """Print the rows."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        cert, _ = certificate(Path(folder))
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=child, args=(folder, theirs), daemon=True)
        process.start()
        port = ours.recv()
        print(f"{os.cpu_count()} cores, TLS, uvloop")
        gets(ours, port, "/small", seconds)
        gets(ours, port, "/large", seconds)
        uvloop.run(watch(port, cert, 500, 40, ours))
        ours.send("stop")
        process.join(5)


if __name__ == "__main__":
    main()
