"""How the capacity of a device that several claims share may be asked for (resource.k8s.io). Wording is upstream's."""

from __future__ import annotations

from kubern.api import field
from kubern.api.rules.device_names import bounded
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.quantity import Quantity, parse

_MAX_VALUES = 10
_BOTH = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'


def check_policy(capacity: Obj, path: str, several: bool) -> list[Cause]:
    """Return what is wrong with a capacity's `requestPolicy`, which only a device for `several` claims may have."""
    policy, here = capacity.get("requestPolicy"), f"{path}.requestPolicy"
    if policy is None:
        return []
    if not several:
        return [field.forbidden(here, "allowMultipleAllocations must be true")]
    values, bounds = policy.get("validValues") or [], policy.get("validRange")
    if values and bounds is not None:
        return [field.forbidden(here, _BOTH)]
    kind = "validValues" if values else "validRange"
    if not values and bounds is None:
        return []
    if policy.get("default") is None:
        return [field.required(f"{here}.default", f"required when {kind} is defined")]
    most, default = parse(capacity.get("value") or 0), parse(policy["default"])
    if values:
        return _check_values([parse(each) for each in values], default, most, f"{here}.{kind}")
    return _check_range(bounds, default, most, f"{here}.{kind}")


def _check_values(values: list[Quantity], default: Quantity, most: Quantity, path: str) -> list[Cause]:
    def fits(value: Quantity, here: str) -> list[Cause]:
        return (
            [field.invalid(here, str(value), f"option is larger than capacity value: {most}")] if value > most else []
        )

    causes = [
        field.invalid(f"{path}[{i}]", str(value), "values must be sorted in ascending order")
        for i, value in enumerate(values)
        if i and values[i - 1] > value
    ]
    causes += bounded(values, _MAX_VALUES, path, fits, Quantity.value)
    if default not in values:
        causes.append(field.invalid(path, str(default), "default value is not valid according to the requestPolicy"))
    return causes


def _check_range(bounds: Obj, default: Quantity, most: Quantity, path: str) -> list[Cause]:
    if bounds.get("min") is None:
        return [field.required(f"{path}.min", "required when validRange is defined")]
    low, high = parse(bounds["min"]), parse(bounds["max"]) if bounds.get("max") is not None else None
    causes = []
    if low > most:
        causes.append(field.invalid(f"{path}.min", str(low), f"min is larger than capacity value: {most}"))
    if default < low:
        causes.append(field.invalid(f"{path}.default", str(default), f"default is less than min: {low}"))
    if high is not None:
        if low > high:
            causes.append(field.invalid(f"{path}.max", str(low), f"min is larger than max: {high}"))
        if high > most:
            causes.append(field.invalid(f"{path}.max", str(high), f"max is larger than capacity value: {most}"))
        if default > high:
            causes.append(field.invalid(f"{path}.default", str(default), f"default is more than max: {high}"))
    if bounds.get("step") is not None:
        tried = [default] if high is None else [default, high]
        causes += _check_step(parse(bounds["step"]), low, tried, most, f"{path}.step")
    return causes


def _check_step(step: Quantity, low: Quantity, tried: list[Quantity], most: Quantity, path: str) -> list[Cause]:
    if step <= 0:
        return [field.invalid(path, str(step), "must be greater than zero")]
    causes = []
    if low + step > most:
        message = f"one step {low + step} is larger than capacity value: {most}"
        causes.append(field.invalid(path, str(step), message))
    return causes + [
        field.invalid(path, str(value), f"value is not a multiple of a given step ({step}) from ({low})")
        for value in tried
        if (value.value() - low.value()) % step.value()
    ]
