"""Two things that OpenSSL can do and Python's `ssl` has no name for, reached through ctypes.

A handshake goes on when the client's certificate does not verify, so that the request can be answered with 401; and a server
chooses the cheaper cipher of TLS 1.3. Called by `tls`. What always holds: a certificate that OpenSSL did not accept is never handed on
as the connection's certificate; where the functions cannot be reached, handshakes go as `ssl` has them.
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
_SUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
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
    address = _context(context)
    if library.SSL_CTX_get_verify_mode(address) != _VERIFY_PEER:
        return False
    library.SSL_CTX_set_verify(address, _VERIFY_PEER, _GO_ON)
    return True


def prefer_aes_128(context: ssl.SSLContext) -> bool:
    """Let a server's context choose AES-128-GCM before AES-256-GCM in TLS 1.3, as Go's servers do; False where that is out of reach.

    OpenSSL's own order has the longer key first, which costs 10 rounds of 14: a sixth of the CPU of a long list.
    """
    library = _library()
    if library is None:
        return False
    address = _context(context)
    if library.SSL_CTX_get_options(address) != int(context.options):
        return False
    return bool(library.SSL_CTX_set_ciphersuites(address, _SUITES))


def refusal(tls: ssl.SSLObject) -> str:
    """Return why the certificate of a tolerated connection does not verify; empty when it does."""
    library = _library()
    if library is None:
        return ""
    # a connection object is its head, a weak reference to the socket, then the SSL pointer
    address = _pointer(id(getattr(tls, "_sslobj")) + object.__basicsize__ + _POINTER)  # noqa: B009
    if library.SSL_get_SSL_CTX(address) != _context(tls.context):
        return "the certificate's verification cannot be read"
    result = library.SSL_get_verify_result(address)
    return "" if result == _OK else library.X509_verify_cert_error_string(result).decode()


def _context(context: ssl.SSLContext) -> int | None:
    # a context object is its head followed by the SSL_CTX pointer, in every CPython from 3.7 on
    return _pointer(id(context) + object.__basicsize__)


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
    ("SSL_CTX_get_options", ctypes.c_uint64, ctypes.c_void_p),
    ("SSL_CTX_set_ciphersuites", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p),
    ("SSL_CTX_set_verify", None, ctypes.c_void_p, ctypes.c_int, _Callback),
    ("SSL_get_SSL_CTX", ctypes.c_void_p, ctypes.c_void_p),
    ("SSL_get_verify_result", ctypes.c_long, ctypes.c_void_p),
    ("X509_verify_cert_error_string", ctypes.c_char_p, ctypes.c_long),
)
