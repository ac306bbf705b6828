"""The conditions of a certificate signing request are dated by the server where who wrote them did not.

Upstream does so where the request is stored; here it is a plug-in because strategies know no time.
"""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes
from kubern.base.clock import rfc3339


def date(attributes: Attributes) -> None:
    """Fill in lastUpdateTime, and lastTransitionTime: the old one as long as the status stays."""
    status, old = ((obj or {}).get("status") or {} for obj in (attributes.obj, attributes.old))
    before = {(c.get("type"), c.get("status")): c.get("lastTransitionTime") for c in old.get("conditions") or ()}
    now = rfc3339(attributes.core.clock.now())
    for condition in status.get("conditions") or ():
        if isinstance(condition, dict):
            condition["lastUpdateTime"] = condition.get("lastUpdateTime") or now
            kept = before.get((condition.get("type"), condition.get("status")))
            condition["lastTransitionTime"] = condition.get("lastTransitionTime") or kept or now


ADMISSION = Admission(
    "CertificateConditions",
    6,
    ("UPDATE",),
    ("certificatesigningrequests.certificates.k8s.io",),
    mutate=date,
    subresources=("approval", "status"),
)
