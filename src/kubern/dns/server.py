"""The DNS server: UDP and TCP on given sockets, answers from a `Zone`, everything else to a forwarder or refused.

Source: RFC 1035, RFC 6891 (EDNS), RFC 7766 (TCP).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import cast

from dnslib import AAAA as AAAARecord
from dnslib import CNAME as CNAMERecord
from dnslib import EDNS0, QTYPE, RCODE, RD, RR, SOA, DNSRecord
from dnslib import PTR as PTRRecord
from dnslib import SRV as SRVRecord
from dnslib import TXT as TXTRecord
from dnslib import A as ARecord
from dnslib.dns import DNSError

from kubern.dns.records import Record
from kubern.dns.zone import Zone

log = logging.getLogger(__name__)

TTL = 30
PLAIN_UDP_SIZE = 512
IDLE_SECONDS = 10
MAX_CONNECTIONS = 256

Forward = Callable[[bytes], Awaitable[bytes]]
"""Asks somebody else; raises `OSError` or `TimeoutError` when there is no answer."""


def respond(zone: Zone, wire: bytes) -> tuple[DNSRecord, bool] | None:
    """Return the reply to a question and whether it is final (False: not our zone, ask a forwarder); None for junk."""
    try:
        question = DNSRecord.parse(wire)
    except (DNSError, UnicodeError, ValueError, IndexError):
        return None
    if question.header.qr or len(question.questions) != 1 or question.header.opcode:
        reply = question.reply(ra=0)
        reply.header.rcode = RCODE.FORMERR
        return (reply, True) if not question.header.qr else None
    asked = question.q
    answer = zone.answer(str(asked.qname).rstrip("."), str(QTYPE.get(asked.qtype)))
    reply = question.reply(ra=1, aa=1 if answer else 0)
    if question.ar and question.ar[0].rtype == QTYPE.OPT:
        reply.add_ar(EDNS0(udp_len=4096))
    if answer is None:
        reply.header.rcode = RCODE.REFUSED
        return reply, False
    for owner, record in answer.records:
        reply.add_answer(RR(owner, getattr(QTYPE, record.type), rdata=_data(record), ttl=TTL))
    if not answer.known:
        reply.header.rcode = RCODE.NXDOMAIN
    if not answer.records:
        # the SOA tells a resolver how long to remember that there is nothing: 5 s, since a Service may appear at any time
        soa = SOA(f"ns.dns.{zone.domain}", f"hostmaster.{zone.domain}", (1, 7200, 1800, 86400, 5))
        reply.add_auth(RR(zone.domain, QTYPE.SOA, rdata=soa, ttl=5))
    return reply, True


def _data(record: Record) -> RD:
    match record.type:
        case "A":
            return ARecord(record.value)
        case "AAAA":
            return AAAARecord(record.value)
        case "CNAME":
            return CNAMERecord(record.value)
        case "PTR":
            return PTRRecord(record.value)
        case "TXT":
            return TXTRecord(record.value)
        case _:
            port, _, target = record.value.partition(" ")
            return SRVRecord(0, 100, int(port), target)


class DnsServer:
    """Serves one zone on any number of sockets."""

    def __init__(self, zone: Zone, forward: Forward | None = None) -> None:
        self._zone = zone
        self._forward = forward
        self._transports: list[asyncio.DatagramTransport] = []
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0

    async def listen(self, udp: socket.socket, tcp: socket.socket) -> None:
        """Serve on a bound UDP and a listening TCP socket."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        self._transports.append(transport)
        self._servers.append(await asyncio.start_server(self._serve_stream, sock=tcp))

    async def close(self) -> None:
        """Stop serving."""
        for transport in self._transports:
            transport.close()
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def datagram(self, transport: asyncio.DatagramTransport, wire: bytes, peer: tuple[str, int]) -> None:
        """Answer one datagram, at once when the zone knows the answer."""
        found = respond(self._zone, wire)
        if found is None:
            return
        reply, final = found
        if final or self._forward is None:
            transport.sendto(_fit(reply, wire), peer)
            return
        task = asyncio.create_task(self._forward_datagram(self._forward, transport, wire, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward_datagram(
        self, forward: Forward, transport: asyncio.DatagramTransport, wire: bytes, peer: tuple[str, int]
    ) -> None:
        transport.sendto(await self._ask(forward, wire), peer)

    async def _ask(self, forward: Forward, wire: bytes) -> bytes:
        try:
            return await forward(wire)
        except (OSError, TimeoutError) as error:
            log.warning("forwarding a question failed: %s", error)
            reply = DNSRecord.parse(wire).reply(ra=1, aa=0)
            reply.header.rcode = RCODE.SERVFAIL
            return bytes(reply.pack())

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections += 1
        try:
            while True:
                async with asyncio.timeout(IDLE_SECONDS):
                    wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                    found = respond(self._zone, wire)
                    if found is None:
                        return
                    reply, final = found
                    packed = bytes(reply.pack()) if final or not self._forward else await self._ask(self._forward, wire)
                    writer.write(len(packed).to_bytes(2, "big") + packed)
                    await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._connections -= 1
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """Hands each datagram to the server."""

    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None:
            self._server.datagram(self._transport, data, addr)


def _fit(reply: DNSRecord, wire: bytes) -> bytes:
    """Pack a reply for UDP: cut to nothing with the TC bit set when it is larger than the asker can take."""
    packed = bytes(reply.pack())
    extra = DNSRecord.parse(wire).ar
    limit = max(PLAIN_UDP_SIZE, min(extra[0].rclass, 4096)) if extra and extra[0].rtype == QTYPE.OPT else PLAIN_UDP_SIZE
    return packed if len(packed) <= limit else bytes(reply.truncate().pack())
