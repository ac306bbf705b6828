"""Sockets inside a network namespace, for a process that stays outside: no host interface is ever needed.

A socket belongs to the namespace of the thread that made it. So one thread enters the namespace for good and makes sockets;
everybody else uses them as any other.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_CLONE_NEWNET = 0x40000000


class NetworkNamespace:
    """Makes sockets in the namespace at `path`. Raises `OSError` at the first use when it does not exist."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="netns", initializer=self._enter)

    def _enter(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if libc.setns(fd, _CLONE_NEWNET):
                code = ctypes.get_errno()
                raise OSError(code, f"setns {self._path}: {os.strerror(code)}")
        finally:
            os.close(fd)

    def open(self, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Return a new non-blocking IPv4 socket of `kind` that lives in the namespace."""
        return self._thread.submit(socket.socket, socket.AF_INET, kind | socket.SOCK_NONBLOCK).result()

    def listen(self, address: str, port: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Return a socket bound (and, for a stream, listening) in the namespace. Raises `OSError` for a busy port."""
        sock = self.open(kind)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            if kind == socket.SOCK_STREAM:
                sock.listen(1024)
        except BaseException:
            sock.close()
            raise
        return sock

    async def connect(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """Return a stream socket connected from inside the namespace. Raises `OSError`, `TimeoutError`."""
        sock = self.open()
        try:
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(sock, (host, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)
