"""What a port shows of a program."""

import json

import pytest

from kubern.base.clock import FakeClock
from kubern.base.introspection import Introspection
from kubern.base.metrics import single
from kubern.diagnostics.port import About, Port
from kubern.http.contract import Peer, Request


@pytest.fixture
def told():
    made = Introspection()
    made.sources.append(lambda: [single("some_total", "counter", "Some.", 3)])
    made.configuration["c.config.k8s.io"] = lambda: {"kind": "C"}
    return made


async def ask(port, path, method="GET", accept="*/*"):
    path, _, query = path.partition("?")
    answer = await port(Request(method, path, query, {"accept": accept}, b"", Peer()))
    return answer.status, answer.body.decode()


async def test_the_pages(told):
    port = Port(About("kube-c", {"secure-port": "1"}), told, FakeClock())
    assert await ask(port, "/healthz") == (200, "ok")
    code, text = await ask(port, "/metrics")
    assert code == 200
    assert "\nsome_total 3\n" in text
    assert 'kubernetes_build_info{major="1",minor="36"' in text
    assert json.loads((await ask(port, "/configz"))[1]) == {"c.config.k8s.io": {"kind": "C"}}
    assert (await ask(port, "/flagz"))[1].endswith("\nsecure-port=1\n")
    assert (await ask(port, "/debug/pprof/"))[0] == 200
    assert (await ask(port, "/debug/pprof"))[0] == 301
    assert await ask(port, "/none") == (404, "404 page not found\n")
    assert (await ask(port, "/metrics", "POST"))[0] == 405


async def test_without_profiling_there_are_no_profiles(told):
    port = Port(About("kube-c", profiling=False), told, FakeClock())
    assert (await ask(port, "/debug/pprof/"))[0] == 404


async def test_what_fails_shows_in_health_and_what_is_waited_for_in_readiness(told):
    port = Port(About("kube-c"), told, FakeClock())
    told.ready["informer-sync"] = lambda: "not yet"
    assert (await ask(port, "/healthz"))[0] == 200
    code, text = await ask(port, "/readyz")
    assert (code, text.splitlines()) == (
        500, ["[+]ping ok", "[-]informer-sync failed: reason withheld", "readyz check failed"]
    )  # fmt: skip
    assert (await ask(port, "/readyz?exclude=informer-sync"))[0] == 200
    told.checks["leaderElection"] = lambda: "lost"
    assert (await ask(port, "/livez"))[0] == 500
    assert (await ask(port, "/healthz/leaderElection"))[0] == 500
    text = (await ask(port, "/metrics/slis"))[1]
    assert 'kubernetes_healthcheck{name="leaderElection",type="readyz"} 0' in text


def test_series_of_one_metric_come_as_one(told):
    told.sources.append(lambda: [single("other", "gauge", "O.", 1)])
    told.sources.append(lambda: [single("other", "gauge", "O.", 2)])
    assert [family.name for family in told.families()] == ["some_total", "other"]
