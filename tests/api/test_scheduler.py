"""The scheduler against a real apiserver in this process: what it writes, and that what waits is placed when it can be."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kubern.api.resources import load
from kubern.apiserver.config import Config
from kubern.apiserver.identity import AUTHENTICATED, MASTERS, User
from kubern.apiserver.server import ApiServer
from kubern.base.clock import SystemClock
from kubern.base.introspection import Introspection
from kubern.base.json import Obj
from kubern.base.metrics import expose
from kubern.client.client import ApiClient
from kubern.client.contract import GVR
from kubern.client.informer import Informers
from kubern.client.transport_inprocess import InProcessTransport
from kubern.http.contract import Peer
from kubern.scheduler import scheduler
from kubern.scheduler.config import Configuration
from kubern.scheduler.framework import Cycle, Plugin, Refusal
from kubern.scheduler.main import default_configuration, run_scheduler
from kubern.scheduler.profile import Profile
from kubern.scheduler.registry import load as load_plugins
from kubern.store.embedded import EmbeddedStore

PODS, NODES, EVENTS = GVR("", "v1", "pods"), GVR("", "v1", "nodes"), GVR("", "v1", "events")
ACCOUNTS, PRIORITIES = GVR("", "v1", "serviceaccounts"), GVR("scheduling.k8s.io", "v1", "priorityclasses")
BUDGETS = GVR("policy", "v1", "poddisruptionbudgets")
NS = "default"


class Cluster:
    """An apiserver with a scheduler, and nothing else."""

    def __init__(self, client: ApiClient, informers: Informers) -> None:
        self.told = Introspection()
        self.client = client
        self.restart: Callable[[], Awaitable[None]]
        self.pods, self.events = informers.of(PODS), informers.of(EVENTS)

    async def node(self, name: str, cpu: str = "4", **labels: str) -> None:
        await self.client.create(NODES, {"metadata": {"name": name, "labels": labels}})
        amounts = {"cpu": cpu, "memory": "8Gi", "pods": "110"}
        status = {"allocatable": amounts, "capacity": amounts}
        await self.client.patch(NODES, name, {"status": status}, subresource="status")

    async def pod(self, name: str, cpu: str = "1", **spec: Any) -> Obj:
        container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}
        labels = {"app": name.rstrip("0123456789")}
        made = {
            "metadata": {"name": name, "namespace": NS, "labels": labels},
            "spec": {"containers": [container]} | spec,
        }
        return await self.client.create(PODS, made, NS)

    def node_of(self, name: str) -> str:
        held = self.pods.get(NS, name)
        return held["spec"].get("nodeName", "") if held else ""

    def condition(self, name: str, kind: str = "PodScheduled") -> Obj:
        conditions = ((self.pods.get(NS, name) or {}).get("status") or {}).get("conditions") or ()
        return next((each for each in conditions if each["type"] == kind), {})

    def said(self, name: str, reason: str) -> list[str]:
        events = self.events.list()
        return [e["message"] for e in events if e["reason"] == reason and e["involvedObject"]["name"] == name]

    def metric(self, series: str) -> float:
        """The value of one series of what the scheduler tells of itself; 0 while there is none."""
        lines = expose(self.told.families()).splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == series), 0.0)

    async def until(self, check: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 20
        while not (found := check()):
            assert time.monotonic() < deadline, "not in time"
            await asyncio.sleep(0.01)
        return found


@contextlib.asynccontextmanager
async def running(folder: Path, config: Configuration, times: int = 1) -> AsyncIterator[Cluster]:
    """Run an apiserver and one or more schedulers."""
    clock = SystemClock()
    store = await EmbeddedStore.open(folder / "store", clock=clock)
    # no node controller is here to take the taint of new nodes away
    left_out = frozenset({"TaintNodesByCondition"})
    serving = Config(authorization_mode=("AlwaysAllow",), disable_admission_plugins=left_out)
    api = ApiServer(store, load(), serving, clock)
    await api.start()
    client = ApiClient(InProcessTransport(api.handler, Peer(user=User("admin", (MASTERS, AUTHENTICATED)), memo={})))
    informers = Informers(client, clock)
    made = Cluster(client, informers)
    await client.create(ACCOUNTS, {"metadata": {"name": "default", "namespace": NS}}, NS)

    async def follow() -> None:
        async with asyncio.TaskGroup() as group:
            informers.start(group)

    async def schedule() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(times):
                group.create_task(run_scheduler(client, clock, config, introspection=made.told))

    tasks = [asyncio.create_task(follow()), asyncio.create_task(schedule())]

    async def end() -> None:
        task = tasks.pop()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def restart() -> None:
        await end()
        tasks.append(asyncio.create_task(schedule()))

    made.restart = restart
    try:
        yield made
    finally:
        while tasks:
            await end()
        await client.close()
        await api.close()
        await store.close()


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with running(tmp_path, default_configuration()) as made:
        yield made


async def test_a_pod_is_bound_and_an_event_says_so(cluster: Cluster) -> None:
    await cluster.node("n1")
    await cluster.pod("web")
    await cluster.until(lambda: cluster.node_of("web") == "n1")
    assert cluster.condition("web")["status"] == "True"
    assert await cluster.until(lambda: cluster.said("web", "Scheduled")) == ["Successfully assigned default/web to n1"]


async def test_a_pod_without_a_place_says_why_and_gets_one_when_there_is_one(cluster: Cluster) -> None:
    await cluster.node("n1", "1")
    await cluster.pod("big", "3")
    message = (
        "0/1 nodes are available: 1 Insufficient cpu. "
        "no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )
    found = await cluster.until(lambda: cluster.condition("big"))
    assert (found["status"], found["reason"], found["message"]) == ("False", "Unschedulable", message)
    assert await cluster.until(lambda: cluster.said("big", "FailedScheduling")) == [message]
    await cluster.pod("small")
    await cluster.until(lambda: cluster.node_of("small") == "n1")
    await cluster.node("n2")
    await cluster.until(lambda: cluster.node_of("big") == "n2")


async def test_less_important_pods_make_room(cluster: Cluster) -> None:
    await cluster.client.create(PRIORITIES, {"metadata": {"name": "high"}, "value": 1000})
    await cluster.node("n1")
    await cluster.pod("low1", "2")
    await cluster.pod("low2", "2")
    await cluster.until(lambda: cluster.node_of("low1") and cluster.node_of("low2"))
    asking = await cluster.pod("high", "2", priorityClassName="high")
    nominated = await cluster.until(
        lambda: ((cluster.pods.get(NS, "high") or {}).get("status") or {}).get("nominatedNodeName")
    )
    assert nominated == "n1"
    victim = await cluster.until(
        lambda: next((n for n in ("low1", "low2") if "deletionTimestamp" in cluster.pods.get(NS, n)["metadata"]), "")
    )
    target = cluster.condition(victim, "DisruptionTarget")
    assert target["reason"] == "PreemptionByScheduler"
    assert target["message"] == "default-scheduler: preempting to accommodate a higher priority pod"
    said = await cluster.until(lambda: cluster.said(victim, "Preempted"))
    assert said == [f"Preempted by pod {asking['metadata']['uid']} on node n1"]
    assert not cluster.node_of("high")
    # another of the same priority respects the claim, and the victim leaves in its own time
    await cluster.client.delete(PODS, victim, NS, grace_period=0)
    await cluster.until(lambda: cluster.node_of("high") == "n1")
    survivor = ({"low1", "low2"} - {victim}).pop()
    assert "deletionTimestamp" not in cluster.pods.get(NS, survivor)["metadata"]
    assert cluster.metric("scheduler_preemption_attempts_total") >= 1
    assert cluster.metric("scheduler_preemption_victims_sum") >= 1
    scheduled = 'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"}'
    await cluster.until(lambda: cluster.metric(scheduled) == 3)


async def test_pods_with_gates_wait_for_them(cluster: Cluster) -> None:
    await cluster.node("n1")
    await cluster.pod("gated", schedulingGates=[{"name": "example.com/wait"}])
    await cluster.pod("free")
    await cluster.until(lambda: cluster.node_of("free"))
    assert not cluster.node_of("gated")
    assert cluster.condition("gated")["reason"] == "SchedulingGated"
    await cluster.client.patch(PODS, "gated", {"spec": {"schedulingGates": None}}, NS)
    await cluster.until(lambda: cluster.node_of("gated") == "n1")


async def test_replicas_that_avoid_each_other_fill_the_zones_evenly(cluster: Cluster) -> None:
    for number in range(6):
        await cluster.node(
            f"n{number}", **{"topology.kubernetes.io/zone": f"z{number % 3}", "kubernetes.io/hostname": f"n{number}"}
        )
    selector = {"matchLabels": {"app": "web"}}
    apart = [{"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}]
    spread = {
        "topologyKey": "topology.kubernetes.io/zone",
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": selector,
    }
    spec = {
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": apart}},
        "topologySpreadConstraints": [spread],
    }
    for number in range(7):
        await cluster.pod(f"web{number}", **spec)

    def placed() -> list[str]:
        return [node for number in range(7) if (node := cluster.node_of(f"web{number}"))]

    await cluster.until(lambda: len(placed()) == 6)
    assert len(set(placed())) == 6
    left = next(f"web{number}" for number in range(7) if not cluster.node_of(f"web{number}"))
    condition = await cluster.until(lambda: cluster.condition(left))
    assert condition["message"].startswith("0/6 nodes are available: 6 node(s) didn't match pod anti-affinity rules.")
    await cluster.client.delete(
        PODS, next(f"web{n}" for n in range(7) if cluster.node_of(f"web{n}")), NS, grace_period=0
    )
    await cluster.until(lambda: cluster.node_of(left))


async def test_profiles_of_one_program_decide_each_for_its_own_pods(tmp_path: Path) -> None:
    crowd = [each for each in load_plugins() if each.name not in ("NodeResourcesFit", "PodTopologySpread")]
    config = Configuration((Profile("default-scheduler", load_plugins()), Profile("crowding", crowd)))
    async with running(tmp_path, config) as cluster:
        await cluster.node("n1", "1")
        await cluster.pod("usual", "3")
        await cluster.pod("crowded", "3", schedulerName="crowding")
        await cluster.pod("foreign", "1", schedulerName="another")
        await cluster.until(lambda: cluster.node_of("crowded") == "n1")
        await cluster.until(lambda: cluster.condition("usual"))
        assert not cluster.node_of("foreign")
        assert not cluster.condition("foreign")
        said = await cluster.until(lambda: [e for e in cluster.events.list() if e["reason"] == "Scheduled"])
        assert said[0]["source"]["component"] == "crowding"


def _broken(cycle: Cycle) -> list[Refusal]:
    if cycle.info.name.startswith("bad"):
        raise ZeroDivisionError("no idea")
    return []


async def test_a_plugin_that_raises_concerns_its_pod_only(tmp_path: Path) -> None:
    plugins = [*load_plugins(), Plugin("Broken", filter=_broken)]
    async with running(tmp_path, Configuration((Profile("default-scheduler", plugins),))) as cluster:
        await cluster.node("n1")
        await cluster.pod("bad")
        await cluster.pod("good")
        await cluster.until(lambda: cluster.node_of("good") == "n1")
        found = await cluster.until(lambda: cluster.condition("bad"))
        assert (found["reason"], found["message"]) == ("SchedulerError", "running the plug-ins: no idea")
        assert await cluster.until(lambda: cluster.said("bad", "FailedScheduling"))
        assert cluster.metric('scheduler_schedule_attempts_total{profile="default-scheduler",result="error"}') >= 1


async def test_a_plugin_that_hangs_concerns_its_pod_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(cycle: Cycle) -> list[Refusal]:
        while cycle.info.name.startswith("bad"):
            with contextlib.suppress(Exception):
                cycle.info.name.upper()
        return []

    monkeypatch.setattr(scheduler, "CYCLE_LIMIT", 0.2)
    plugins = [*load_plugins(), Plugin("Hanging", filter=hang)]
    async with running(tmp_path, Configuration((Profile("default-scheduler", plugins),))) as cluster:
        await cluster.node("n1")
        await cluster.pod("bad")
        await cluster.pod("good")
        await cluster.until(lambda: cluster.node_of("good") == "n1")
        found = await cluster.until(lambda: cluster.condition("bad"))
        said = "running the plug-ins: plug-in 'Hanging' was still not done after 0.2 s"
        assert (found["reason"], found["message"]) == ("SchedulerError", said)
        assert await cluster.until(lambda: cluster.said("bad", "FailedScheduling"))


async def test_two_schedulers_at_once_bind_each_pod_once(tmp_path: Path) -> None:
    """What two do without a Lease between them: the second binding is refused by the apiserver, and nothing is lost."""
    async with running(tmp_path, default_configuration(), times=2) as cluster:
        for name in ("n1", "n2"):
            await cluster.node(name, "20")
        for number in range(30):
            await cluster.pod(f"web{number}")
        await cluster.until(lambda: all(cluster.node_of(f"web{number}") for number in range(30)))


async def test_permission_to_bind_can_be_waited_for_and_refused(tmp_path: Path) -> None:
    opened = asyncio.Event()
    answers = iter(["not yet", ""])

    async def permit(cycle: Cycle, node: str) -> str:
        if cycle.info.name != "slow":
            return ""
        await opened.wait()
        return next(answers)

    plugins = [*load_plugins(), Plugin("Gatekeeper", permit=permit)]
    async with running(
        tmp_path, Configuration((Profile("default-scheduler", plugins),), backoff_first=0.01)
    ) as cluster:
        await cluster.node("n1")
        await cluster.pod("slow", "3")
        await cluster.pod("quick", "1")
        await cluster.until(lambda: cluster.node_of("quick") == "n1")
        assert not cluster.node_of("slow")
        # its place is kept meanwhile
        await cluster.pod("late", "1")
        await cluster.until(lambda: cluster.condition("late"))
        opened.set()
        await cluster.until(lambda: cluster.node_of("slow") or cluster.node_of("late"))


async def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    async with running(tmp_path, default_configuration()) as cluster:
        await cluster.node("n1", "3")
        await cluster.pod("a", "2")
        await cluster.until(lambda: cluster.node_of("a"))
        await cluster.restart()
        await cluster.pod("b", "2")
        found = await cluster.until(lambda: cluster.condition("b"))
        assert "1 Insufficient cpu" in found["message"]
        await cluster.pod("c", "1")
        await cluster.until(lambda: cluster.node_of("c"))
