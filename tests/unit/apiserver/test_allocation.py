"""Service addresses and node ports are held by one Service at a time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.apiserver.allocation.addresses import Allocator, Full, address_allocator, port_allocator, static_band
from kubern.apiserver.allocation.ranges import AddressRanges
from kubern.apiserver.allocation.services import ServiceTaker
from kubern.base.errors import InternalError, Invalid
from kubern.base.json import Obj


def taker(cidr: str = "10.96.0.0/16") -> ServiceTaker:
    return ServiceTaker(AddressRanges(cidr, random.Random(1)), (30000, 32767), random.Random(1))


def service(name: str = "s", **spec: object) -> Obj:
    ports = [{"port": 80, "protocol": "TCP"}]
    return {"metadata": {"name": name}, "spec": {"type": "ClusterIP", "ports": ports} | spec}


@pytest.mark.parametrize(("size", "band"), [(65534, 256), (254, 16), (14, 0), (4094, 255)])
def test_static_band_of_address_ranges(size: int, band: int) -> None:
    assert static_band(size, 16, 16, 256) == band


def test_automatic_choices_stay_above_the_static_band() -> None:
    addresses, ports = (
        address_allocator("10.96.0.0/24", random.Random(1)),
        port_allocator(30000, 32767, random.Random(1)),
    )
    assert min(addresses.take_next() & 0xFF for _ in range(238)) == 17
    assert min(ports.take_next() for _ in range(500)) >= 30086


@given(st.integers(1, 40), st.integers(1, 50))
def test_every_value_is_given_out_once(size: int, dynamic: int) -> None:
    allocator = Allocator(1, size, min(dynamic, size), random.Random(0))
    assert sorted(allocator.take_next() for _ in range(size)) == list(range(1, size + 1))
    with pytest.raises(Full):
        allocator.take_next()


async def test_a_service_gets_an_address_and_its_port() -> None:
    made = service(type="NodePort")
    await taker().take(made, None)
    assert made["spec"]["clusterIP"] == made["spec"]["clusterIPs"][0]
    assert made["spec"]["clusterIP"].startswith("10.96.")
    assert 30000 <= made["spec"]["ports"][0]["nodePort"] <= 32767
    assert (made["spec"]["ipFamilies"], made["spec"]["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"clusterIP": "10.96.0.9"}, "failed to allocate IP 10.96.0.9: provided IP is already allocated"),
        (
            {"clusterIP": "10.97.0.9"},
            "failed to allocate IP 10.97.0.9: the provided network does not match the current range",
        ),
        (
            {"type": "NodePort", "ports": [{"port": 1, "nodePort": 30009}]},
            "spec.ports[0].nodePort: Invalid value: 30009: provided port is already allocated",
        ),
        (
            {"type": "NodePort", "ports": [{"port": 1, "nodePort": 9}]},
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
    ],
    ids=["address taken", "address outside", "port taken", "port outside"],
)
async def test_refusals(spec: Obj, message: str) -> None:
    book = taker()
    book.load([service(clusterIP="10.96.0.9", ports=[{"port": 1, "nodePort": 30009}])])
    with pytest.raises(Invalid) as refused:
        await book.take(service(**spec), None)
    assert message in refused.value.message


async def test_a_failed_write_gives_everything_back() -> None:
    book = taker("10.96.0.0/30")
    first, second = service("a"), service("b")
    await (await book.take(first, None))()
    await book.take(second, None)
    third = service("c")
    await book.take(third, None)
    with pytest.raises(InternalError):
        await book.take(service("d"), None)


async def test_an_update_keeps_what_the_service_holds() -> None:
    book = taker()
    old = service(type="NodePort")
    await book.take(old, None)
    new = service(type="NodePort")
    await book.take(new, old)
    assert new["spec"] == old["spec"]


async def test_becoming_headless_or_external_frees_the_address() -> None:
    book = taker("10.96.0.0/30")
    old = service(clusterIP="10.96.0.2")
    await book.take(old, None)
    new = service(type="ExternalName")
    await book.take(new, old)
    assert "clusterIP" not in new["spec"]
    await book.give_back(old, new)
    await book.take(service(clusterIP="10.96.0.2"), None)


async def test_deleting_frees_the_node_port() -> None:
    book = taker()
    held = service(type="NodePort", ports=[{"port": 1, "nodePort": 30001}])
    await book.take(held, None)
    await book.give_back(held, None)
    await book.take(service(type="NodePort", ports=[{"port": 1, "nodePort": 30001}]), None)
