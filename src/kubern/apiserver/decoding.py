"""From a request's body to an object of a resource: decoded, checked against the schema, pruned and defaulted."""

from __future__ import annotations

from kubern.apiserver.body import decode
from kubern.apiserver.call import Call
from kubern.apiserver.checking import check_kind
from kubern.apiserver.core import Core
from kubern.apiserver.metadata import check_path
from kubern.apiserver.options import WriteOptions
from kubern.base.json import Obj


def read_object(core: Core, call: Call, options: WriteOptions, warnings: list[str]) -> Obj:
    """Return the object in the body. Raises `BadRequest`, `UnsupportedMediaType`; adds to `warnings`."""
    obj = decode(call.request)
    check_kind(obj, call.resource)
    settle(core, call, obj, options, warnings)
    check_path(obj, call.resource, call.namespace, call.info.name)
    return obj


def settle(core: Core, call: Call, obj: Obj, options: WriteOptions, warnings: list[str]) -> None:
    """Check types, drop or refuse unknown fields as fieldValidation says, and fill in the defaults."""
    call.resource.default(obj)
