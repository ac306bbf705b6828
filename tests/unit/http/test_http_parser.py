"""What the parser refuses: everything that two programs could read in two ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.http.contract import Peer
from kubern.http.limits import Limits
from kubern.http.parser import BadMessage, RequestParser, split_target

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def parser() -> RequestParser:
    return RequestParser(Limits(), Peer())


@pytest.mark.parametrize(
    "data",
    {
        "bare LF": b"GET / HTTP/1.1\nHost: x\n\n",
        "bare LF after a header": b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
        "folded header": HEAD + b"A: b\r\n c\r\n\r\n",
        "space before the colon": HEAD + b"A : b\r\n\r\n",
        "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "list of lengths": HEAD + b"Content-Length: 1, 1\r\n\r\na",
        "signed length": HEAD + b"Content-Length: +1\r\n\r\na",
        "huge length": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\na",
        "length and chunks": HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "chunks and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "identity": HEAD + b"Transfer-Encoding: identity\r\n\r\n",
        "xchunked": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n",
        "gzip, chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "chunked, identity": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        "chunked twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunk size not hexadecimal": CHUNKED + b"zz\r\n",
        "chunk size with prefix": CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
        "chunk longer than its size": CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
        "chunk size ended by LF": CHUNKED + b"1\na\r\n0\r\n\r\n",
        "NUL in a value": HEAD + b"A: b\0c\r\n\r\n",
        "control character in a value": HEAD + b"A: b\x01c\r\n\r\n",
        "CR in a value": HEAD + b"A: b\rc\r\n\r\n",
        "NUL in a name": HEAD + b"A\0: c\r\n\r\n",
        "empty name": HEAD + b": c\r\n\r\n",
        "no Host": b"GET / HTTP/1.1\r\n\r\n",
        "two Hosts": HEAD + b"Host: y\r\n\r\n",
        "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/0.9": b"GET / HTTP/0.9\r\n\r\n",
        "unknown method": b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT": b"CONNECT h:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT as WebSocket": b"CONNECT h:1 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "space in the path": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "escape cut short": b"GET /a%2 HTTP/1.1\r\nHost: x\r\n\r\n",
        "escape not hexadecimal": b"GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "path not UTF-8": b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        "unknown expectation": HEAD + b"Expect: tea\r\n\r\n",
        "another scheme": b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    }.items(),
    ids=lambda item: item[0],
)
def test_refused(data):
    p = parser()
    with pytest.raises(BadMessage) as refused:
        p.feed(data[1])
    assert 400 <= refused.value.status < 600
    assert p.complete == []


def test_what_came_before_a_malformed_request_is_kept():
    p = parser()
    with pytest.raises(BadMessage):
        p.feed(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nBAD\0")
    assert [c.request.path for c in p.complete] == ["/a"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/a?b?c", ("/a", "/a", "b?c")),
        ("/%C3%A9%25", ("/%C3%A9%25", "/é%", "")),
        ("http://host:1/p?q", ("/p", "/p", "q")),
        ("https://host", ("/", "/", "")),
        ("*", ("*", "*", "")),
        ("/", ("/", "/", "")),
    ],
)
def test_targets(target, expected):
    assert split_target(target) == expected


def test_an_upgrade_keeps_the_bytes_that_follow():
    p = parser()
    p.feed(HEAD + b"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nfirst")
    p.feed(b" more")
    assert p.complete[0].upgrade == "spdy/3.1"
    assert p.leftover == b"first more"


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_an_upgrade_that_is_not_done_or_has_a_body_is_an_ordinary_request(protocol):
    p = parser()
    p.feed(
        HEAD + b"Connection: Upgrade\r\nUpgrade: %b\r\nA: b\r\nContent-Length: 3\r\n\r\nabc" % protocol
        + b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
    )  # fmt: skip
    assert [(c.request.path, c.request.body, c.upgrade) for c in p.complete] == [("/", b"abc", ""), ("/next", b"", "")]
    assert p.complete[0].request.headers["a"] == "b"


@given(st.lists(st.integers(1, 40), max_size=40), st.binary(max_size=80))
def test_any_cut_of_the_bytes_gives_the_same_requests(cuts, body):
    whole = HEAD + b"X-Long: %b\r\nContent-Length: %d\r\n\r\n%b" % (b"v" * 60, len(body), body)
    whole += CHUNKED + (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    p, at = parser(), 0
    for cut in cuts:
        p.feed(whole[at : at + cut])
        at += cut
    p.feed(whole[at:])
    assert [c.request.body for c in p.complete] == [body, body]


@given(st.binary(max_size=400))
def test_noise_never_breaks_the_parser(data):
    p = parser()
    try:
        p.feed(b"GET /" + data)
    except BadMessage:
        pass
