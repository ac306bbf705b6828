"""What others do to a cluster while controllers work."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.controllers.resources import PODS
from tests.unit.controllers.killed import Act
from tests.unit.controllers.late import START, Server


def later(seconds: float) -> Act:
    """Let time pass."""

    def act(server: Server) -> None:
        server.now += timedelta(seconds=seconds)

    return act


def make(gvr: GVR, *objects: Obj) -> Act:
    """Somebody creates objects."""

    def act(server: Server) -> None:
        for obj in objects:
            server.create(gvr, obj)

    return act


def spec(gvr: GVR, name: str = "db", namespace: str = "ns", **fields: Any) -> Act:
    """Somebody changes fields of an object's spec."""

    def act(server: Server) -> None:
        found = server.get(gvr, name, namespace)
        server.change(gvr, found, spec={**found["spec"], **fields})

    return act


def drop(gvr: GVR, name: str = "db", namespace: str = "ns") -> Act:
    """Somebody deletes an object."""
    return lambda server: server.delete(gvr, (namespace, name))


def end(phase: str, most: int = 99) -> Act:
    """The first pods come to their end."""

    def act(server: Server) -> None:
        for pod in server.list(PODS)[:most]:
            server.change(PODS, pod, status={**pod["status"], "phase": phase})

    return act


def node(name: str) -> Obj:
    """Return a ready node."""
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": rfc3339(START)}
    return {"metadata": {"name": name, "labels": {}}, "spec": {}, "status": {"conditions": [ready]}}


def status(gvr: GVR, name: str = "db", namespace: str = "ns", **fields: Any) -> Act:
    """Somebody reports fields of an object's status."""

    def act(server: Server) -> None:
        found = server.get(gvr, name, namespace)
        server.change(gvr, found, status={**(found.get("status") or {}), **fields})

    return act
