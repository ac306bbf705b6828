"""Configuration that drivers of devices read (resource.k8s.io): of claims, classes and allocations. Wording is upstream's."""

from __future__ import annotations

from typing import Any

import orjson

from kubern.api import field
from kubern.api.rules.device_names import bounded, driver_name
from kubern.base.errors import Cause
from kubern.base.json import Obj

MAX_CONFIG = 32
_MAX_LENGTH = 10 * 1024
_HIDDEN = "<value omitted>"


def check_class_config(configs: list[Obj], path: str) -> list[Cause]:
    """Return what is wrong with the configurations of a device class."""
    return bounded(configs, MAX_CONFIG, path, check_config)


def check_config(config: Obj, path: str) -> list[Cause]:
    """Return what is wrong with one configuration: it is opaque, and its driver is named."""
    opaque, here = config.get("opaque"), f"{path}.opaque"
    if opaque is None:
        return [field.required(here, "")]
    return driver_name(opaque.get("driver"), f"{here}.driver") + check_raw(
        opaque.get("parameters"), f"{here}.parameters"
    )


def check_raw(value: Any, path: str) -> list[Cause]:
    """Return what is wrong with a driver's own data: it is a JSON object of at most 10 KiB."""
    if value is None:
        return [field.required(path, "")]
    if len(orjson.dumps(value)) > _MAX_LENGTH:
        return [field.too_long(path, _MAX_LENGTH)]
    return [] if isinstance(value, dict) else [field.invalid(path, _HIDDEN, "must be a valid JSON object")]
