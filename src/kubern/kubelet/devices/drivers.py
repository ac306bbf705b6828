"""The drivers of devices on this node: found by the sockets that they put into the kubelet's registration folder.

What always holds: a driver is known as long as its socket is there; whoever is no driver of devices is left alone.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, NamedTuple

from kubern.base.clock import Clock
from kubern.kubelet.devices.protocol import GET_INFO, NOTIFY, REGISTRATION, SERVICES, Method, message

_log = logging.getLogger(__name__)
LOOK_EVERY = 1.0
"""Seconds between two looks into the folder."""
PATIENCE = 10.0
"""Seconds that a driver has to say who it is."""
KIND = "DRAPlugin"


class DriverError(Exception):
    """A driver is not there, or failed."""


class Driver(NamedTuple):
    """One driver: its name, its socket, and the service that it offers there."""

    name: str
    endpoint: str
    service: str


class Drivers:
    """All drivers that are registered."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._seen: dict[Path, tuple[int, Driver | None]] = {}
        """By socket: its inode, and the driver behind it, None for something else."""

    async def run(self) -> None:
        """Look for drivers until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Register those that have come, forget those that have gone."""
        there = await asyncio.to_thread(_sockets, self._folder)
        for path in self._seen.keys() - there.keys():
            del self._seen[path]
        for path, inode in there.items():
            known = self._seen.get(path)
            if known is None or known[0] != inode:
                try:
                    self._seen[path] = (inode, await _register(path))
                except DriverError as error:
                    _log.warning("registering the driver at %s: %s", path, error)

    def check(self, name: str) -> Driver:
        """Return a driver. Raises `DriverError` when it is not there."""
        for _, driver in self._seen.values():
            if driver is not None and driver.name == name:
                return driver
        raise DriverError(f"DRA driver {name} is not registered")

    async def call(self, name: str, method: Method, request: Any, timeout: float) -> Any:
        """Ask a driver. Raises `DriverError`."""
        driver = self.check(name)
        return await _ask(driver.endpoint, driver.service, method, request, timeout)


def _sockets(folder: Path) -> dict[Path, int]:
    try:
        return {path: path.stat().st_ino for path in folder.rglob("*.sock") if path.is_socket()}
    except OSError:
        return {}


async def _register(path: Path) -> Driver | None:
    """Ask who is there, and welcome a driver of devices. Raises `DriverError`."""
    info = await _ask(str(path), REGISTRATION, GET_INFO, message("InfoRequest")(), PATIENCE)
    if info.type != KIND:
        return None
    version = next((each for each in SERVICES if each in info.supported_versions), "")
    problem = "" if version else f"none of the versions {', '.join(info.supported_versions)} is supported"
    answer = message("RegistrationStatus")(plugin_registered=not problem, error=problem)
    await _ask(str(path), REGISTRATION, NOTIFY, answer, PATIENCE)
    if problem:
        raise DriverError(f"{info.name}: {problem}")
    _log.info("registered the driver %s (%s)", info.name, version)
    return Driver(info.name, info.endpoint or str(path), SERVICES[version])


async def _ask(endpoint: str, service: str, method: Method, request: Any, timeout: float) -> Any:
    import grpc
    import grpc.aio

    # a local socket never goes through a proxy that the environment names for the web
    options = [("grpc.enable_http_proxy", 0), ("grpc.default_authority", "localhost")]
    address = endpoint if "://" in endpoint else f"unix://{endpoint}"
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        ask = channel.unary_unary(
            f"{service}/{method.name}",
            request_serializer=message(method.request).SerializeToString,
            response_deserializer=message(method.answer).FromString,
        )
        try:
            return await ask(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise DriverError(f"rpc error: code = {error.code().name} desc = {error.details()}") from error
