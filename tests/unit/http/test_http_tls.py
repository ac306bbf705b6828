"""TLS: client certificates, and a certificate that is replaced while the server runs."""

from __future__ import annotations

import asyncio
import logging
import ssl

import pytest
from cryptography import x509

from kubern.http import openssl
from kubern.http.contract import Response
from kubern.http.tls import ServerTls, client_context

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_the_client_certificate_reaches_the_handler_once_a_connection(start, connect, recorder, pki):
    server = await start(recorder, tls=ServerTls(*pki.pair("server"), pki.ca))
    client = await connect(server, ssl=client_context(pki.ca, *pki.pair("jane", "admins")), server_hostname="127.0.0.1")
    client.send(GET + GET)
    await client.answer()
    await client.answer()
    first, second = recorder.requests
    assert x509.load_der_x509_certificate(first.peer.certificate).subject.rfc4514_string() == "CN=jane,O=admins"
    assert first.peer is second.peer
    first.peer.memo["user"] = "jane"
    assert second.peer.memo["user"] == "jane"
    assert first.peer.address == "127.0.0.1"


async def test_a_client_without_a_certificate_is_served(start, connect, recorder, pki):
    server = await start(recorder, tls=ServerTls(*pki.pair("server"), pki.ca))
    client = await connect(server, ssl=client_context(pki.ca), server_hostname="127.0.0.1")
    client.send(GET)
    assert (await client.answer())[0] == 200
    assert recorder.requests[0].peer.certificate == b""
    assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


async def test_a_certificate_of_another_ca_is_told_to_the_handler_and_not_trusted(
    start, connect, recorder, pki, tmp_path
):
    (tmp_path / "other").mkdir()
    other = type(pki)(tmp_path / "other")
    server = await start(recorder, tls=ServerTls(*pki.pair("server"), pki.ca))
    client = await connect(server, ssl=client_context(pki.ca, *other.pair("mallory")), server_hostname="127.0.0.1")
    client.send(GET)
    assert (await client.answer())[0] == 200
    peer = recorder.requests[0].peer
    assert peer.certificate == b""
    assert peer.refused_certificate == "unable to verify the first certificate"


async def test_without_openssls_functions_a_certificate_of_another_ca_ends_the_handshake(
    start, connect, recorder, pki, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(openssl, "_library", lambda: None)
    (tmp_path / "other").mkdir()
    other = type(pki)(tmp_path / "other")
    server = await start(recorder, tls=ServerTls(*pki.pair("server"), pki.ca))
    context = client_context(pki.ca, *other.pair("mallory"))

    async def use() -> None:
        client = await connect(server, ssl=context, server_hostname="127.0.0.1")
        client.send(GET)
        await client.answer()

    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await use()
    assert not recorder.requests


async def test_the_server_chooses_the_shorter_key(start, connect, recorder, pki):
    server = await start(recorder, tls=ServerTls(*pki.pair("server"), pki.ca))
    client = await connect(server, ssl=client_context(pki.ca), server_hostname="127.0.0.1")
    assert client.writer.get_extra_info("cipher")[0] == "TLS_AES_128_GCM_SHA256"


async def test_old_tls_is_refused(start, connect, recorder, pki):
    server = await start(recorder, tls=ServerTls(*pki.pair("server"), pki.ca))
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    await connect(server, ssl=old, server_hostname="127.0.0.1")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await connect(server, ssl=old, server_hostname="127.0.0.1")


async def test_a_replaced_certificate_serves_new_connections(start, connect, recorder, pki, caplog):
    paths = pki.pair("one", file="tls")
    tls = ServerTls(*paths, pki.ca)
    server = await start(recorder, tls=tls)

    async def name() -> str:
        client = await connect(server, ssl=client_context(pki.ca), server_hostname="127.0.0.1")
        der = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()

    assert (await name(), tls.reload_if_changed()) == ("CN=one", False)
    pki.pair("two", file="tls")
    assert tls.reload_if_changed()
    assert await name() == "CN=two"
    paths[1].write_bytes(pki.pair("three")[1].read_bytes())
    with caplog.at_level(logging.WARNING):
        assert not tls.reload_if_changed()
    assert "could not be reloaded" in caplog.text
    assert await name() == "CN=two"


async def test_a_peer_that_does_not_speak_tls_does_not_disturb(start, connect, pki):
    server = await start(lambda request: Response(200, (), b"ok"), tls=ServerTls(*pki.pair("server")))
    plain = await connect(server)
    plain.send(GET)
    try:
        assert b"HTTP" not in await plain.ended()
    except ConnectionError:
        pass
    client = await connect(server, ssl=client_context(pki.ca), server_hostname="127.0.0.1")
    client.send(GET)
    assert (await client.answer())[2] == b"ok"
