"""The tokens of service accounts: asked for when they are needed, renewed in time, the account made where it is missing."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.clock import FakeClock, rfc3339
from kubern.base.errors import AlreadyExists, Forbidden, NotFound
from kubern.client.accounts import LEAST, AccountToken
from kubern.client.client import ApiClient
from tests.unit.client.scripted import Scripted

PATH = "/api/v1/namespaces/kube-system/serviceaccounts"
TOKEN = f"{PATH}/job-controller/token"


class Made:
    """A token of the account job-controller, over a scripted transport."""

    def __init__(self, *answers: Any) -> None:
        self.clock = FakeClock()
        self.transport = Scripted()
        self.transport.answers = [*answers]
        self.bearer = AccountToken(ApiClient(self.transport), "job-controller", self.clock)

    def paths(self) -> list[str]:
        return [each.path for each in self.transport.asked]


def granted(token: str, until: int) -> dict[str, Any]:
    clock = FakeClock()
    clock._elapsed = until
    return {"status": {"token": token, "expirationTimestamp": rfc3339(clock.now())}}


async def test_one_token_does_for_most_of_its_time() -> None:
    made = Made(granted("one", 3600), granted("two", 2 * 3600))
    assert await made.bearer.token() == "one"
    await made.clock.advance(0.8 * 3600 - 1)
    assert await made.bearer.token() == "one"
    await made.clock.advance(2)
    assert await made.bearer.token() == "two"
    assert made.paths() == [TOKEN, TOKEN]
    assert made.transport.asked[0].body["spec"] == {"expirationSeconds": 3600}


async def test_a_token_is_used_for_a_while_even_where_clocks_differ() -> None:
    made = Made(granted("one", -100), granted("two", 3600))
    assert await made.bearer.token() == "one"
    await made.clock.advance(0.8 * LEAST - 1)
    assert await made.bearer.token() == "one"


@pytest.mark.parametrize("created", [{}, AlreadyExists("another was faster")], ids=["made", "made by another"])
async def test_an_account_that_is_missing_is_made(created: Any) -> None:
    made = Made(NotFound("no such account"), created, granted("one", 3600))
    assert await made.bearer.token() == "one"
    assert made.paths() == [TOKEN, PATH, TOKEN]
    assert made.transport.asked[1].body["metadata"] == {"name": "job-controller", "namespace": "kube-system"}


async def test_a_token_that_was_refused_is_replaced() -> None:
    made = Made(granted("one", 3600), granted("two", 3600))
    made.bearer.refused(await made.bearer.token())
    assert await made.bearer.token() == "two"
    made.bearer.refused("one")  # an older request's answer
    assert await made.bearer.token() == "two"


async def test_who_may_not_have_a_token_is_told_so_and_may_ask_again() -> None:
    made = Made(Forbidden("no"), granted("one", 3600))
    with pytest.raises(Forbidden):
        await made.bearer.token()
    assert await made.bearer.token() == "one"
