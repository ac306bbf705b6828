"""A driver of devices as a real gRPC server, which registers itself at a kubelet and remembers what it was asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from kubern.kubelet.devices.protocol import GET_INFO, NOTIFY, PREPARE, REGISTRATION, RELEASE, SERVICES, Method, message

NAME = "gpu.example.com"


class Driver:
    """A driver of devices that remembers what it was asked."""

    def __init__(self, folder: Path, kind: str = "DRAPlugin", versions: tuple[str, ...] = ("v1.DRAPlugin",)) -> None:
        self.path = folder / "d.sock"
        self.kind, self.versions = kind, versions
        self.asked: list[str] = []
        self.problem = ""
        self._server = grpc.aio.server()

    async def start(self) -> None:
        for version in SERVICES:
            methods = ((PREPARE, self._prepare), (RELEASE, self._release))
            self._server.add_generic_rpc_handlers((_handler(SERVICES[version], methods),))
        self._server.add_generic_rpc_handlers(
            (_handler(REGISTRATION, ((GET_INFO, self._info), (NOTIFY, self._notified))),)
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._server.add_insecure_port(f"unix://{self.path}")
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)
        self.path.unlink(missing_ok=True)

    async def _info(self, request: Any, context: Any) -> Any:
        return message("PluginInfo")(
            type=self.kind, name=NAME, endpoint=str(self.path), supported_versions=self.versions
        )

    async def _notified(self, request: Any, context: Any) -> Any:
        self.asked.append(f"registered {request.plugin_registered}")
        return message("RegistrationStatusResponse")()

    async def _prepare(self, request: Any, context: Any) -> Any:
        (claim,) = request.claims
        self.asked.append(f"prepare {claim.namespace}/{claim.name}")
        device = message("Device")(request_names=["r"], pool_name="p", device_name="a", cdi_device_ids=["x.com/gpu=a"])
        prepared = message("Prepared")(devices=[] if self.problem else [device], error=self.problem)
        return message("PrepareResponse")(claims=[message("PreparedEntry")(key=claim.uid, value=prepared)])

    async def _release(self, request: Any, context: Any) -> Any:
        (claim,) = request.claims
        self.asked.append(f"release {claim.namespace}/{claim.name}")
        released = message("Released")(error=self.problem)
        return message("ReleaseResponse")(claims=[message("ReleasedEntry")(key=claim.uid, value=released)])


def _handler(service: str, methods: tuple[tuple[Method, Any], ...]) -> Any:
    found = {
        method.name: grpc.unary_unary_rpc_method_handler(
            serve,
            request_deserializer=message(method.request).FromString,
            response_serializer=message(method.answer).SerializeToString,
        )
        for method, serve in methods
    }
    return grpc.method_handlers_generic_handler(service.removeprefix("/"), found)
