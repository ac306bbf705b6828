"""Binding, posted to its own path: the older way to say on which node a pod runs; schedulers use `pods/binding`."""

from __future__ import annotations

from kubern.apiserver.answers import success
from kubern.apiserver.call import Call
from kubern.apiserver.checking import invalid
from kubern.apiserver.core import Core
from kubern.apiserver.metadata import check_path
from kubern.apiserver.options import write_options
from kubern.apiserver.review import Review
from kubern.apiserver.subresources.binding import bind
from kubern.base.errors import BadRequest
from kubern.base.json import Obj


async def answer(core: Core, call: Call, asked: Obj) -> Obj:
    """Bind the pod that has the binding's name. Raises `NotFound`, `Conflict`, `Invalid`, `BadRequest` without a name."""
    name = asked["metadata"].get("name")
    if not name:
        raise BadRequest("name is required: metadata.name is the pod's")
    causes = call.resource.validate(asked)
    if causes:
        raise invalid(call.resource, name, causes)
    check_path(asked, call.resource, call.namespace, name)
    await bind(core, call.namespace, name, asked, dry_run=write_options(call.info, "CreateOptions").dry_run)
    return success({}) | {"code": 201}


REVIEW = Review("bindings", answer)
