"""`serviceaccounts/token`: a signed token for a service account, bound to an object if asked."""

from __future__ import annotations

from kubern.apiserver.admission.node_restriction import check_token
from kubern.apiserver.admission_chain import Kind
from kubern.apiserver.admitting import admit
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.decoding import read_kind
from kubern.apiserver.options import write_options
from kubern.apiserver.presenting import show
from kubern.apiserver.storage import conflict, not_found
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.clock import rfc3339
from kubern.base.errors import BadRequest, Cause, Invalid, NotFound
from kubern.base.json import Obj
from kubern.http.contract import Answer

SHORTEST, LONGEST = 600, 2**32
KINDS = {("v1", "Pod"): "pods", ("v1", "Secret"): "secrets", ("v1", "Node"): "nodes"}


async def serve(core: Core, call: Call) -> Answer:
    """Answer with the token. Raises `Invalid`, `NotFound` for a missing bound object, `Conflict` for another's uid."""
    options = write_options(call.info, "CreateOptions")
    issuer = core.security.issuer
    if issuer is None:
        raise NotFound("the server could not find the requested resource")
    asked = read_kind(core, call, "io.k8s.api.authentication.v1.TokenRequest")
    warnings: list[str] = []
    await admit(core, call, asked, Kind("authentication.k8s.io", "v1", "TokenRequest"), options, warnings)
    spec = dict(asked.get("spec") or {})
    seconds = spec.get("expirationSeconds") or 3600
    _check_seconds(seconds)
    account = core.storage(call.resource).get(call.namespace, call.info.name).obj()
    reference = spec.get("boundObjectRef")
    bound = _bound(core, call, reference) if reference else None
    check_token(call.user, call.info.name, bound)
    node = None
    if bound and bound[0] == "pod":
        if ((bound[1].get("spec") or {}).get("serviceAccountName") or "default") != call.info.name:
            raise BadRequest("cannot bind token for serviceaccount to pod running with different serviceaccount name.")
        node = core.find_object("nodes", "", bound[1]["spec"].get("nodeName") or "")
    issued = issuer.issue(
        account, audiences=spec.get("audiences") or (), expiration_seconds=seconds, bound=bound, node=node
    )  # fmt: skip
    spec |= {"expirationSeconds": seconds, "audiences": list(spec.get("audiences") or core.config.audiences)}
    metadata = {"name": call.info.name, "namespace": call.namespace, "creationTimestamp": rfc3339(core.clock.now())}
    status = {"token": issued.token, "expirationTimestamp": rfc3339(issued.expiration)}
    answer = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": metadata}
    return show(core, call, answer | {"spec": spec, "status": status}, 201, warnings)


def _check_seconds(seconds: int) -> None:
    text = ""
    if not isinstance(seconds, int) or seconds < SHORTEST:
        text = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
    elif seconds > LONGEST:
        text = f"Invalid value: {seconds}: may not specify a duration larger than 2^32 seconds"
    if text:
        cause = Cause("FieldValueInvalid", text, "spec.expirationSeconds")
        raise Invalid(
            f'TokenRequest.authentication.k8s.io "" is invalid: {cause.field}: {text}',
            kind="TokenRequest",
            group="authentication.k8s.io",
            causes=[cause],
        )


def _bound(core: Core, call: Call, reference: Obj) -> tuple[str, Obj]:
    """Return what the token is to be bound to."""
    version, kind, name = reference.get("apiVersion") or "v1", reference.get("kind") or "", reference.get("name") or ""
    plural = KINDS.get((version, kind))
    if plural is None:
        raise BadRequest(f"cannot bind token to object of type {version}, Kind={kind}")
    found = core.find_object(plural, "" if plural == "nodes" else call.namespace, name)
    if found is None:
        raise not_found(core.storage_of(plural).resource, name)
    uid = reference.get("uid")
    if uid and uid != found["metadata"]["uid"]:
        why = (
            f"the UID in the bound object reference ({uid}) does not match the UID in record. "
            "The object might have been deleted and then recreated"
        )
        raise conflict(core.storage_of(plural).resource, name, why)
    return kind.lower(), found


SUBRESOURCE = SubresourceHandler("token", serve, ("serviceaccounts",))
