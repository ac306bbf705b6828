"""`pods/ephemeralcontainers`: containers added to a running pod for debugging; they can be added, never changed or removed."""

from __future__ import annotations

from typing import Any

from kubern.api.resource import Resource
from kubern.apiserver.replacing import replacing
from kubern.apiserver.strategy import Strategy, take_back
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.errors import Cause
from kubern.base.json import Obj


def strategy(resource: Resource) -> Strategy:
    """Only spec.ephemeralContainers is taken from the request."""

    def prepare(new: Obj, old: Obj) -> None:
        wanted = (new.get("spec") or {}).get("ephemeralContainers")
        new["spec"] = dict(old["spec"]) | ({"ephemeralContainers": wanted} if wanted else {})
        take_back(new, old, "status")

    return Strategy("ephemeralcontainers", prepare, lambda new, old: [*validate(new, old), *resource.validate(new)])


def validate(new: Obj, old: Obj) -> list[Cause]:
    """Find ephemeral containers that were removed or changed."""
    wanted = {container["name"]: container for container in _containers(new)}
    causes = []
    for index, container in enumerate(_containers(old)):
        field = f"spec.ephemeralContainers[{index}]"
        if container["name"] not in wanted:
            text = f'Forbidden: existing ephemeral containers "{container["name"]}" may not be removed'
            causes.append(Cause("FieldValueForbidden", text, "spec.ephemeralContainers"))
        elif wanted[container["name"]] != container:
            text = f'Forbidden: existing ephemeral containers "{container["name"]}" may not be changed'
            causes.append(Cause("FieldValueForbidden", text, field))
    return causes


def _containers(pod: Obj) -> list[Any]:
    return list(pod["spec"].get("ephemeralContainers") or ())


SUBRESOURCE = SubresourceHandler("ephemeralcontainers", replacing(strategy), ("pods",))
