"""CSR signing: an approved certificate signing request for a built-in signer gets its certificate, or why it gets none."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import NamedTuple

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.certificates.authority import Authority, lifetime, sign
from kubern.controllers.certificates.request import asked, certificate_of, has, parse
from kubern.controllers.certificates.signers import SIGNERS
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.resources import SIGNING_REQUESTS

WATCHES = (Watch(SIGNING_REQUESTS, itself),)


class Observed(NamedTuple):
    """A request that is to be signed now, and with what."""

    request: Obj
    authority: Authority


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return an approved request that has neither a certificate nor failed, if there is an authority for its signer."""
    request = cache.at(SIGNING_REQUESTS, key)
    if request is None or certificate_of(request):
        return None
    if not has(request, "Approved") or has(request, "Denied") or has(request, "Failed"):
        return None
    authority = cache.options.authorities.get(request["spec"]["signerName"])
    return Observed(request, authority) if authority is not None else None


def decide(observed: Observed, now: datetime) -> Plan:
    """Sign, or say what the signer does not accept.

    The certificate's serial number is the one thing that any decision draws at random: what two attempts sign must differ.
    """
    request, authority = observed
    spec, status = request["spec"], request.get("status") or {}
    wanted = parse(request)
    wrong = SIGNERS[spec["signerName"]](asked(wanted), spec["usages"])
    if wrong:
        failure = {
            "type": "Failed", "status": "True", "reason": "SignerValidationFailure", "message": wrong,
            "lastUpdateTime": rfc3339(now),
        }  # fmt: skip
        return Plan(status={**status, "conditions": [*status["conditions"], failure]})
    life = lifetime(spec.get("expirationSeconds"), authority)
    certificate = sign(wanted, spec["usages"], life, authority, now)
    return Plan(status={**status, "certificate": base64.b64encode(certificate.encode()).decode()})


CONTROLLER = Controller(
    "certificatesigningrequest-signing-controller",
    Reconciler(SIGNING_REQUESTS, WATCHES, observe, decide, "certificate-controller"),
    account="certificate-controller",
)
