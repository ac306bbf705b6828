"""SPDY/3.1 framing: both sides of a session, cut anywhere, and what a peer may do wrong."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.http.spdy import DICTIONARY, Data, GoneAway, Opened, Pinged, Replied, Reset, Session, SpdyError


def test_the_dictionary_is_the_protocols():
    # The identifier that SPDY/3 programs put at the start of their compressed headers.
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


def test_a_stream_from_open_to_end():
    client, server = Session(client=True), Session(client=False)
    stream, frame = client.open({"streamType": "stdin", "port": "80"})
    assert server.receive(frame) == [Opened(1, {"streamtype": "stdin", "port": "80"}, False)]
    assert client.receive(server.reply(stream, {})) == [Replied(1, {}, False)]
    assert server.receive(client.data(1, b"hi") + client.data(1, b"", fin=True)) == [
        Data(1, b"hi", False),
        Data(1, b"", True),
    ]
    second, frame = client.open({"streamtype": "stdin"}, fin=True)
    assert server.receive(frame) == [Opened(3, {"streamtype": "stdin"}, True)]
    assert second == 3
    assert server.open({})[0] == 2


def test_control_frames():
    one, other = Session(client=True), Session(client=False)
    frames = [one.ping(7), one.reset(5, 3), one.settings({4: 100}), one.window_update(1, 9), one.go_away(2)]
    assert other.receive(b"".join(frames)) == [Pinged(7), Reset(5, 3), GoneAway(2, 0)]


def test_large_data_is_sent_in_frames_that_fit():
    events = Session(client=False).receive(Session(client=True).data(1, b"x" * 0x1000001, fin=True))
    assert [(len(e.data), e.fin) for e in events] == [(0xFFFFFF, False), (2, True)]


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 17))
def test_any_cut_of_the_bytes_gives_the_same_events(parts, size):
    client = Session(client=True)
    whole = b"".join([client.open({"a": "b"})[1], *(client.data(1, part) for part in parts), client.ping(1)])
    server = Session(client=False)
    events = [e for at in range(0, len(whole), size) for e in server.receive(whole[at : at + size])]
    assert events == [Opened(1, {"a": "b"}, False), *(Data(1, part, False) for part in parts), Pinged(1)]


def _headers_frame(plain: bytes) -> bytes:
    packed = zlib.compressobj(zdict=DICTIONARY)
    block = packed.compress(plain) + packed.flush(zlib.Z_SYNC_FLUSH)
    body = struct.pack(">IIH", 1, 0, 0) + block
    return struct.pack(">HHI", 0x8003, 1, len(body)) + body


@pytest.mark.parametrize(
    "frame",
    {
        "another version": struct.pack(">HHI", 0x8002, 6, 4) + b"\0\0\0\1",
        "too short": struct.pack(">HHI", 0x8003, 3, 2) + b"\0\0",
        "headers not compressed": struct.pack(">HHI", 0x8003, 1, 14) + b"\0\0\0\1\0\0\0\0\0\0abcd",
        "header longer than its block": _headers_frame(struct.pack(">II", 1, 999) + b"a"),
        "more headers than there are": _headers_frame(struct.pack(">I", 5)),
        "a bomb": _headers_frame(b"\0" * (1 << 21)),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_broken_frame_ends_the_session(frame):
    with pytest.raises(SpdyError):
        Session(client=False).receive(frame[1])


@given(st.binary(max_size=200))
def test_noise_is_an_error_at_worst(data):
    try:
        Session(client=False).receive(data)
    except SpdyError:
        pass
