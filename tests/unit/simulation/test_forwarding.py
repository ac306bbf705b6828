"""The far end of a port-forward, over SPDY and over WebSocket."""

import asyncio

import pytest

from kubern.base.errors import BadRequest
from kubern.http.contract import Peer, Request, Tunnel, Upgrade
from kubern.http.relay import V4
from kubern.http.spdy import Data, Replied, Reset, Session
from kubern.simulation.forwarding import forward
from kubern.simulation.ports import Greeting, Page

SPDY = Request("POST", "/portForward", "", {"connection": "Upgrade", "upgrade": "SPDY/3.1"}, b"", Peer())
LISTENS = {1: Greeting(b"hi"), 2: Page(b"page")}


def connect(port):
    return LISTENS.get(port, f"refused {port}")


class Channel:
    """A client that sends these pieces and hangs up."""

    def __init__(self, *pieces):
        self.pieces = [*pieces, b""]
        self.got: list[bytes] = []
        self.closed = False

    async def receive(self):
        return self.pieces.pop(0)

    async def send(self, data):
        self.got.append(data)

    async def close(self):
        self.closed = True


class Bytes(Channel):
    def close(self):
        self.closed = True


async def over_spdy(client, *pieces):
    answered = forward(SPDY, [], connect)
    assert isinstance(answered, Tunnel)
    assert b"X-Stream-Protocol-Version: portforward.k8s.io\r\n" in answered.head
    channel = Bytes(*pieces)
    await asyncio.wait_for(answered.serve(channel), 5)
    assert channel.closed
    return client.receive(b"".join(channel.got))


def pair(client, port, request):
    error, first = client.open({"streamtype": "error", "port": str(port), **request}, fin=True)
    data, second = client.open({"streamtype": "data", "port": str(port), **request})
    return error, data, first + second


@pytest.mark.parametrize("request_id", [{"requestid": "0"}, {}], ids=["named", "unnamed"])
@pytest.mark.parametrize(
    ("port", "sent", "said", "error"),
    [
        (1, b"", b"hi", b""),
        (2, b"GET / HTTP/1.1\r\n\r\n", b"page", b""),
        (3, b"", b"", b"refused 3"),
    ],
)
async def test_a_connection_over_spdy(request_id, port, sent, said, error):
    client = Session(client=True)
    error_stream, data_stream, opened = pair(client, port, request_id)
    events = await over_spdy(client, opened, client.data(data_stream, sent) if sent else client.ping(1))
    assert [event.stream for event in events if isinstance(event, Replied)] == [error_stream, data_stream]
    got = {event.stream: event for event in events if isinstance(event, Data)}
    assert got[data_stream].data.endswith(said)
    assert got[error_stream].data == error
    assert got[data_stream].fin
    assert got[error_stream].fin


@pytest.mark.parametrize(
    "headers",
    [
        {"streamtype": "data", "port": "1", "requestid": "9"},
        {"streamtype": "error", "port": "0"},
        {"streamtype": "error", "port": "x"},
        {"streamtype": "other", "port": "1"},
    ],
)
async def test_a_stream_that_fits_nothing_is_broken_off(headers):
    client = Session(client=True)
    stream, frame = client.open(headers)
    events = await over_spdy(client, frame)
    assert [event.stream for event in events if isinstance(event, Reset)] == [stream]


async def test_a_client_over_websocket_gets_two_channels_a_port():
    headers = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-protocol": V4}
    answered = forward(SPDY._replace(headers=headers), [1, 2, 3], connect)
    assert isinstance(answered, Upgrade)
    socket = Channel(b"\x02GET / HT", b"\x00late", b"\x02TP/1.1\r\n\r\n")
    await asyncio.wait_for(answered.serve(socket), 5)
    ports = [bytes((channel, 1 + channel // 2, 0)) for channel in range(6)]
    assert socket.got[:6] == ports
    assert socket.got[6:8] == [b"\x00hi", b"\x05refused 3"]
    assert [piece[:1] for piece in socket.got[8:]] == [b"\x02"]
    assert socket.got[8].endswith(b"\r\n\r\npage")
    assert socket.closed


def test_other_websocket_protocols_are_refused():
    headers = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-protocol": "v9"}
    with pytest.raises(BadRequest, match="unable to upgrade"):
        forward(SPDY._replace(headers=headers), [1], connect)
