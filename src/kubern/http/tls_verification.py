"""Lets a handshake go on when the client's certificate does not verify, so that the request can be answered with 401.

Called by `tls.ServerTls` and by each TLS connection. OpenSSL can do it (a verify callback), Python's `ssl` has no name for it, so this
reaches the two C functions through ctypes. What always holds: a certificate that OpenSSL did not accept is never handed on as the
connection's certificate; where the functions cannot be reached, such a handshake fails as `ssl` has it.
"""

from __future__ import annotations

import ctypes
import functools
import ssl
import sys
from typing import Any

_OK = 0
_VERIFY_PEER = 1
_POINTER = ctypes.sizeof(ctypes.c_void_p)
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


def _go_on(_accepted: int, _context: int | None) -> int:
    """Whatever OpenSSL found about one certificate of the chain: it is remembered as the verify result."""
    return 1


_GO_ON = _Callback(_go_on)


def tolerate_unverified(context: ssl.SSLContext) -> bool:
    """Let handshakes of a server's context succeed whatever certificate the client shows; False where that is out of reach."""
    library = _library()
    if library is None:
        return False
    # a context object is its head followed by the SSL_CTX pointer, in every CPython from 3.7 on
    address = _pointer(id(context) + object.__basicsize__)
    if library.SSL_CTX_get_verify_mode(address) != _VERIFY_PEER:
        return False
    library.SSL_CTX_set_verify(address, _VERIFY_PEER, _GO_ON)
    return True


def refusal(tls: ssl.SSLObject) -> str:
    """Return why the certificate of a tolerated connection does not verify; empty when it does."""
    library = _library()
    if library is None:
        return ""
    # a connection object is its head, a weak reference to the socket, then the SSL pointer
    address = _pointer(id(getattr(tls, "_sslobj")) + object.__basicsize__ + _POINTER)  # noqa: B009
    if library.SSL_get_SSL_CTX(address) != _pointer(id(tls.context) + object.__basicsize__):
        return "the certificate's verification cannot be read"
    result = library.SSL_get_verify_result(address)
    return "" if result == _OK else library.X509_verify_cert_error_string(result).decode()


def _pointer(address: int) -> int | None:
    return ctypes.c_void_p.from_address(address).value


@functools.cache
def _library() -> Any:
    """Return the libssl that Python itself uses, or None when its functions are not to be had."""
    import _ssl

    if sys.implementation.name != "cpython":
        return None
    try:
        library = ctypes.CDLL(getattr(_ssl, "__file__", None))
        for name, result, *arguments in _FUNCTIONS:
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return library


_FUNCTIONS: tuple[tuple[Any, ...], ...] = (
    ("SSL_CTX_get_verify_mode", ctypes.c_int, ctypes.c_void_p),
    ("SSL_CTX_set_verify", None, ctypes.c_void_p, ctypes.c_int, _Callback),
    ("SSL_get_SSL_CTX", ctypes.c_void_p, ctypes.c_void_p),
    ("SSL_get_verify_result", ctypes.c_long, ctypes.c_void_p),
    ("X509_verify_cert_error_string", ctypes.c_char_p, ctypes.c_long),
)
