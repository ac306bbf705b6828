"""What the built-in signers ask of a request before they sign it. Pure.

Source: the Kubernetes documentation, "Certificates and Certificate Signing Requests", Kubernetes signers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubern.controllers.certificates.request import Asked

CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY = "kubernetes.io/legacy-unknown"

NODE = "system:node:"
_NODES = ("system:nodes",)


def check_client(asked: Asked, usages: Sequence[str]) -> str:
    """Return what is wrong with a request for a client certificate of anybody; empty when nothing is."""
    for usage in usages:
        if usage not in ("digital signature", "key encipherment", "client auth"):
            return f"invalid usage for client certificate: {usage}"
    return "" if "client auth" in usages else "missing required usage for client certificate: client auth"


def check_kubelet_client(asked: Asked, usages: Sequence[str]) -> str:
    """Return what is wrong with a request for a kubelet's client certificate."""
    if asked.organizations != _NODES:
        return "subject organization is not system:nodes"
    for kind, names in (
        ("DNS", asked.dns), ("Email", asked.emails), ("IP", asked.addresses), ("URI", asked.uris)
    ):  # fmt: skip
        if names:
            return f"{kind} subjectAltNames are not allowed"
    if not asked.name.startswith(NODE):
        return f"subject common name does not begin with {NODE}"
    return _usages(usages, "client auth")


def check_kubelet_serving(asked: Asked, usages: Sequence[str]) -> str:
    """Return what is wrong with a request for a kubelet's serving certificate."""
    if asked.organizations != _NODES:
        return "subject organization is not system:nodes"
    if not asked.dns and not asked.addresses:
        return "DNS or IP subjectAltName is required"
    for kind, names in (("Email", asked.emails), ("URI", asked.uris)):
        if names:
            return f"{kind} subjectAltNames are not allowed"
    wrong = _usages(usages, "server auth")
    if wrong:
        return wrong
    return "" if asked.name.startswith(NODE) else f"subject common name does not begin with {NODE}"


def check_legacy(asked: Asked, usages: Sequence[str]) -> str:
    """Return nothing: this signer signs whatever an approver let pass."""
    return ""


def _usages(usages: Sequence[str], purpose: str) -> str:
    """Key encipherment is only for RSA keys, and may be left out."""
    found = set(usages)
    if found in ({"digital signature", "key encipherment", purpose}, {"digital signature", purpose}):
        return ""
    listed = " ".join(sorted(("digital signature", "key encipherment", purpose)))
    return f"usages did not match [{listed}]"


Check = Callable[[Asked, Sequence[str]], str]

SIGNERS: dict[str, Check] = {
    CLIENT: check_client,
    KUBELET_CLIENT: check_kubelet_client,
    KUBELET_SERVING: check_kubelet_serving,
    LEGACY: check_legacy,
}
