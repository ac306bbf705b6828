"""CSR cleaner: deletes certificate signing requests that have been decided on an hour ago, or by nobody for a day."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta

from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Delete, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.certificates.request import certificate_of
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.resources import SIGNING_REQUESTS

DECIDED = timedelta(hours=1)
PENDING = timedelta(hours=24)

WATCHES = (Watch(SIGNING_REQUESTS, itself),)


def observe(key: Key, cache: Cache) -> Obj | None:
    """Return a request that is not being deleted."""
    request = cache.at(SIGNING_REQUESTS, key)
    return request if request is not None and not request["metadata"].get("deletionTimestamp") else None


def decide(request: Obj, now: datetime) -> Plan:
    """Delete the request when the first of its deadlines has passed."""
    deadlines = list(_deadlines(request))
    if not deadlines:
        return Plan()
    left = (min(deadlines) - now).total_seconds()
    if left > 0:
        return Plan(requeue_after=left)
    meta = request["metadata"]
    return Plan((Delete(SIGNING_REQUESTS, "", meta["name"], meta["uid"]),))


def _deadlines(request: Obj) -> Iterator[datetime]:
    conditions = (request.get("status") or {}).get("conditions") or ()
    issued = certificate_of(request)
    if not conditions:
        yield parse_time(request["metadata"]["creationTimestamp"]) + PENDING
    for condition in conditions:
        kind, updated = condition["type"], condition.get("lastUpdateTime")
        if updated and (kind in ("Denied", "Failed") or (kind == "Approved" and issued)):
            yield parse_time(updated) + DECIDED
        elif updated and kind == "Approved":
            yield parse_time(updated) + PENDING
        if kind == "Approved" and issued:
            yield _end_of(issued)


def _end_of(certificate: str) -> datetime:
    from cryptography import x509

    return x509.load_pem_x509_certificate(base64.b64decode(certificate)).not_valid_after_utc


CONTROLLER = Controller(
    "certificatesigningrequest-cleaner-controller",
    Reconciler(SIGNING_REQUESTS, WATCHES, observe, decide, "certificate-controller"),
    account="certificate-controller",
)
