"""Extenders, against one that answers on loopback."""

import random

import pytest
from aiohttp import web

from kubern.base.errors import InternalError
from kubern.scheduler.cycle import Unplaced
from kubern.scheduler.extended_cycle import schedule_extended
from kubern.scheduler.extender import Extenders, read_extender
from kubern.scheduler.framework import Cycle
from kubern.scheduler.nominations import Nominations
from kubern.scheduler.podinfo import PodInfo
from tests.unit.scheduler.placing import PLUGINS, columns_of, node, pod


@pytest.fixture
async def server():
    """What was asked, and what is answered by verb."""
    asked, answers = [], {}

    async def answer(request):
        body = await request.json()
        asked.append((request.path, body))
        found = answers[request.path]
        return found if isinstance(found, web.Response) else web.json_response(found)

    app = web.Application()
    app.router.add_post("/{verb}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked, answers
    await runner.cleanup()


async def tried(spec, asking=None, nodes=("a", "b", "c")):
    extenders = Extenders((read_extender(spec, "extenders[0]"),))
    columns = columns_of([node(name) for name in nodes])
    cycle = Cycle(PodInfo(asking or pod()), columns)
    try:
        return await schedule_extended(cycle, PLUGINS, extenders, Nominations(columns), random.Random(1))
    finally:
        await extenders.close()


async def test_it_leaves_nodes_out_and_says_why(server):
    url, asked, answers = server
    answers["/filter"] = {"NodeNames": ["c"], "FailedNodes": {"a": "too hot", "b": "too hot"}}
    outcome = await tried({"urlPrefix": url, "filterVerb": "filter", "nodeCacheCapable": True})
    assert outcome.node == "c"
    assert asked[0][1]["NodeNames"] == ["a", "b", "c"]
    assert asked[0][1]["Pod"]["metadata"]["name"] == "p"
    answers["/filter"] = {
        "nodenames": [],
        "failedNodes": {"a": "too hot", "b": "too hot"},
        "failedAndUnresolvableNodes": {"c": "too cold"},
    }
    outcome = await tried({"urlPrefix": url, "filterVerb": "filter", "nodeCacheCapable": True})
    assert isinstance(outcome, Unplaced)
    assert outcome.message == "0/3 nodes are available: 1 too cold, 2 too hot."
    assert int(outcome.helpable.sum()) == 2


async def test_one_that_does_not_know_the_nodes_is_sent_them(server):
    url, asked, answers = server
    answers["/filter"] = {"nodes": {"items": [node("b")]}}
    assert (await tried({"urlPrefix": url, "filterVerb": "filter"})).node == "b"
    assert [each["metadata"]["name"] for each in asked[0][1]["Nodes"]["items"]] == ["a", "b", "c"]


async def test_its_scores_count(server):
    url, _, answers = server
    answers["/rank"] = [{"Host": "a", "Score": 1}, {"Host": "b", "Score": 10}]
    outcome = await tried({"urlPrefix": url, "prioritizeVerb": "rank", "weight": 3})
    assert outcome.node == "b"
    assert outcome.scores["extenders"] == 300


async def test_one_that_fails_has_no_say_in_scores(server):
    url, _, answers = server
    answers["/rank"] = web.Response(status=500)
    assert (await tried({"urlPrefix": url, "prioritizeVerb": "rank"})).node in "abc"


@pytest.mark.parametrize("answer", [{"error": "no"}, [], {"nodenames": ["x"]}])
async def test_one_that_answers_nonsense_fails_the_attempt_unless_ignorable(server, answer):
    url, _, answers = server
    answers["/filter"] = answer
    spec = {"urlPrefix": url, "filterVerb": "filter"}
    with pytest.raises(InternalError):
        await tried(spec)
    assert (await tried(spec | {"ignorable": True})).node in "abc"


async def test_it_sees_only_the_pods_that_are_its_business(server):
    url, asked, answers = server
    answers["/filter"] = {"nodenames": ["b"]}
    spec = {"urlPrefix": url, "filterVerb": "filter", "managedResources": [{"name": "example.com/gpu"}]}
    await tried(spec)
    assert not asked
    extender = read_extender(spec, "x")
    gpu = pod()
    gpu["spec"]["containers"][0]["resources"]["requests"]["example.com/gpu"] = "1"
    assert extender.concerns(gpu)


async def test_it_binds(server):
    url, asked, answers = server
    answers["/bind"] = {"Error": ""}
    extender = read_extender({"urlPrefix": url, "bindVerb": "bind"}, "x")
    extenders = Extenders((extender,))
    await extenders.bind(extender, pod(), "a")
    assert asked == [("/bind", {"PodName": "p", "PodNamespace": "default", "PodUID": "p", "Node": "a"})]
    answers["/bind"] = {"Error": "full"}
    with pytest.raises(InternalError, match="full"):
        await extenders.bind(extender, pod(), "a")
    await extenders.close()
