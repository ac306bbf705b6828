"""Workloads named db as dicts, and what a world holds of their pods."""

from __future__ import annotations

from typing import Any

from kubern.base.json import Obj
from kubern.controllers.resources import PODS
from tests.unit.controllers.world import World

KEY = ("ns", "db")


def template(image: str = "one", **spec: Any) -> Obj:
    return {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "c", "image": image}], **spec}}


def workload(kind: str, **spec: Any) -> Obj:
    full = {"selector": {"matchLabels": {"app": "db"}}, "template": template(), **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "db", "namespace": "ns"}, "spec": full}


def names(world: World) -> list[str]:
    return sorted(each["metadata"]["name"] for each in world.list(PODS))


def images(world: World) -> dict[str, str]:
    return {each["metadata"]["name"]: each["spec"]["containers"][0]["image"] for each in world.list(PODS)}
