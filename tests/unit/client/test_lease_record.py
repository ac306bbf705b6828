"""What a candidate makes of a Lease, by a clock of its own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubern.base.json import Obj
from kubern.client.leaderelection import LeaseSettings
from kubern.client.lease_record import Seen, may_take, observed, released, taken, valid

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STAMP = "2026-01-01T00:00:00.000000Z"


def lease(holder: str = "other", renewed: str = "1", lasts: int = 15) -> Obj:
    return {"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": lasts, "acquireTime": "0"}}


@pytest.mark.parametrize(
    ("holder", "age", "mine"),
    [("other", 14.9, False), ("other", 15.0, True), ("", 0.0, True), ("me", 0.0, True), ("me", 99.0, True)],
)
def test_who_may_take_a_lease(holder: str, age: float, mine: bool) -> None:
    assert may_take(Seen(lease(holder), 100.0), "me", 100.0 + age) is mine


def test_a_record_is_as_old_as_its_last_change_seen_here() -> None:
    first = observed(None, lease(), 100.0)
    again = observed(first, lease() | {"metadata": {"resourceVersion": "9"}}, 110.0)
    assert (again.at, valid(again, 114.0), valid(again, 115.0)) == (100.0, True, False)
    assert observed(again, lease(renewed="2"), 116.0).at == 116.0


def test_the_clock_of_the_holder_does_not_matter() -> None:
    far_ahead, long_ago = lease(renewed="2099-01-01T00:00:00Z"), lease(renewed="1999-01-01T00:00:00Z")
    for each in (far_ahead, long_ago):
        assert not may_take(observed(None, each, 0.0), "me", 14.0)
        assert may_take(observed(None, each, 0.0), "me", 15.0)


@pytest.mark.parametrize(
    ("spec", "acquired", "transitions"),
    [
        (None, STAMP, 0),
        ({}, STAMP, 1),
        ({"holderIdentity": "other", "leaseTransitions": 3, "acquireTime": "0"}, STAMP, 4),
        ({"holderIdentity": "", "leaseTransitions": 3, "acquireTime": "0"}, STAMP, 4),
        ({"holderIdentity": "me", "leaseTransitions": 3, "acquireTime": "0"}, "0", 3),
    ],
)
def test_what_is_written(spec: Obj | None, acquired: str, transitions: int) -> None:
    assert taken(spec, "me", 15.0, NOW) == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "renewTime": STAMP,
        "acquireTime": acquired,
        "leaseTransitions": transitions,
    }


def test_fields_of_others_are_kept() -> None:
    assert taken({"strategy": "OldestEmulationVersion"}, "me", 15.0, NOW)["strategy"] == "OldestEmulationVersion"


def test_a_released_lease_is_free_at_once() -> None:
    given_up = {"spec": released(taken(None, "me", 15.0, NOW), NOW)}
    assert may_take(observed(None, given_up, 0.0), "other", 0.0)
    assert given_up["spec"]["leaseDurationSeconds"] == 1


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ((15, 15, 2), "leaseDuration must be greater than renewDeadline"),
        ((15, 2.4, 2), r"renewDeadline must be greater than retryPeriod\*JitterFactor"),
        ((0.9, 0.5, 0.1), "at least a second"),
    ],
)
def test_times_with_which_two_might_lead_are_refused(times: tuple[float, float, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LeaseSettings("l", "ns", *times).checked()


def test_the_default_times_are_upstreams() -> None:
    assert LeaseSettings("l").checked() == ("l", "kube-system", 15.0, 10.0, 2.0)
