"""`/scale`: the replica count of whatever has one, in one shape."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import orjson

from kubern.api import field
from kubern.api.resource import Resource, ScalePaths
from kubern.api.schema import NotDecodable, settle
from kubern.apiserver.admission_chain import Kind
from kubern.apiserver.applying import apply, read_configuration
from kubern.apiserver.body import media_type
from kubern.apiserver.call import Call
from kubern.apiserver.checking import invalid
from kubern.apiserver.core import Core
from kubern.apiserver.decoding import read_kind
from kubern.apiserver.options import WriteOptions, write_options
from kubern.apiserver.patching import APPLIES, parse_patch
from kubern.apiserver.presenting import show
from kubern.apiserver.storage import conflict
from kubern.apiserver.strategy import Strategy, View, main_strategy
from kubern.apiserver.subresource import SubresourceHandler
from kubern.apiserver.writing import replace
from kubern.base.errors import BadRequest, Cause
from kubern.base.json import Obj
from kubern.http.contract import Answer

SCALE = "io.k8s.api.autoscaling.v1.Scale"


def serve(core: Core, call: Call) -> Answer | Awaitable[Answer]:
    """Answer with, or set, the Scale of an object."""
    if call.request.method in ("PUT", "PATCH"):
        return _write(core, call)
    stored = core.storage(call.resource).get(call.namespace, call.info.name).obj()
    return show(core, call, scale_of(stored, _paths(call.resource)))


async def _write(core: Core, call: Call) -> Answer:
    resource, paths = call.resource, _paths(call.resource)
    applies = call.request.method == "PATCH" and media_type(call.request) in APPLIES
    options = write_options(call.info, "UpdateOptions", applies)
    if applies:
        return await _apply(core, call, options)
    if call.request.method == "PATCH":
        patch = parse_patch(media_type(call.request), call.request.body, core.schemas[SCALE].type)
    else:
        body = read_kind(core, call, SCALE)

        def patch(current: Obj) -> Obj:
            return body

    async def transform(old: Obj) -> Obj:
        scale = _settled(core, patch(scale_of(old, paths)))
        _check(scale, old, resource)
        new: Obj = orjson.loads(orjson.dumps(old))
        _set(new, paths.replicas, (scale.get("spec") or {}).get("replicas") or 0)
        return new

    strategy, warnings = _strategy(resource, paths), list[str]()
    written = await replace(core, call, transform, strategy, options, warnings)
    result = written.entry.obj() if written.entry else written.obj or {}
    return show(core, call, scale_of(result, paths), 200, list(dict.fromkeys(warnings)))


def _settled(core: Core, scale: Obj) -> Obj:
    """Return what a patch made of a Scale, in normal form. Raises `Invalid` when it is none."""
    scale = orjson.loads(orjson.dumps(scale))
    try:
        settle(core.schemas[SCALE], scale, "Scale", "v1", "Ignore")
    except NotDecodable as error:
        raise field.invalid_error(
            "", "", "", [field.invalid("patch", orjson.dumps(scale).decode(), error.detail)]
        ) from error
    return scale


def _strategy(resource: Resource, paths: ScalePaths) -> Strategy:
    """Return the strategy of the object's own path, but for admission, which sees a Scale."""

    def take(scale: Obj, obj: Obj) -> None:
        _set(obj, paths.replicas, (scale.get("spec") or {}).get("replicas") or 0)

    view = View(Kind("autoscaling", "v1", "Scale"), lambda obj: scale_of(obj, paths), take)
    return main_strategy(resource)._replace(subresource="scale", view=view)


async def _apply(core: Core, call: Call, options: WriteOptions) -> Answer:
    """Apply a Scale: a configuration of the object that says its replicas and nothing else."""
    resource, paths = call.resource, _paths(call.resource)
    scale = read_configuration(call, options)
    if scale.get("kind") != "Scale" or scale.get("apiVersion") != "autoscaling/v1":
        shown = f"{scale.get('apiVersion')}, Kind={scale.get('kind')}"
        raise BadRequest(f"the configuration of a scale must be autoscaling/v1, Kind=Scale, and is {shown}")
    given = scale.get("metadata")
    metadata = (
        {key: given[key] for key in ("uid", "resourceVersion") if key in given} if isinstance(given, dict) else {}
    )
    _check(scale, core.storage(resource).get(call.namespace, call.info.name).obj(), resource)
    config: Obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    if (scale.get("spec") or {}).get("replicas") is not None:
        _set(config, paths.replicas, scale["spec"]["replicas"])
    written = await apply(core, call, config, _strategy(resource, paths), options, [])
    result = written.entry.obj() if written.entry else written.obj or {}
    return show(core, call, scale_of(result, paths))


def scale_of(obj: Obj, paths: ScalePaths) -> Obj:
    """Return the Scale of an object."""
    metadata = {
        key: obj["metadata"][key]
        for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if key in obj["metadata"]
    }
    status: Obj = {"replicas": _get(obj, paths.status_replicas) or 0}
    selector = selector_text(_get(obj, paths.selector))
    if selector:
        status["selector"] = selector
    replicas = _get(obj, paths.replicas)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def selector_text(selector: Any) -> str:
    """Return a label selector (or a plain map) in the form that a query takes."""
    if isinstance(selector, str):
        return selector
    if not isinstance(selector, dict):
        return ""
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(sorted(expression.get("values") or ()))
        terms.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }[expression["operator"]]
        )
    return ",".join(sorted(terms))


def _check(scale: Obj, old: Obj, resource: Resource) -> None:
    """Raise `Conflict` or `Invalid` for a Scale that does not fit the object."""
    metadata, spec = scale.get("metadata") or {}, scale.get("spec") or {}
    name = old["metadata"]["name"]
    if metadata.get("name") not in (None, "", name):
        raise BadRequest(f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})")
    asked = metadata.get("resourceVersion")
    if asked and asked != old["metadata"]["resourceVersion"]:
        raise conflict(resource, name)
    replicas = spec.get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise BadRequest('Scale in version "v1" cannot be handled as a Scale: spec.replicas must be an integer')
    if replicas < 0:
        text = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid(resource, name, [Cause("FieldValueInvalid", text, "spec.replicas")])


def _paths(resource: Resource) -> ScalePaths:
    return resource.scale or ScalePaths()


def _get(obj: Obj, path: str) -> Any:
    value: Any = obj
    for part in path.strip(".").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _set(obj: Obj, path: str, value: Any) -> None:
    *parents, last = path.strip(".").split(".")
    for part in parents:
        obj = obj.setdefault(part, {})
    obj[last] = value


SUBRESOURCE = SubresourceHandler("scale", serve)
