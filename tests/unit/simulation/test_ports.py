"""Scripted ports: what is read of them, and when a connection is answered what."""

import pytest

from kubern.simulation.ports import MOST, PORTS, Greeting, Page, port_of, reply

TEXT = """
1: hi
2: {base64: aGk=}
3: {http: page, status: 404, content-type: text/html}
4: {base64: "?"}
5: {status: 200}
6: {http: page, status: 99, content-type: "a\\r\\nb"}
7: {http: }
"""


@pytest.mark.parametrize(
    ("port", "found"),
    [
        (1, Greeting(b"hi")),
        (2, Greeting(b"hi")),
        (3, Page(b"page", 404, "text/html")),
        (4, None),
        (5, None),
        (6, Page(b"page")),
        (7, Page(b"")),
        (8, None),
    ],
)
def test_what_is_read_of_a_port(port, found):
    assert port_of({PORTS: TEXT}, port) == found


@pytest.mark.parametrize("text", ["", "- 1", "{", "7"])
def test_what_cannot_be_read_listens_nowhere(text):
    assert port_of({PORTS: text}, 7) is None


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("heard", "ended", "said"),
    [
        (b"", False, None),
        (b"", True, b""),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", False, None),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", False, OK + b"hi"),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", False, OK),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", False, None),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", False, OK + b"hi"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", True, OK + b"hi"),
    ],
)
def test_a_request_is_answered_once_it_is_whole(heard, ended, said):
    assert reply(Page(b"hi"), heard, ended) == said


def test_a_head_without_an_end_is_refused():
    assert (reply(Page(b"hi"), b"x" * MOST, False) or b"").startswith(b"HTTP/1.1 431 ")


def test_a_greeting_waits_for_nothing():
    assert reply(Greeting(b"hi"), b"", False) == b"hi"
