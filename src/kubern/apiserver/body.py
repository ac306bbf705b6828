"""Reading request bodies: JSON or YAML in, a dict out, refusals in upstream's words."""

from __future__ import annotations

from typing import Any

import orjson
import yaml

from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import BadRequest, UnsupportedMediaType
from kubern.base.json import Obj
from kubern.http.contract import Request

DEEPEST = 200
"""Nesting that no API object comes near; deeper YAML is refused before it costs stack."""


def media_type(request: Request) -> str:
    """Return the Content-Type without its parameters, in lower case; JSON when there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() or "application/json"


def decode(request: Request) -> Obj:
    """Return the body as a dict. Raises `BadRequest`, `UnsupportedMediaType`."""
    kind = media_type(request)
    if kind == "application/json":
        parsed = load_json(request.body)
    elif kind in ("application/yaml", "text/yaml", "application/x-yaml"):
        parsed = load_yaml(request.body)
    else:
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml"
        )
    if not isinstance(parsed, dict):
        raise BadRequest("couldn't get version/kind; json parse error: json: cannot unmarshal into an object")
    return parsed


def load_json(body: bytes) -> Any:
    """Parse JSON. Raises `BadRequest`."""
    if not body:
        raise BadRequest("couldn't get version/kind; json parse error: unexpected end of JSON input")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"couldn't get version/kind; json parse error: {error}") from error


def load_yaml(body: bytes) -> Any:
    """Parse YAML into JSON's types. Raises `BadRequest`."""
    try:
        return _jsonable(yaml.load(body, Loader=yaml.CSafeLoader), 0)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadRequest(f"yaml: {error}") from error


def _jsonable(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise ValueError("exceeded max depth")
    if isinstance(value, dict):
        return {_key(key): _jsonable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item, depth + 1) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


def delete_options(request: Request, info: RequestInfo) -> Obj:
    """Return the DeleteOptions of a request: its body, or its query parameters when there is none. Raises `BadRequest`."""
    if request.body:
        options = decode(request)
        if options.get("kind", "DeleteOptions") != "DeleteOptions":
            raise BadRequest(f"converting ({options['kind']}) to (v1.DeleteOptions): unknown conversion")
        return options
    options = {}
    for key in ("propagationPolicy", "gracePeriodSeconds", "orphanDependents", "dryRun"):
        if key in info.query:
            options[key] = info.query[key] if key == "dryRun" else info.first(key)
    if "gracePeriodSeconds" in options:
        try:
            options["gracePeriodSeconds"] = int(options["gracePeriodSeconds"])
        except ValueError as error:
            raise BadRequest("gracePeriodSeconds must be an integer") from error
    if "orphanDependents" in options:
        options["orphanDependents"] = info.flag("orphanDependents")
    return options
