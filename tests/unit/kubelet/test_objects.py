"""The API objects that pods refer to: read once by many, tokens renewed in time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kubern.base.clock import FakeClock, rfc3339
from kubern.base.errors import NotFound, ServiceUnavailable
from kubern.client.contract import GVR
from kubern.kubelet.objects import ApiObjects
from tests.unit.kubelet.pods import pod


class Client:
    """Answers from `there`, and counts."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.there: dict[str, Any] = {}
        self.asked: list[str] = []
        self.down = False

    async def get(self, gvr: GVR, name: str, namespace: str = "") -> dict[str, Any]:
        self.asked.append(f"{gvr.plural}/{namespace}/{name}")
        await asyncio.sleep(0)
        if self.down:
            raise ServiceUnavailable("away")
        if name not in self.there:
            raise NotFound(name)
        found: dict[str, Any] = self.there[name]
        return found

    async def create(
        self, gvr: GVR, obj: dict[str, Any], namespace: str, *, name: str, subresource: str
    ) -> dict[str, Any]:
        self.asked.append(f"{gvr.plural}/{namespace}/{name}/{subresource}")
        expires = self.clock.now() + timedelta(seconds=obj["spec"]["expirationSeconds"])
        return {"status": {"token": f"t{len(self.asked)}", "expirationTimestamp": rfc3339(expires)}}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(clock: FakeClock) -> Client:
    return Client(clock)


@pytest.fixture
def objects(client: Client, clock: FakeClock) -> ApiObjects:
    return ApiObjects(client, clock)  # type: ignore[arg-type]


async def test_equal_questions_become_one_request(objects: ApiObjects, client: Client, clock: FakeClock) -> None:
    client.there["a"] = {"data": {}}
    found = await asyncio.gather(*(objects.get("configmap", "ns", "a") for _ in range(5)))
    assert found == [{"data": {}}] * 5
    assert client.asked == ["configmaps/ns/a"]
    await clock.advance(2)
    await objects.get("configmap", "ns", "a")
    assert len(client.asked) == 2


async def test_what_is_not_there_is_none_and_an_error_is_not_kept(objects: ApiObjects, client: Client) -> None:
    assert await objects.get("secret", "ns", "a") is None
    client.down = True
    with pytest.raises(ServiceUnavailable):
        await objects.get("secret", "ns", "b")
    client.down, client.there["b"] = False, {"data": {}}
    assert await objects.get("secret", "ns", "b") == {"data": {}}


async def test_one_that_gives_up_does_not_take_the_answer_from_others(objects: ApiObjects, client: Client) -> None:
    client.there["a"] = {}
    first = asyncio.create_task(objects.get("configmap", "ns", "a"))
    second = asyncio.create_task(objects.get("configmap", "ns", "a"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == {}


async def test_tokens_are_kept_for_four_fifths_of_their_time(
    objects: ApiObjects, client: Client, clock: FakeClock
) -> None:
    owner = pod(serviceAccountName="sa")
    first = await objects.token(owner, "", 1000)
    await clock.advance(799)
    assert await objects.token(owner, "", 1000) == first
    assert (await objects.token(owner, "other", 1000)).text != first.text
    await clock.advance(2)
    assert await objects.token(owner, "", 1000) != first
    assert set(client.asked) == {"serviceaccounts/ns/sa/token"}
