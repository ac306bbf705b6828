"""DELETE of one object."""

from __future__ import annotations

from kubern.apiserver.answers import success
from kubern.apiserver.body import delete_options
from kubern.apiserver.call import Call
from kubern.apiserver.conversion_webhook import converted
from kubern.apiserver.core import Core
from kubern.apiserver.deletion import delete, parse
from kubern.apiserver.presenting import present, show
from kubern.apiserver.verb import Verb
from kubern.http.contract import Answer

RETURNS_OBJECT = frozenset(
    (
        "pods",
        "services",
        "persistentvolumes",
        "persistentvolumeclaims",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
    )
)
"""The core resources whose deletion answers with the object; all others answer with a Status once it is gone."""


async def serve(core: Core, call: Call) -> Answer:
    """Delete the object, or mark it for deletion. Raises `NotFound`, `Conflict`, `Invalid`."""
    warnings: list[str] = []
    request = parse(delete_options(core.schemas, call.request, call.info))
    deleted = await delete(core, call, call.namespace, call.info.name, request, warnings)
    resource = call.resource
    if deleted.gone and not (resource.group == "" and resource.plural in RETURNS_OBJECT):
        details = {"name": call.info.name, "kind": resource.plural, "uid": deleted.entry.obj()["metadata"]["uid"]}
        if resource.group:
            details["group"] = resource.group
        return show(core, call, success(details), 200, warnings)
    return await converted(lambda: present(core, call, deleted.entry, 200, warnings))


VERB = Verb("delete", serve)
