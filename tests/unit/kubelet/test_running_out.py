"""When the node runs short: who is evicted, how logs are cut."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from kubern.base.clock import FakeClock
from kubern.kubelet.eviction import Shortage, used_by_pod, victim
from kubern.kubelet.logrotation import LogRotation
from kubern.kubelet.podspec import UID_LABEL
from kubern.kubelet.runtime.contract import ContainerStats, RuntimeFailure
from kubern.kubelet.settings import Settings
from tests.unit.kubelet.pods import pod

MEMORY = Shortage("memory", 100 << 20, 50 << 20)


def using(uid: str, request: str = "", priority: int = 0, **meta: Any) -> dict[str, Any]:
    resources = {"resources": {"requests": {"memory": request}}} if request else {}
    return pod(resources, meta={"uid": uid, "name": uid, **meta}, priority=priority)


@pytest.mark.parametrize(
    ("pods", "used", "gone"),
    [
        ([], {}, None),
        ([using("a"), using("b")], {"a": 1, "b": 2}, "b"),
        ([using("a", "1Gi"), using("b")], {"a": 500 << 20, "b": 1 << 20}, "b"),
        ([using("a", priority=5), using("b")], {"a": 9, "b": 1}, "b"),
        ([using("a", "1Mi", priority=5), using("b", "1Mi")], {"a": 2 << 20, "b": 1}, "a"),
        ([using("a", priority=2_000_000_000)], {"a": 9}, None),
        ([using("a", annotations={"kubernetes.io/config.source": "file"})], {"a": 9}, None),
    ],
    ids=["nobody", "the greedier", "within its request", "lower priority", "beyond its request", "critical", "static"],
)
def test_who_has_to_go(pods: list[dict[str, Any]], used: dict[str, int], gone: str | None) -> None:
    found = victim(pods, used, MEMORY)
    assert (found.uid if found else None) == gone


def test_an_eviction_says_why() -> None:
    found = victim([using("a")], {"a": 4096}, MEMORY)
    assert found is not None
    assert found.verdict.reason == "Evicted"
    assert found.verdict.message == (
        "The node was low on resource: memory. Threshold quantity: 102400Ki, available: 51200Ki. "
        "Pod a was using 4Ki, request is 0, has larger consumption of memory. "
    )


def test_usage_is_summed_by_pod() -> None:
    stats = [ContainerStats(str(n), "c", {UID_LABEL: "a"}, 0, 0, 0, 5, 0, 0, 0, 0, 7, 0) for n in range(2)]
    assert used_by_pod(stats, "memory") == {"a": 10}
    assert used_by_pod(stats, "ephemeral-storage") == {"a": 14}


@pytest.mark.parametrize(("text", "wanted"), [("100Mi", 100 << 20), ("10%", 100), ("0%", 0)])
def test_thresholds(text: str, wanted: int) -> None:
    assert Settings("n", eviction_hard={"s": text}).least("s", 1000) == wanted


class Runtime:
    def __init__(self, path: Path, fails: bool = False) -> None:
        self.path, self.fails = path, fails

    async def reopen_log(self, container_id: str) -> None:
        if self.fails:
            raise RuntimeFailure("UNKNOWN", "no")
        self.path.touch()


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_long_logs_are_set_aside_packed_and_removed(tmp_path: Path) -> None:
    log, clock = tmp_path / "0.log", FakeClock()
    rotation = LogRotation(Runtime(log), clock, 10, 3)  # type: ignore[arg-type]
    for n in range(4):
        log.write_text(f"{n}" * 11)
        await rotation.rotate([("c", log)])
        await clock.advance(1)
    assert log.read_text() == ""
    assert names(tmp_path) == ["0.log", "0.log.20260101-000002.gz", "0.log.20260101-000003"]
    assert gzip.decompress((tmp_path / "0.log.20260101-000002.gz").read_bytes()) == b"2" * 11


async def test_short_logs_and_logs_that_cannot_be_reopened_stay(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_text("0123456789")
    await LogRotation(Runtime(log), FakeClock(), 10, 3).rotate([("c", log), ("d", tmp_path / "none")])  # type: ignore[arg-type]
    await LogRotation(Runtime(log, fails=True), FakeClock(), 5, 3).rotate([("c", log)])  # type: ignore[arg-type]
    assert names(tmp_path) == ["0.log"]
    assert log.read_text() == "0123456789"
