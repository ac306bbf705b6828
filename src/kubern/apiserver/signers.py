"""Who may approve and sign for a signer of certificates. Used by the admission plug-ins of the Certificates API.

Source: Kubernetes documentation, "Certificates and Certificate Signing Requests", Authorization.
"""

from __future__ import annotations

import inspect

from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.identity import Decision
from kubern.apiserver.request_info import RequestInfo


async def may(attributes: Attributes, verb: str, signer: str) -> bool:
    """Return whether the caller has `verb` on the signer, or on all of the signer's domain (`example.com/*`)."""
    for name in (signer, f"{signer.partition('/')[0]}/*"):
        info = RequestInfo(True, verb, "", "certificates.k8s.io", "*", "", "signers", name)
        answer = attributes.core.authorizer(attributes.user, info)
        decision: Decision = await answer if inspect.isawaitable(answer) else answer
        if decision.allowed:
            return True
    return False
