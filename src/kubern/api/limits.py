"""What a LimitRange does to pods and claims: defaults of containers, and bounds in upstream's words. Pure.

Used by the admission plug-in LimitRanger. Source: Kubernetes documentation, "Limit Ranges".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kubern.api.quota import pod_amounts
from kubern.base import quantity
from kubern.base.json import Obj
from kubern.base.quantity import Quantity

ANNOTATION = "kubernetes.io/limit-ranger"
Amounts = Mapping[str, Quantity]


def default_containers(pod: Obj, limit_range: Obj) -> None:
    """Give containers that state no request or limit what the range says, in place, and note it in the pod's annotation."""
    defaults = [item for item in limit_range["spec"].get("limits") or () if item.get("type") == "Container"]
    limits = {name: amount for item in defaults for name, amount in (item.get("default") or {}).items()}
    requests = {name: amount for item in defaults for name, amount in (item.get("defaultRequest") or {}).items()}
    notes = []
    for field, called in (("initContainers", "init container"), ("containers", "container")):
        for container in pod["spec"].get(field) or ():
            for kind, amounts in (("requests", requests), ("limits", limits)):
                given = _fill(container, kind, amounts)
                if given:
                    notes.append(f"{', '.join(given)} {kind[:-1]} for {called} {container.get('name')}")
    if notes:
        annotations = pod["metadata"].setdefault("annotations", {})
        annotations[ANNOTATION] = "LimitRanger plugin set: " + "; ".join(notes)


def _fill(container: Obj, kind: str, amounts: Mapping[str, str]) -> list[str]:
    has = (container.get("resources") or {}).get(kind) or {}
    missing = sorted(set(amounts) - set(has))
    if missing:
        container.setdefault("resources", {})[kind] = {**has, **{name: amounts[name] for name in missing}}
    return missing


def violations(obj: Obj, kind: str, limit_range: Obj) -> list[str]:
    """Return what a range has against an object; `kind` is `Pod` or `PersistentVolumeClaim`."""
    return [
        text
        for item in limit_range["spec"].get("limits") or ()
        for requests, limits in _measured(obj, kind, item.get("type", ""))
        for text in _out_of_bounds(item, requests, limits)
    ]


def _measured(obj: Obj, kind: str, kind_of_limit: str) -> Iterator[tuple[Amounts, Amounts]]:
    """Yield requests and limits of each thing in the object that a limit of this type speaks of."""
    if kind == "PersistentVolumeClaim":
        if kind_of_limit == kind:
            yield _amounts(obj["spec"], "requests"), {}
        return
    spec = obj["spec"]
    if kind_of_limit == "Container":
        for field in ("initContainers", "containers"):
            for container in spec.get(field) or ():
                yield _amounts(container, "requests"), _amounts(container, "limits")
    elif kind_of_limit == "Pod":
        yield pod_amounts(spec, "requests"), pod_amounts(spec, "limits")


def _amounts(holder: Obj, kind: str) -> dict[str, Quantity]:
    return {n: quantity.parse(q) for n, q in ((holder.get("resources") or {}).get(kind) or {}).items()}


def _out_of_bounds(item: Obj, requests: Amounts, limits: Amounts) -> Iterator[str]:
    kind = item["type"]
    storage = kind == "PersistentVolumeClaim"
    for name, least in sorted((item.get("min") or {}).items()):
        bound = quantity.parse(least)
        said = f"minimum {name} usage per {kind} is {least}"
        yield from _beyond(said, [("request", requests.get(name)), ("limit", limits.get(name))], bound.__gt__)
    for name, most in sorted((item.get("max") or {}).items()):
        bound = quantity.parse(most)
        said = f"maximum {name} usage per {kind} is {most}"
        stated = [("limit", limits.get(name)), ("request", requests.get(name))]
        yield from _beyond(said, stated[1:] if storage else stated, bound.__lt__)
    for name, ratio in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        yield from _ratio(name, ratio, kind, requests.get(name), limits.get(name))


def _beyond(said: str, stated: list[tuple[str, Quantity | None]], wrong: Callable[[Quantity], bool]) -> Iterator[str]:
    """Yield what is wrong with the amounts stated; the first of them has to be there."""
    if stated[0][1] is None:
        yield f"{said}.  No {stated[0][0]} is specified"
        return
    for called, amount in stated:
        if amount is not None and wrong(amount):
            yield f"{said}, but {called} is {amount}"
            return


def _ratio(name: str, most: str, kind: str, request: Quantity | None, limit: Quantity | None) -> Iterator[str]:
    said = f"{name} max limit to request ratio per {kind} is {most}"
    if not request:
        yield f"{said}, but no request is specified or request is 0"
    elif not limit:
        yield f"{said}, but no limit is specified or limit is 0"
    elif limit.nano > quantity.parse(most).nano * request.nano / quantity.NANO:
        yield f"{said}, but provided ratio is {limit.nano / request.nano:.6f}"
