"""Pods and runtime states for the kubelet's tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kubern.kubelet.observed import Observed, observed
from kubern.kubelet.podspec import CONTAINER_LABEL, HASH_ANNOTATION, RESTARTS_ANNOTATION, spec_hash
from kubern.kubelet.runtime.contract import EXITED, RUNNING, Container, Sandbox

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def pod(*containers: dict[str, Any], meta: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a pod; containers without a name are c0, c1…, init containers i0, i1…"""
    named = [{"name": f"c{n}", "image": "img"} | each for n, each in enumerate(containers or ({},))]
    if "initContainers" in spec:
        spec["initContainers"] = [
            {"name": f"i{n}", "image": "img"} | each for n, each in enumerate(spec["initContainers"])
        ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "ns", "uid": "u"} | (meta or {}),
        "spec": {"containers": named, "restartPolicy": "Always"} | spec,
    }


def at(seconds: float) -> int:
    """Return a moment after NOW in nanoseconds."""
    return int((NOW + timedelta(seconds=seconds)).timestamp()) * 10**9


def sandbox(*, ready: bool = True, attempt: int = 0) -> Sandbox:
    return Sandbox(f"s{attempt}", "p", "ns", "u", attempt, ready, at(-100 + attempt), {}, {})


def container(name: str, state: str = RUNNING, code: int = 0, restarts: int = 0, **more: Any) -> Container:
    """Return a container of the first sandbox; an ended one ended at NOW."""
    values: dict[str, Any] = {
        "id": f"{name}-{restarts}",
        "sandbox_id": "s0",
        "name": name,
        "attempt": restarts,
        "state": state,
        "created_at": at(-50 + restarts),
        "image": "img",
        "image_id": "sha256:1",
        "labels": {CONTAINER_LABEL: name},
        "annotations": {
            RESTARTS_ANNOTATION: str(restarts),
            HASH_ANNOTATION: spec_hash({"name": name, "image": "img"}),
        },
        "started_at": at(-40 + restarts),
        "finished_at": at(0) if state == EXITED else 0,
        "exit_code": code,
    }
    return Container(**(values | more))


def holds(*containers: Container, sandboxes: tuple[Sandbox, ...] | None = None) -> Observed:
    """Return what the runtime holds: one living sandbox unless said otherwise."""
    return observed((sandbox(),) if sandboxes is None else sandboxes, containers)
