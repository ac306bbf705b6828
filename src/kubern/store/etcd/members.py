"""The members of an etcd cluster: one connection each, and which of them to ask.

What always holds: a question that changes nothing is put to the next member when one cannot answer; a write is put to another member only
when the first one was never reached, since else nobody knows whether it happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

import grpc
import grpc.aio

from kubern.base.clock import Clock
from kubern.store.contract import StoreUnavailable
from kubern.store.etcd import rpc_pb2 as rpc
from kubern.store.etcd.tls import Tls, distrust

CALL_SECONDS = 5.0
"""How long one member may take for an answer."""
SECONDS = 15.0
"""How long a question is put to one member after the other."""
_PAUSE = 0.1
_METHODS = {
    "Range": "KV", "Txn": "KV", "Compact": "KV", "LeaseGrant": "Lease", "LeaseRevoke": "Lease", "Status": "Maintenance",
    "Defragment": "Maintenance", "Alarm": "Maintenance",
}  # fmt: skip
_LOST = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
)
"""What a member that is down, cut off or without a leader answers."""
_OPTIONS = [
    ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_http_proxy", 0),
    ("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 5_000), ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.http2.max_pings_without_data", 0),  # else a watch on which nothing happens outlives its member
]  # fmt: skip

Lost = grpc.aio.AioRpcError


def is_lost(error: Any) -> bool:
    """Whether an error means that the member could not answer, not that it refused."""
    return error.code() in _LOST


def never_sent(error: Any) -> bool:
    """Whether a call that was lost cannot have reached the member."""
    return is_lost(error) and "failed to connect" in (error.details() or "").lower()


class Members:
    """Connections to the members at `endpoints` (`http://host:port`, `https://…`, `host:port`)."""

    def __init__(self, endpoints: Sequence[str], tls: Tls, clock: Clock) -> None:
        """Raises `ValueError` for an endpoint that is none, `OSError` for files that cannot be read."""
        self.endpoints = tuple(endpoints)
        self.clock = clock
        self._channels = [_channel(endpoint, tls) for endpoint in endpoints]
        if not self._channels:
            raise ValueError("--etcd-servers names no server")
        self._calls: list[dict[str, Callable[..., Any]]] = [{} for _ in self._channels]
        self._preferred = 0

    async def read(self, method: str, request: Any, seconds: float = SECONDS) -> Any:
        """Put a question that changes nothing to the members in turn until one answers. Raises `StoreUnavailable`, and what one refuses."""
        deadline = self.clock.monotonic() + seconds
        strangers = 0
        while True:
            at = self._preferred
            try:
                return await self._call(at, method)(request, timeout=CALL_SECONDS)
            except Lost as error:
                if not is_lost(error):
                    raise
                self.leave(at)
                reason = distrust(error.details() or "")
                strangers = strangers + 1 if reason else 0
                if strangers >= len(self._channels):  # waiting mends no certificate
                    raise StoreUnavailable(reason) from error
                if self.clock.monotonic() > deadline:
                    raise StoreUnavailable(f"no etcd member answers: {error.details()}") from error
            await self.clock.sleep(_PAUSE)

    async def write(self, method: str, request: Any) -> Any:
        """Ask for a change, once; of another member only when the first was never reached. Raises the call's error."""
        for attempt in range(len(self._channels) + 1):
            at = self._preferred
            try:
                return await self._call(at, method)(request, timeout=CALL_SECONDS)
            except Lost as error:
                if is_lost(error):
                    self.leave(at)
                if not never_sent(error) or attempt == len(self._channels):
                    raise
        raise AssertionError("unreachable")

    async def each(self, method: str, request: Any, seconds: float) -> list[Any]:
        """Ask every member for itself. Raises the first error."""
        return [await self._call(at, method)(request, timeout=seconds) for at in range(len(self._channels))]

    async def keep_alive(self, lease: int) -> int:
        """Renew a lease; returns its seconds, 0 for one that is gone. Raises `StoreUnavailable`."""
        at = self._preferred
        call = self._stream(at, "Lease", "LeaseKeepAlive")
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await call.write(rpc.LeaseKeepAliveRequest(ID=lease))
                answer = await call.read()
                return int(answer.TTL) if answer is not grpc.aio.EOF else 0
        except (Lost, TimeoutError) as error:
            self.leave(at)
            raise StoreUnavailable(f"the lease could not be renewed: {error}") from error
        finally:
            call.cancel()

    def watch(self) -> tuple[int, Any]:
        """Open a watch stream; returns the member's number with it."""
        return self._preferred, self._stream(self._preferred, "Watch", "Watch")

    async def snapshot(self) -> AsyncIterator[bytes]:
        """Yield one member's database. Raises `StoreUnavailable`."""
        call = self._channels[self._preferred].unary_stream(
            "/etcdserverpb.Maintenance/Snapshot", rpc.SnapshotRequest.SerializeToString, rpc.SnapshotResponse.FromString
        )
        try:
            async for part in call(rpc.SnapshotRequest()):
                yield part.blob
        except Lost as error:
            raise StoreUnavailable(f"the snapshot broke off: {error.details()}") from error

    def leave(self, at: int) -> None:
        """Prefer another member than number `at`, which did not answer."""
        if self._preferred == at:
            self._preferred = (at + 1) % len(self._channels)

    async def close(self) -> None:
        """Close all connections."""
        for channel in self._channels:
            with suppress(asyncio.CancelledError):
                await channel.close()

    def _call(self, at: int, method: str) -> Callable[..., Any]:
        calls = self._calls[at]
        if method not in calls:
            calls[method] = _unary(self._channels[at], method)
        return calls[method]

    def _stream(self, at: int, service: str, method: str) -> Any:
        kinds = {"Watch": (rpc.WatchRequest, rpc.WatchResponse)}
        request, response = kinds.get(method, (rpc.LeaseKeepAliveRequest, rpc.LeaseKeepAliveResponse))
        call = self._channels[at].stream_stream(
            f"/etcdserverpb.{service}/{method}", request.SerializeToString, response.FromString
        )
        # a member without a leader ends the stream, instead of being silent about what the others write
        return call(metadata=(("hasleader", "true"),))


def _unary(channel: Any, method: str) -> Callable[..., Any]:
    name = "Compaction" if method == "Compact" else method
    made: Callable[..., Any] = channel.unary_unary(
        f"/etcdserverpb.{_METHODS[method]}/{method}",
        request_serializer=getattr(rpc, f"{name}Request").SerializeToString,
        response_deserializer=getattr(rpc, f"{name}Response").FromString,
    )
    return made


def _channel(endpoint: str, tls: Tls) -> Any:
    scheme, found, address = endpoint.strip().rpartition("://")
    if not address or address.startswith("/") or (found and scheme not in ("http", "https", "unix")):
        raise ValueError(f"--etcd-servers: {endpoint!r} must be http://host:port or https://host:port")
    target = f"unix:{address}" if scheme == "unix" else address.rstrip("/")
    if scheme != "https":
        return grpc.aio.insecure_channel(target, options=_OPTIONS)
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(*tls.read()), options=_OPTIONS)
