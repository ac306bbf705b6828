"""Slices, classes and claims of devices for tests."""

from __future__ import annotations

from typing import Any

from kubern.base.json import Obj

DRIVER = "gpu.example.com"


def device(name: str, **more: Any) -> Obj:
    """A device; attributes are given as plain values."""
    kinds = {bool: "bool", int: "int", str: "string"}
    attributes = {key: {kinds[type(value)]: value} for key, value in more.pop("attributes", {}).items()}
    capacity = {
        key: value if isinstance(value, dict) else {"value": value} for key, value in more.pop("capacity", {}).items()
    }
    return {"name": name, "attributes": attributes, "capacity": capacity, **more}


def resource_slice(
    name: str, *devices: Obj, pool: str = "pool", generation: int = 1, count: int = 1, **more: Any
) -> Obj:
    """A slice of a pool; on node n1 unless something else is said."""
    if not more.keys() & {"nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"}:
        more["nodeName"] = "n1"
    held = {"name": pool, "generation": generation, "resourceSliceCount": count}
    spec = {"driver": DRIVER, "pool": held, "devices": [*devices], **more}
    return {"metadata": {"name": name}, "spec": spec}


def device_class(name: str = "gpu", *expressions: str, **more: Any) -> Obj:
    """A class; without expressions it means every device."""
    return {"metadata": {"name": name}, "spec": {"selectors": selectors(*expressions), **more}}


def selectors(*expressions: str) -> list[Obj]:
    """Selectors in CEL."""
    return [{"cel": {"expression": each}} for each in expressions]


def exactly(name: str = "r", count: int = 1, **more: Any) -> Obj:
    """A request for so many devices of the class gpu."""
    everything = more.get("allocationMode") == "All"
    spec = {
        "deviceClassName": "gpu",
        **({} if everything else {"allocationMode": "ExactCount", "count": count}),
        **more,
    }
    return {"name": name, "exactly": spec}


def first_of(name: str, *ways: Obj) -> Obj:
    """A request with alternatives, each made by `exactly`."""
    return {"name": name, "firstAvailable": [{"name": each["name"], **each["exactly"]} for each in ways]}


def claim(*requests: Obj, name: str = "c", **more: Any) -> Obj:
    """A claim in the namespace ns."""
    meta = {"name": name, "namespace": "ns", "uid": f"{name}-uid"}
    return {"metadata": meta, "spec": {"devices": {"requests": [*requests], **more}}}


def node(name: str = "n1", **labels: str) -> Obj:
    """A node."""
    return {"metadata": {"name": name, "labels": labels}}
