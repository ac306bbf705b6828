"""The client over a scripted transport: paths, pages, bodies and errors."""

from __future__ import annotations

import pytest

from kubern.base.errors import Expired, NotFound
from kubern.client.client import PARTIAL_LIST, ApiClient
from kubern.client.contract import GVR
from tests.unit.client.scripted import Scripted, config_map, listed

MAPS = GVR("", "v1", "configmaps")


async def test_long_lists_are_asked_for_in_pages_and_items_get_their_kind() -> None:
    transport = Scripted()
    transport.answers = [listed(7, config_map("a", 1), token="next"), listed(7, config_map("b", 2))]
    found = await ApiClient(transport).list(MAPS, "ns")
    assert [(item["kind"], item["apiVersion"], item["metadata"]["name"]) for item in found.items] == [
        ("ConfigMap", "v1", "a"),
        ("ConfigMap", "v1", "b"),
    ]
    assert found.resource_version == "7"
    assert transport.asked[1].query == {"limit": "500", "continue": "next"}


async def test_metadata_alone_is_asked_for_by_the_accept_header() -> None:
    transport = Scripted()
    transport.answers = [listed(7)]
    await ApiClient(transport).list(MAPS, metadata_only=True)
    assert transport.asked[0].accept == PARTIAL_LIST


async def test_deletion_carries_its_options() -> None:
    transport = Scripted()
    transport.answers = [{}]
    await ApiClient(transport).delete(MAPS, "a", "ns", grace_period=0, uid="u", propagation="Foreground")
    assert transport.asked[0].path == "/api/v1/namespaces/ns/configmaps/a"
    assert transport.asked[0].body == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Foreground",
        "preconditions": {"uid": "u"},
    }


async def test_an_error_event_ends_a_watch_as_the_error_it_carries() -> None:
    transport = Scripted()
    transport.watches = [[("ADDED", config_map("a", 3)), ("ERROR", Expired("too old").status())]]
    events = ApiClient(transport).watch(MAPS, resource_version="2")
    first = await anext(events)
    assert (first.type, first.object["metadata"]["name"]) == ("ADDED", "a")
    with pytest.raises(Expired):
        await anext(events)
    assert transport.asked[0].query == {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "2"}


async def test_errors_of_the_transport_reach_the_caller() -> None:
    transport = Scripted()
    transport.answers = [NotFound("no such thing")]
    with pytest.raises(NotFound):
        await ApiClient(transport).get(MAPS, "a", "ns")


async def test_a_raw_path_may_have_a_query() -> None:
    transport = Scripted()
    transport.answers = [{}, {}]
    client = ApiClient(transport)
    await client.raw("/apis/g/v1/pods?labelSelector=a%3Db")
    await client.raw("/version")
    assert [(asked.path, asked.query) for asked in transport.asked] == [
        ("/apis/g/v1/pods", {"labelSelector": "a=b"}),
        ("/version", {}),
    ]
