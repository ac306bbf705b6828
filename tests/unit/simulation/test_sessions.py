"""The far end of an exec: what a client over SPDY gets, and what a runtime's WebSocket says."""

import asyncio
import json

import pytest

from kubern.base.errors import BadRequest
from kubern.http.contract import Peer, Request, Tunnel, Upgrade
from kubern.http.relay import STDERR, STDOUT, V4, Streams
from kubern.http.spdy import Data, Session
from kubern.simulation.sessions import answer

SPDY = Request("POST", "/exec", "", {"connection": "Upgrade", "upgrade": "SPDY/3.1"}, b"", Peer())


async def program(write):
    await write(STDOUT, b"out")
    await write(STDERR, b"err")
    return 3


class Channel:
    """A connection whose client has sent everything, and hangs up once it has got what ends with `last`."""

    def __init__(self, sent, last):
        self.sent, self.got, self.last = [sent], b"", last
        self.over = asyncio.Event()
        self.closed = False

    async def receive(self):
        if self.sent:
            return self.sent.pop(0)
        await self.over.wait()
        return b""

    async def send(self, data):
        self.got += data
        if self.got.endswith(self.last):
            self.over.set()

    def close(self):
        self.closed = True


async def test_a_client_over_spdy_gets_output_and_exit_code():
    client, streams, numbers, sent = Session(client=True), Streams(True, True, True), {}, b""
    for name in streams.names:
        numbers[name], frame = client.open({"streamtype": name})
        sent += frame
    sent += client.data(numbers["stdin"], b"typed")
    answered = answer(SPDY, streams, program)
    assert isinstance(answered, Tunnel)
    assert answered.head.startswith(b"HTTP/1.1 101 ")
    channel = Channel(sent, client.data(numbers["stderr"], b"", fin=True))
    await asyncio.wait_for(answered.serve(channel), 5)
    assert channel.closed
    got = {}
    for event in client.receive(channel.got):
        if isinstance(event, Data):
            got[event.stream] = got.get(event.stream, b"") + event.data
    assert (got[numbers["stdout"]], got[numbers["stderr"]]) == (b"out", b"err")
    status = json.loads(got[numbers["error"]])
    assert (status["reason"], status["details"]["causes"][0]["message"]) == ("NonZeroExitCode", "3")


async def test_a_client_over_websocket_gets_the_same():
    headers = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-protocol": V4}
    answered = answer(SPDY._replace(headers=headers), Streams(stdout=True), program)
    assert isinstance(answered, Upgrade)

    class Socket:
        sent = ()
        closed = asyncio.Event()

        async def send(self, data):
            self.sent = (*self.sent, data)

        async def receive(self):
            await self.closed.wait()

        async def close(self):
            self.closed.set()

    socket = Socket()
    await answered.serve(socket)
    assert socket.sent[:2] == (b"\1out", b"\2err")
    assert json.loads(socket.sent[2][1:])["status"] == "Failure"
    with pytest.raises(BadRequest, match=V4):
        answer(SPDY._replace(headers=headers | {"sec-websocket-protocol": "v9"}), Streams(), program)
