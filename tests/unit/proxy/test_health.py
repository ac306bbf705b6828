"""The proxy's health and its numbers."""

import json

import pytest

from kubern.base.clock import FakeClock, rfc3339
from kubern.base.metrics import expose
from kubern.http.contract import Peer, Request
from kubern.proxy.health import LATE, LEAVING, Health
from kubern.proxy.meters import TRIGGER, Meters


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def health(clock):
    return Health(clock)


async def ask(health, path):
    answer = await health.serve(Request("GET", path, "", {}, b"", Peer()))
    return answer.status, json.loads(answer.body)


def node(*taints, **metadata):
    return {"metadata": {"name": "n", **metadata}, "spec": {"taints": [{"key": key} for key in taints]}}


async def test_it_is_healthy_until_a_change_waits_for_too_long(health, clock):
    assert (await ask(health, "/healthz"))[0] == 200
    health.queued()
    await clock.advance(LATE - 1)
    health.queued()
    assert (await ask(health, "/livez"))[0] == 200
    await clock.advance(2)
    assert (await ask(health, "/healthz"))[0] == 503
    code, shown = await ask(health, "/livez")
    assert (code, shown["lastUpdated"]) == (503, "0001-01-01 00:00:00 +0000 UTC")
    health.updated()
    assert (await ask(health, "/livez"))[0] == 200


@pytest.mark.parametrize(
    ("after", "code"),
    [(node(), 200), (node("other"), 200), (node(LEAVING), 503), (node(deletionTimestamp="2026-01-01T00:00:00Z"), 503)],
    ids=["plain", "tainted", "leaving", "being deleted"],
)
async def test_a_node_that_leaves_gets_no_new_connections(health, after, code):
    health.node_changed(None, after)
    found, shown = await ask(health, "/healthz")
    assert (found, shown["nodeEligible"]) == (code, code == 200)
    assert (await ask(health, "/livez"))[0] == 200


async def test_answers_are_counted(health):
    await ask(health, "/healthz")
    health.node_changed(None, node(LEAVING))
    await ask(health, "/healthz")
    text = expose(health.families())
    assert 'kubeproxy_proxy_healthz_total{code="200"} 1' in text
    assert 'kubeproxy_proxy_healthz_total{code="503"} 1' in text


async def test_the_time_from_a_change_to_the_kernel_is_measured(clock):
    meters = Meters(clock.now())
    before = rfc3339(clock.now())
    await clock.advance(10)
    meters.changed("endpoint", {"metadata": {"annotations": {TRIGGER: rfc3339(clock.now())}}}, clock.now())
    meters.changed("endpoint", {"metadata": {"annotations": {TRIGGER: "nonsense"}}}, clock.now())
    meters.changed("service", {"metadata": {"annotations": {TRIGGER: before}}}, clock.now())
    meters.changed("service", None, clock.now())
    await clock.advance(3)
    taken = meters.loading()
    meters.failed(taken)
    taken = meters.loading()
    meters.changed("service", None, clock.now())
    meters.loaded(taken, 0.5, clock.now())
    lines = expose(meters.families()).splitlines()
    for line in (
        "kubeproxy_network_programming_duration_seconds_sum 3",
        "kubeproxy_network_programming_duration_seconds_count 1",
        "kubeproxy_sync_proxy_rules_duration_seconds_count 1",
        "kubeproxy_sync_proxy_rules_service_changes_total 3",
        "kubeproxy_sync_proxy_rules_service_changes_pending 1",
        "kubeproxy_sync_proxy_rules_endpoint_changes_pending 0",
        "kubeproxy_sync_proxy_rules_nftables_sync_failures_total 1",
    ):
        assert line in lines
