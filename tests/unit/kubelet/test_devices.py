"""Devices of claims are prepared by drivers that register themselves, and released with their last pod. The driver is a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kubern.base.clock import SystemClock
from kubern.base.errors import NotFound
from kubern.base.json import Obj
from kubern.kubelet.devices.claims import ClaimError, DeviceClaims, cdi_devices
from kubern.kubelet.devices.drivers import DriverError, Drivers
from kubern.kubelet.runtime.config import ContainerConfig
from kubern.kubelet.runtime.messages import container_config
from tests.unit.kubelet.device_driver import NAME, Driver


class Api:
    """Knows some claims."""

    def __init__(self, *claims: Obj) -> None:
        self.claims = {each["metadata"]["name"]: each for each in claims}

    async def get(self, gvr: Any, name: str, namespace: str = "") -> Obj:
        if name not in self.claims:
            raise NotFound(f'resourceclaims.resource.k8s.io "{name}" not found')
        return self.claims[name]


def claim(name: str = "c", *pods: str) -> Obj:
    results = [{"request": "r", "driver": NAME, "pool": "p", "device": "a"}]
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": f"{name}-uid"},
        "spec": {},
        "status": {
            "allocation": {"devices": {"results": results}},
            "reservedFor": [{"resource": "pods", "name": each, "uid": each} for each in pods or ("p", "q")],
        },
    }


def pod(name: str = "p", claim_name: str = "c") -> Obj:
    entries = [{"name": "card", "resourceClaimName": claim_name}]
    return {"metadata": {"name": name, "namespace": "ns", "uid": name}, "spec": {"resourceClaims": entries}}


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[Driver]:
    made = Driver(tmp_path / "registry")
    await made.start()
    yield made
    await made.stop()


async def known(tmp_path: Path, *claims: Obj) -> DeviceClaims:
    drivers = Drivers(tmp_path / "registry", SystemClock())
    await drivers.look()
    return DeviceClaims(Api(*claims), drivers, tmp_path / "claims")  # type: ignore[arg-type]


async def test_devices_are_prepared_once_and_released_with_the_last_pod(tmp_path: Path, driver: Driver) -> None:
    claims = await known(tmp_path, claim())
    assert await claims.prepare(pod("p")) == {"card": [{"requests": ["r"], "cdi": ["x.com/gpu=a"]}]}
    assert await claims.prepare(pod("q")) == {"card": [{"requests": ["r"], "cdi": ["x.com/gpu=a"]}]}
    await claims.release("p")
    assert driver.asked == ["registered True", "prepare ns/c"]
    await claims.release("q")
    assert driver.asked[2:] == ["release ns/c"]
    assert claims.users() == set()


async def test_a_kubelet_that_starts_anew_knows_what_to_release(tmp_path: Path, driver: Driver) -> None:
    await (await known(tmp_path, claim())).prepare(pod())
    later = await known(tmp_path)
    assert later.users() == {"p"}
    await later.release("p")
    assert driver.asked[-1] == "release ns/c"
    assert (await known(tmp_path)).users() == set()


async def test_what_fails_is_tried_again(tmp_path: Path, driver: Driver) -> None:
    claims = await known(tmp_path, claim())
    driver.problem = "too hot"
    with pytest.raises(ClaimError, match="NodePrepareResources failed for ResourceClaim ns/c: too hot"):
        await claims.prepare(pod())
    with pytest.raises(ClaimError, match="NodeUnprepareResources failed for ResourceClaim ns/c: too hot"):
        await claims.release("p")
    driver.problem = ""
    await claims.prepare(pod())
    await claims.release("p")
    assert driver.asked[1:] == ["prepare ns/c", "release ns/c", "prepare ns/c", "release ns/c"]


@pytest.mark.parametrize(
    ("wanted", "held", "why"),
    [
        (pod(), claim(), "prepare dynamic resources: DRA driver gpu.example.com is not registered"),
        (pod(claim_name="x"), claim(), 'fetch ResourceClaim ns/x: resourceclaims.resource.k8s.io "x" not found'),
        (pod(), claim("c", "other"), "is not allowed to use ResourceClaim c"),
    ],
)
async def test_why_devices_are_not_prepared(tmp_path: Path, wanted: Obj, held: Obj, why: str) -> None:
    claims = await known(tmp_path, held)
    with pytest.raises(ClaimError, match=why):
        await claims.prepare(wanted)
    await claims.release("p")
    assert claims.users() == set()


@pytest.mark.parametrize(
    ("kind", "versions", "told"),
    [
        ("DRAPlugin", ("v1beta1.DRAPlugin", "v1.DRAPlugin"), ["registered True"]),
        ("DRAPlugin", ("v1alpha3.Node",), ["registered False"]),
        ("CSIPlugin", ("1.0.0",), []),
    ],
)
async def test_who_is_registered(tmp_path: Path, kind: str, versions: tuple[str, ...], told: list[str]) -> None:
    driver = Driver(tmp_path / "registry", kind, versions)
    await driver.start()
    try:
        claims = await known(tmp_path, claim())
        assert driver.asked == told
        if told == ["registered True"]:
            await claims.prepare(pod())
        else:
            with pytest.raises(ClaimError, match="is not registered"):
                await claims.prepare(pod())
    finally:
        await driver.stop()
    await claims.drivers.look()
    with pytest.raises(DriverError, match="is not registered"):
        claims.drivers.check(NAME)


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ([{"name": "card"}], ("x=a", "x=b")),
        ([{"name": "card", "request": "two"}], ("x=b",)),
        ([{"name": "card", "request": "one"}], ("x=a",)),
        ([{"name": "card"}, {"name": "card", "request": "one"}], ("x=a", "x=b")),
        ([], ()),
    ],
)
def test_which_devices_a_container_gets(wanted: list[Obj], given: tuple[str, ...]) -> None:
    prepared = {"card": [{"requests": ["one/best"], "cdi": ["x=a"]}, {"requests": ["two"], "cdi": ["x=b", "x=b"]}]}
    assert cdi_devices({"resources": {"claims": wanted}}, prepared) == given


def test_the_runtime_is_told_the_devices() -> None:
    config = ContainerConfig("c", 0, "i", cdi_devices=("x.com/gpu=a", "y" * 200))
    wire = container_config(config).SerializeToString()
    assert wire.endswith(b"\x8a\x01\x0d\x0a\x0bx.com/gpu=a" + b"\x8a\x01\xcb\x01\x0a\xc8\x01" + b"y" * 200)
