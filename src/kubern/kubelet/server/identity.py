"""Who may use the kubelet's API: the apiserver by its client certificate, cluster administrators, and whom the apiserver says may.

What always holds: nobody without a certificate or a token gets an answer; without an `Access` only the former two do. Source: the
Kubernetes documentation, "Kubelet authentication/authorization".
"""

from __future__ import annotations

from collections.abc import Sequence

from kubern.base.errors import Forbidden, Unauthorized
from kubern.diagnostics.access import ANONYMOUS, Access, Question
from kubern.http.contract import Request

APISERVER = "kube-apiserver-kubelet-client"
ADMINISTRATORS = "system:masters"


async def authorize(access: Access, request: Request, node: str, verb: str, subresources: Sequence[str]) -> None:
    """Check that a request may be answered: its user has the right to one of the node's subresources.

    Raises `Unauthorized`, `Forbidden`, `InternalError`.
    """
    who = await access.identify(request)
    if who.name == ANONYMOUS:
        raise Unauthorized("Unauthorized")
    if (request.peer.certificate and who.name == APISERVER) or ADMINISTRATORS in who.groups:
        return
    for subresource in subresources:
        allowed, _ = await access.decide(who, _question(node, verb, subresource))
        if allowed:
            return
    shown = " ".join(subresources)
    raise Forbidden(f"Forbidden (user={who.name}, verb={verb}, resource=nodes, subresource(s)=[{shown}])")


def _question(node: str, verb: str, subresource: str) -> Question:
    attributes = (
        ("verb", verb),
        ("version", "v1"),
        ("resource", "nodes"),
        ("subresource", subresource),
        ("name", node),
    )
    return "resourceAttributes", attributes
