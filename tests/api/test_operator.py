"""An operator written with kopf, unmodified: its CRD, its handlers of creation, change and deletion, and its finalizer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LIMIT = 60
OPERATOR = """
import kopf

@kopf.on.create("GROUP", "v1", "ponds")
def made(spec, name, **_):
    return {"depth": spec["depth"], "by": name}

@kopf.on.update("GROUP", "v1", "ponds", field="spec.depth")
def deepened(old, new, patch, **_):
    patch.status["was"], patch.status["now"] = old, new

@kopf.on.delete("GROUP", "v1", "ponds")
def drained(name, logger, **_):
    logger.info(f"drained {name}")
"""


def eventually(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + LIMIT
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return value


@pytest.fixture
def group(api: Any) -> Iterator[str]:
    """A group whose `ponds` are served."""
    name = f"g{uuid.uuid4().hex[:8]}.example.com"
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": free, "status": free}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    spec = {"group": name, "scope": "Namespaced", "names": {"plural": "ponds", "kind": "Pond"}, "versions": [version]}
    assert api("POST", CRDS, {"metadata": {"name": f"ponds.{name}"}, "spec": spec}).code == 201
    eventually(lambda: api("GET", f"/apis/{name}/v1").code == 200)
    yield name
    api("DELETE", f"{CRDS}/ponds.{name}")


@pytest.fixture
def operator(api: Any, namespace: str, group: str, tmp_path: Path) -> Iterator[Path]:
    """A running operator; gives its log."""
    file, log = tmp_path / "ponds.py", tmp_path / "log"
    file.write_text(OPERATOR.replace("GROUP", group))
    command = [sys.executable, "-m", "kopf", "run", "--standalone", f"--namespace={namespace}", str(file)]
    with log.open("w") as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=said, env=os.environ | {"KUBECONFIG": str(api.kubeconfig)}, cwd=tmp_path
        )
    yield log
    process.terminate()
    process.wait(20)


def test_an_operator_sees_its_objects_come_change_and_go(api: Any, namespace: str, group: str, operator: Path) -> None:
    ponds = f"/apis/{group}/v1/namespaces/{namespace}/ponds"
    pond = {"apiVersion": f"{group}/v1", "kind": "Pond", "metadata": {"name": "p"}, "spec": {"depth": 1}}
    assert api("POST", ponds, pond).code == 201

    def status() -> Any:
        return api("GET", f"{ponds}/p").body.get("status") or {}

    eventually(lambda: status().get("made") == {"depth": 1, "by": "p"})
    assert api("GET", f"{ponds}/p").body["metadata"]["finalizers"] == ["kopf.zalando.org/KopfFinalizerMarker"]
    change = {"content-type": "application/merge-patch+json"}
    assert api("PATCH", f"{ponds}/p", {"spec": {"depth": 5}}, headers=change).code == 200
    eventually(lambda: (status().get("was"), status().get("now")) == (1, 5))
    assert api("DELETE", f"{ponds}/p").code == 200
    eventually(lambda: api("GET", f"{ponds}/p").code == 404)
    assert "drained p" in operator.read_text()
