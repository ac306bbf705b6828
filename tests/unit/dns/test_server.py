"""Questions over real sockets on loopback."""

import asyncio
import socket

import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord

from kubern.dns.server import DnsServer
from kubern.dns.zone import Zone


def bound(kind):
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


class Asker:
    """Asks a server by UDP and TCP."""

    def __init__(self, udp, tcp):
        self.udp, self.tcp = udp, tcp

    async def datagram(self, wire):
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, self.udp)
            await loop.sock_sendall(sock, wire)
            async with asyncio.timeout(5):
                return DNSRecord.parse(await loop.sock_recv(sock, 65535))

    async def stream(self, wire):
        reader, writer = await asyncio.open_connection(*self.tcp)
        writer.write(len(wire).to_bytes(2, "big") + wire)
        async with asyncio.timeout(5):
            answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        writer.close()
        await writer.wait_closed()
        return DNSRecord.parse(answer)


@pytest.fixture
async def ask():
    zone = Zone()
    meta = {"namespace": "default", "name": "web"}
    zone.update(("default", "web"), {"metadata": meta, "spec": {"clusterIP": "10.96.0.7"}})
    endpoints = [{"addresses": [f"10.244.1.{n}"]} for n in range(1, 200)]
    big = {"metadata": meta | {"name": "big"}, "spec": {"clusterIP": "None"}}
    zone.update(("default", "big"), big, [{"endpoints": endpoints}])

    async def elsewhere(wire):
        reply = DNSRecord.parse(wire).reply()
        reply.header.rcode = RCODE.NOTIMP
        if b"broken" in wire:
            raise OSError("no way there")
        return bytes(reply.pack())

    server = DnsServer(zone, elsewhere)
    udp, tcp = bound(socket.SOCK_DGRAM), bound(socket.SOCK_STREAM)
    asker = Asker(udp.getsockname(), tcp.getsockname())
    await server.listen(udp, tcp)
    yield asker
    await server.close()


async def test_an_address_by_either_transport(ask):
    wire = DNSRecord.question("web.default.svc.cluster.local").pack()
    for reply in (await ask.datagram(wire), await ask.stream(wire)):
        assert [str(a.rdata) for a in reply.rr] == ["10.96.0.7"]
        assert reply.header.aa == 1


async def test_what_does_not_exist(ask):
    reply = await ask.datagram(DNSRecord.question("no.default.svc.cluster.local").pack())
    assert reply.header.rcode == RCODE.NXDOMAIN
    assert reply.auth[0].rtype == QTYPE.SOA


async def test_a_long_answer_is_cut_and_whole_by_tcp(ask):
    question = DNSRecord.question("big.default.svc.cluster.local")
    cut = await ask.datagram(question.pack())
    assert (cut.header.tc, cut.rr) == (1, [])
    question.add_ar(EDNS0(udp_len=4096))
    assert len((await ask.datagram(question.pack())).rr) == 199
    assert len((await ask.stream(question.pack())).rr) == 199


async def test_other_zones_are_forwarded_and_a_silent_forwarder_is_a_server_failure(ask):
    assert (await ask.datagram(DNSRecord.question("example.org").pack())).header.rcode == RCODE.NOTIMP
    assert (await ask.stream(DNSRecord.question("broken.example.org").pack())).header.rcode == RCODE.SERVFAIL


async def test_junk_gets_no_answer_and_hurts_nobody(ask):
    wire = DNSRecord.question("web.default.svc.cluster.local").pack()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for junk in (b"", b"\0", wire[:13], b"\xff" * 600, wire[:12] + b"\xc0\x0c\0\1\0\1"):
            sock.sendto(junk, ask.udp)
    assert (await ask.datagram(wire)).rr
