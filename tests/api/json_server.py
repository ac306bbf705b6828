"""An HTTPS server on loopback that answers posted JSON: the receiving end of webhooks in tests."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .conftest import Authority

Reply = Callable[[str, dict[str, str], Any], tuple[int, Any]]
"""From a path, lower-case headers and the posted JSON to a code and an object; None has no body."""


class JsonServer:
    """Answers with what `reply` returns until it is closed. Its certificate is for loopback and `dns`."""

    def __init__(self, authority: Authority, name: str, reply: Reply, dns: tuple[str, ...] = ()) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {key.lower(): value for key, value in self.headers.items()}
                code, answer = reply(self.path, headers, posted)
                body = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.bundle = base64.b64encode(authority.file.read_bytes()).decode()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue(name, name, server=True, dns=dns))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def client_config(self, path: str) -> dict[str, Any]:
        """Return the clientConfig that leads to a path."""
        return {"url": f"https://127.0.0.1:{self.port}{path}", "caBundle": self.bundle}

    def close(self) -> None:
        """Stop, and wait until it has."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
