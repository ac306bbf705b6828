"""Storage version migrations: their stages and how they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kubern.base.clock import rfc3339
from kubern.base.errors import Conflict, Forbidden, NotFound
from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.controllers.conditions import find
from kubern.controllers.discovery import Served
from kubern.controllers.kinds import storageversionmigration as svm
from kubern.controllers.kinds.storageversionmigration import Observed
from kubern.controllers.resources import MIGRATIONS
from tests.unit.controllers.world import START, World

SERVED = Served(GVR("example.com", "v1", "widgets"), "Widget", True, frozenset({"list", "patch"}))


def migration(*conditions: str, version: str = "") -> Obj:
    listed = [{"type": each, "status": "True", "lastTransitionTime": rfc3339(START)} for each in conditions]
    status = {"conditions": listed} | ({"resourceVersion": version} if version else {})
    meta = {"name": "m", "creationTimestamp": rfc3339(START)}
    return {"metadata": meta, "spec": {"resource": {"group": "example.com", "resource": "widgets"}}, "status": status}


@pytest.mark.parametrize("ended", ["Succeeded", "Failed"])
def test_what_has_ended_is_left_alone(ended: str) -> None:
    world = World()
    world.put(MIGRATIONS, migration(ended))
    assert svm.observe(("", "m"), world.cache) is None


def test_it_runs_first() -> None:
    status = svm.decide(Observed(migration(), SERVED, "77"), START).status or {}
    assert status["resourceVersion"] == "77"
    assert find(status["conditions"], "Running") == {
        "type": "Running", "status": "True", "reason": "StorageVersionMigrationInProgress", "message": "",
        "lastTransitionTime": rfc3339(START),
    }  # fmt: skip


@pytest.mark.parametrize(("error", "kind"), [("", "Succeeded"), ("migration encountered unhandled error", "Failed")])
def test_how_it_ends(error: str, kind: str) -> None:
    status = svm.decide(Observed(migration("Running", version="7"), SERVED, "", True, error), START).status or {}
    ended = find(status["conditions"], kind) or {}
    assert (ended["status"], ended["reason"], ended["message"]) == ("True", f"StorageVersionMigration{kind}", error)
    assert (find(status["conditions"], "Running") or {})["status"] == "False"
    assert status["resourceVersion"] == "7"


def test_a_resource_that_is_not_served_is_waited_for_a_minute() -> None:
    assert svm.decide(Observed(migration()), START + timedelta(seconds=59)).requeue_after == svm.AGAIN
    status = svm.decide(Observed(migration()), START + timedelta(seconds=60)).status or {}
    assert (find(status["conditions"], "Failed") or {})["message"] == "resource not found"


class Writes:
    """An API that answers patches from a script."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers, self.patches = list(answers), []  # type: ignore[var-annotated]

    async def patch(self, gvr: GVR, name: str, patch: Any, namespace: str) -> Obj:
        self.patches.append((namespace, name, patch))
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        return {}


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ((None, None), ""),
        ((Conflict("written"), None), ""),
        ((None, NotFound("gone")), ""),
        ((Forbidden("no"), None), "migration encountered unhandled error"),
    ],
    ids=["all written", "written by others", "gone", "refused"],
)
async def test_objects_are_written_as_they_are(answers: tuple[Exception | None, ...], error: str) -> None:
    api = Writes(*answers)
    objects = [{"metadata": {"name": n, "namespace": "ns", "uid": f"u{n}", "resourceVersion": "5"}} for n in "ab"]
    assert await svm.migrate(api, SERVED, objects) == error  # type: ignore[arg-type]
    assert api.patches[0] == ("ns", "a", {"metadata": {"uid": "ua", "resourceVersion": "5"}})
