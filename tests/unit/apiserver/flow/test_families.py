"""What priority and fairness counts of requests that waited and of those that did not."""

import asyncio

from kubern.apiserver.flow.control import FlowControl
from kubern.apiserver.flow.families import flow_families
from kubern.apiserver.flow.objects import flow_schemas, priority_levels
from kubern.apiserver.identity import AUTHENTICATED, User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.clock import FakeClock
from kubern.base.errors import TooManyRequests
from kubern.base.metrics import expose

LEVEL = 'priority_level="global-default",flow_schema="global-default"'
INFO = RequestInfo(True, "get", "/api/v1/configmaps", version="v1", resource="configmaps", name="c")


def lines(flow):
    return expose(flow_families(flow)).splitlines()


async def test_waiting_requests_and_their_waits_are_counted():
    clock = FakeClock()
    flow = FlowControl(10, 0.3, clock, lambda info: 0)
    flow.load("prioritylevelconfigurations", priority_levels())
    flow.load("flowschemas", flow_schemas())
    user = User("jane", (AUTHENTICATED,))
    places = []
    while True:
        place = flow.enter(user, INFO)
        if place.turn is not None:
            break
        places.append(place)
    waiting = [asyncio.create_task(flow.wait(each)) for each in (place, flow.enter(user, INFO))]
    await asyncio.sleep(0)
    assert f"apiserver_flowcontrol_current_inqueue_requests{{{LEVEL}}} 2" in lines(flow)
    await clock.advance(3)
    flow.leave(places.pop(), 0.1)
    # one seat, two who wait for it
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert sorted(type(outcome) for outcome in outcomes if outcome) == [TooManyRequests]
    found = lines(flow)
    name = "apiserver_flowcontrol_request_wait_duration_seconds"
    passed = len(places) + 2
    assert f"apiserver_flowcontrol_current_inqueue_requests{{{LEVEL}}} 0" in found
    assert f'{name}_bucket{{{LEVEL},execute="true",le="0"}} {passed - 1}' in found
    assert f'{name}_count{{{LEVEL},execute="true"}} {passed}' in found
    assert f'{name}_sum{{{LEVEL},execute="true"}} 3' in found
    assert f'{name}_count{{{LEVEL},execute="false"}} 1' in found
