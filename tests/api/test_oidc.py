"""An OpenID Connect provider on loopback, and an apiserver that takes its ID tokens."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.api.test_bad_input import code_with


class Provider:
    """Publishes `keys`; `token` signs with one of them."""

    def __init__(self, authority: Any) -> None:
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = provider.documents().get(self.path)
                body = json.dumps(found).encode()
                self.send_response(200 if found else 404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("provider", "provider", server=True))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        self.new_key("one")

    def new_key(self, name: str) -> None:
        self.keys[name] = rsa.generate_private_key(65537, 2048)

    def documents(self) -> dict[str, Any]:
        keys = [RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name} for name, key in self.keys.items()]
        return {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": keys},
        }

    def token(self, key: str = "one", **claims: Any) -> str:
        stated = {"iss": self.url, "aud": "kubern", "sub": "jane", "groups": ["devs"], "exp": time.time() + 60} | claims
        return jwt.encode(stated, self.keys[key], "RS256", headers={"kid": key})


@pytest.fixture
def provider(authority: Any) -> Iterator[Provider]:
    made = Provider(authority)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def eventually(ask: Any, wanted: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while ask() != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_user_of_the_provider(own_apiserver: Any, authority: Any, provider: Provider) -> None:
    apiserver = own_apiserver(
        f"--oidc-issuer-url={provider.url}", "--oidc-client-id=kubern", "--oidc-groups-claim=groups",
        "--oidc-groups-prefix=oidc:", f"--oidc-ca-file={authority.file}",
    )  # fmt: skip
    api = apiserver.start()
    eventually(lambda: code_with(api, token=provider.token()), 403)
    said = api.kubectl("create", "clusterrolebinding", "devs", "--clusterrole=view", "--group=oidc:devs")
    assert said.returncode == 0, said.stderr
    assert code_with(api, token=provider.token()) == 200
    assert code_with(api, token=provider.token(groups=[])) == 403
    assert code_with(api, token=provider.token(aud="other")) == 401
    assert code_with(api, token=provider.token(exp=time.time() - 1)) == 401
    provider.new_key("two")
    eventually(lambda: code_with(api, token=provider.token("two")), 200)
    provider.keys["one"] = provider.keys.pop("two")
    assert code_with(api, token=provider.token("one")) == 401
