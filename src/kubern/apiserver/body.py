"""Reading request bodies: JSON, YAML or protobuf in, a dict out, refusals in upstream's words."""

from __future__ import annotations

from kubern.api import codec
from kubern.api.codec import Decoded
from kubern.api.schema import Schemas, settle
from kubern.apiserver.options import integer
from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import BadRequest
from kubern.base.json import Obj
from kubern.http.contract import Request

DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"


def media_type(request: Request) -> str:
    """Return the Content-Type without its parameters, in lower case; JSON when there is none."""
    return codec.media_type(request.headers.get("content-type", ""))


def decode(request: Request, kind: str) -> Decoded:
    """Return the body as a dict, and the keys that stand in it twice. Raises `BadRequest`, `UnsupportedMediaType`."""
    return codec.decode(request.body, request.headers.get("content-type", ""), kind)


def without_kind(request: Request, kind: str) -> BadRequest:
    """Return the refusal of a body that does not say what it is."""
    shown = request.body.decode(errors="replace")
    return codec.unrecognized(kind, request.body, f"Object 'Kind' is missing in '{shown}'")


def delete_options(schemas: Schemas, request: Request, info: RequestInfo) -> Obj:
    """Return the DeleteOptions of a request: its body, or its query parameters when there is none. Raises `BadRequest`."""
    if request.body:
        options = decode(request, "DeleteOptions").obj
        if options.get("kind", "DeleteOptions") != "DeleteOptions":
            raise BadRequest(f"converting ({options['kind']}) to (v1.DeleteOptions): unknown conversion")
        settle(schemas[DELETE_OPTIONS], options, "DeleteOptions", "v1", "Ignore")
        return options
    options = {}
    for key in ("propagationPolicy", "gracePeriodSeconds", "orphanDependents", "dryRun"):
        if key in info.query:
            options[key] = info.query[key] if key == "dryRun" else info.first(key)
    if "gracePeriodSeconds" in options:
        options["gracePeriodSeconds"] = integer(info, "gracePeriodSeconds")
    if "orphanDependents" in options:
        options["orphanDependents"] = info.flag("orphanDependents")
    return options
