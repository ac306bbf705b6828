"""When is a started cluster usable: the questions `up` asks until each is answered, with a deadline."""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import orjson

from kubern.base.clock import parse_time
from kubern.base.json import Obj


class ApiProbe:
    """Asks the apiserver on loopback with the administrator's certificate; for the few questions of `up` and `status`."""

    def __init__(self, port: int, ca: Path, certificate: Path, key: Path) -> None:
        self._base = f"https://127.0.0.1:{port}"
        self._context = ssl.create_default_context(cafile=str(ca))
        self._context.load_cert_chain(certificate, key)

    def get(self, path: str, timeout: float = 5.0) -> bytes | None:
        """Return the body of a 200 answer, None for anything else."""
        try:
            with urllib.request.urlopen(self._base + path, timeout=timeout, context=self._context) as answer:
                body: bytes = answer.read()
                return body
        except (urllib.error.URLError, OSError, TimeoutError):
            return None

    def ready(self) -> bool:
        """Whether /readyz says ok."""
        return self.get("/readyz") == b"ok"

    def nodes(self) -> list[Obj]:
        """Return the Node objects, none when the apiserver does not answer."""
        body = self.get("/api/v1/nodes")
        return list(orjson.loads(body)["items"]) if body else []

    def renewed(self, since: datetime) -> set[str]:
        """Return the names of the nodes that have sent a heartbeat since then."""
        body = self.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
        leases = orjson.loads(body)["items"] if body else []
        return {each["metadata"]["name"] for each in leases if _renewed_at(each) >= since}


def _renewed_at(lease: Obj) -> datetime:
    return parse_time((lease.get("spec") or {}).get("renewTime") or "1970-01-01T00:00:00Z")


def node_is_ready(node: Obj) -> bool:
    """Whether a node's Ready condition is True."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def wait_for(done: Callable[[], bool], seconds: float, given_up: Callable[[], str | None], every: float = 0.05) -> None:
    """Return once `done()`; raises `RuntimeError` with `given_up()`'s reason as soon as it has one, `TimeoutError` past the deadline."""
    deadline = time.monotonic() + seconds
    while not done():
        reason = given_up()
        if reason:
            raise RuntimeError(reason)
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(every)
