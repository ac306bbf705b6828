"""Kubernetes' URLs: `url('https://example.com:443/x?a=b')` and its parts."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.library import Library, overloads, walk

_UNESCAPED = "/:@!$&'()*+,;=~-._%"


class Url:
    """A URL as a value of an expression."""

    __slots__ = ("parts", "text")
    type_name = "kubernetes.URL"

    def __init__(self, text: str, parts: SplitResult) -> None:
        self.text = text
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def _parse(text: str) -> Url:
    """Read an absolute URI or an absolute path, as Go's `ParseRequestURI` does. Raises `ValueError` with its words."""
    message = f'URL parse error during conversion from string: parse "{text}": '
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        raise ValueError(f"{message}net/url: invalid control character in URL")
    if not text:
        raise ValueError(f"{message}empty url")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{message}{error}") from error
    if not parts.scheme and not text.startswith("/"):
        raise ValueError(f"{message}invalid URI for request")
    if parts.scheme and not parts.netloc and not parts.path.startswith("/"):
        raise ValueError(f"{message}invalid URI for request")
    if " " in parts.netloc:
        raise ValueError(f'{message}invalid character " " in host name')
    return Url(text, parts)


def _url(text: str) -> Url:
    try:
        return _parse(text)
    except ValueError as error:
        raise CelEvaluationError(str(error)) from error


def _is(text: str) -> bool:
    try:
        _parse(text)
    except ValueError:
        return False
    return True


def _host(url: Url) -> str:
    return url.parts.netloc.rpartition("@")[2]


def _hostname(url: Url) -> str:
    host = _host(url)
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _port(url: Url) -> str:
    return _host(url).rpartition("]")[2].partition(":")[2]


_U = "kubernetes.URL"

LIBRARY = Library(
    "url",
    (
        *overloads({f"url(string): {_U}": _url, "isURL(string): bool": _is}, walk),
        *overloads(
            {
                f"{_U}.getScheme(): string": lambda url: url.parts.scheme,
                f"{_U}.getHost(): string": _host,
                f"{_U}.getHostname(): string": _hostname,
                f"{_U}.getPort(): string": _port,
                f"{_U}.getEscapedPath(): string": lambda url: quote(url.parts.path, safe=_UNESCAPED),
                f"{_U}.getQuery(): map(string, list(string))": lambda url: parse_qs(
                    url.parts.query, keep_blank_values=True
                ),
            }
        ),
    ),
)
