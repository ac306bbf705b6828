"""`pods/resize`: the resources of a running pod's containers."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.apiserver.replacing import replacing
from kubern.apiserver.strategy import Strategy, take_back
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.json import Obj

RESIZABLE = ("resources", "resizePolicy")


def strategy(resource: Resource) -> Strategy:
    """Only the containers' resources and resize policies are taken from the request."""

    def prepare(new: Obj, old: Obj) -> None:
        wanted = new.get("spec") or {}
        new["spec"] = dict(old["spec"])
        for kind in ("containers", "initContainers"):
            asked = {container.get("name"): container for container in wanted.get(kind) or ()}
            if kind in old["spec"]:
                new["spec"][kind] = [
                    _resized(container, asked.get(container["name"])) for container in old["spec"][kind]
                ]
        take_back(new, old, "status")

    return Strategy("resize", prepare, lambda new, old: list(resource.validate(new)))


def _resized(container: Obj, asked: Obj | None) -> Obj:
    return container if asked is None else container | {key: asked[key] for key in RESIZABLE if key in asked}


SUBRESOURCE = SubresourceHandler("resize", replacing(strategy), ("pods",))
