"""A certificate signing request says who asks, and only the server writes that: signers and approvers rely on it.

Upstream fills it in where the request is stored; here it is a plug-in because only admission knows the caller.
"""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes


def sign(attributes: Attributes) -> None:
    """Put the caller into spec.username, uid, groups and extra, whatever the request held."""
    spec = (attributes.obj or {}).get("spec")
    if not isinstance(spec, dict):
        return
    user = attributes.user
    for name in ("username", "uid", "groups", "extra"):
        spec.pop(name, None)
    spec["username"] = user.name
    spec |= {"uid": user.uid} if user.uid else {}
    spec |= {"groups": list(user.groups)} if user.groups else {}
    spec |= {"extra": {key: list(values) for key, values in user.extra.items()}} if user.extra else {}


ADMISSION = Admission(
    "CertificateRequester", 5, ("CREATE",), ("certificatesigningrequests.certificates.k8s.io",), mutate=sign
)
