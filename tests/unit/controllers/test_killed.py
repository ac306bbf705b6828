"""Every controller dies before each of its writes, and what it was about comes to the same end."""

from __future__ import annotations

import pytest

from kubern.base.scan import scan
from kubern.controllers import kinds
from kubern.controllers.controller import Controller
from tests.unit.controllers.killed import told
from tests.unit.controllers.stories import accounts, network, nodes, storage, workloads

STORIES = {**accounts.STORIES, **workloads.STORIES, **network.STORIES, **nodes.STORIES, **storage.STORIES}


@pytest.mark.parametrize("name", STORIES)
def test_a_process_that_dies_before_a_write_changes_nothing_in_the_end(name: str) -> None:
    whole = told(STORIES[name])
    assert whole.writes > 0
    for kill in range(whole.writes):
        assert told(STORIES[name], kill).objects == whole.objects, f"killed before write {kill}"


ELSEWHERE = {
    "garbage-collector-controller": "runs by itself, see test_garbage",
    "storage-version-migrator-controller": "runs by itself, see test_storage_version_migration",
    "namespace-controller": "asks the API what is left and deletes it all anew each time, see test_cluster_objects",
    "horizontal-pod-autoscaler-controller": "asks for metrics, and writes one scale and one status",
}


def test_every_controller_has_a_story() -> None:
    told_of = {each.name for story in STORIES.values() for each in story.controllers}
    assert told_of | set(ELSEWHERE) == {each.name for each in scan(kinds, "CONTROLLER", Controller)}
    assert not told_of & set(ELSEWHERE)
