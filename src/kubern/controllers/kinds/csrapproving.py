"""CSR approving: a kubelet's request for its client certificate is approved when the RBAC rules say that who asks may have it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.informer import Key
from kubern.controllers.actions import Plan, Update
from kubern.controllers.cache import Cache
from kubern.controllers.certificates.request import asked, certificate_of, has, parse
from kubern.controllers.certificates.signers import KUBELET_CLIENT, check_kubelet_client
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.resources import SIGNING_REQUESTS

ACCESS_REVIEWS = GVR("authorization.k8s.io", "v1", "subjectaccessreviews")
SELF, ANY = "selfnodeclient", "nodeclient"
MESSAGES = {
    SELF: "Auto approving self kubelet client certificate after SubjectAccessReview.",
    ANY: "Auto approving kubelet client certificate after SubjectAccessReview.",
}
FIRST, LONGEST = 0.2, 1000.0
"""Seconds between two questions about the same request: rights may still come."""

WATCHES = (Watch(SIGNING_REQUESTS, itself),)


class Observed(NamedTuple):
    """A request for a kubelet's client certificate that nobody has decided on."""

    request: Obj
    granted: str = ""
    """The right by which it may be approved; empty: none."""
    refusals: int = 0
    """How often it has been asked in vain."""


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return an undecided request that one of the rights could approve."""
    request = cache.at(SIGNING_REQUESTS, key)
    if request is None or certificate_of(request) or has(request, "Approved") or has(request, "Denied"):
        return None
    return Observed(request) if any(_rights(request)) else None


def _rights(request: Obj) -> Iterator[str]:
    """Yield the rights that may let a request pass, the narrower one first."""
    spec = request["spec"]
    if spec["signerName"] != KUBELET_CLIENT:
        return
    wanted = asked(parse(request))
    if check_kubelet_client(wanted, spec["usages"]):
        return
    if spec.get("username") == wanted.name:
        yield SELF
    yield ANY


async def gather(observed: Observed, client: Client) -> Observed:
    """Ask whether who made the request has one of the rights."""
    spec = observed.request["spec"]
    who = {name: spec[name] for name in ("uid", "groups", "extra") if spec.get(name)} | {"user": spec["username"]}
    for right in _rights(observed.request):
        attributes = {
            "group": "certificates.k8s.io", "resource": "certificatesigningrequests", "subresource": right,
            "verb": "create", "version": "*",
        }  # fmt: skip
        review = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {},
            "spec": who | {"resourceAttributes": attributes},
        }  # fmt: skip
        answer = await client.create(ACCESS_REVIEWS, review)
        if (answer.get("status") or {}).get("allowed"):
            return observed._replace(granted=right)
    return observed


def recall(observed: Observed, refusals: int | None, now: datetime) -> tuple[Observed, int]:
    """Count the refusals."""
    count = refusals or 0
    return observed._replace(refusals=count), count + 1


def decide(observed: Observed, now: datetime) -> Plan:
    """Approve what may be approved; ask again later about the others."""
    if not observed.granted:
        return Plan(requeue_after=min(FIRST * 2 ** min(observed.refusals, 20), LONGEST))
    request = observed.request
    approval = {
        "type": "Approved", "status": "True", "reason": "AutoApproved", "message": MESSAGES[observed.granted],
        "lastUpdateTime": rfc3339(now),
    }  # fmt: skip
    status = request.get("status") or {}
    conditions = [*(status.get("conditions") or ()), approval]
    return Plan((Update(SIGNING_REQUESTS, {**request, "status": {**status, "conditions": conditions}}, "approval"),))


CONTROLLER = Controller(
    "certificatesigningrequest-approving-controller",
    Reconciler(SIGNING_REQUESTS, WATCHES, observe, decide, "certificate-controller", gather=gather, recall=recall),
    account="certificate-controller",
)
