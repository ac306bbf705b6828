"""A CRI runtime (containerd, CRI-O) behind its gRPC socket. Every call has a deadline; errors become `RuntimeFailure`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import grpc
import grpc.aio

from kubern.kubelet.runtime import api_pb2 as pb
from kubern.kubelet.runtime import config as given
from kubern.kubelet.runtime import contract as c
from kubern.kubelet.runtime import messages

SHORT = 10.0
"""Seconds for what only reads."""
LONG = 120.0
"""Seconds for what starts or stops something; upstream's `--runtime-request-timeout` is as long."""
PULL = 3600.0
_SLACK = 15.0
_MAX_MESSAGE = 16 << 20


class CriRuntime:
    """The runtime at `endpoint`, e.g. `unix:///run/containerd/containerd.sock`. Make it inside a running event loop."""

    def __init__(self, endpoint: str) -> None:
        limits = [("grpc.max_receive_message_length", _MAX_MESSAGE), ("grpc.max_reconnect_backoff_ms", 1000)]
        self._channel = grpc.aio.insecure_channel(
            endpoint if "://" in endpoint else f"unix://{endpoint}",
            # a local socket never goes through a proxy that the environment names for the web
            options=[*limits, ("grpc.enable_http_proxy", 0), ("grpc.default_authority", "localhost")],
        )
        self._methods: dict[str, Callable[..., Any]] = {}
        for service in ("RuntimeService", "ImageService"):
            for method in pb.DESCRIPTOR.services_by_name[service].methods:
                kind = self._channel.unary_stream if method.server_streaming else self._channel.unary_unary
                self._methods[method.name] = kind(
                    f"/runtime.v1.{service}/{method.name}",
                    request_serializer=getattr(pb, method.input_type.name).SerializeToString,
                    response_deserializer=getattr(pb, method.output_type.name).FromString,
                )

    async def _call(self, method: str, request: Any, deadline: float = SHORT) -> Any:
        try:
            return await self._methods[method](request, timeout=deadline)
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from error

    async def version(self) -> c.Version:
        answer = await self._call("Version", pb.VersionRequest())
        return c.Version(answer.runtime_name, answer.runtime_version, answer.runtime_api_version)

    async def status(self) -> tuple[c.Condition, ...]:
        answer = await self._call("Status", pb.StatusRequest())
        return tuple(c.Condition(x.type, x.status, x.reason, x.message) for x in answer.status.conditions)

    async def set_pod_cidr(self, pod_cidr: str) -> None:
        config = pb.RuntimeConfig(network_config=pb.NetworkConfig(pod_cidr=pod_cidr))
        await self._call("UpdateRuntimeConfig", pb.UpdateRuntimeConfigRequest(runtime_config=config))

    async def run_sandbox(self, config: given.SandboxConfig, handler: str = "") -> str:
        request = pb.RunPodSandboxRequest(config=messages.sandbox_config(config), runtime_handler=handler)
        return str((await self._call("RunPodSandbox", request, LONG * 2)).pod_sandbox_id)

    async def stop_sandbox(self, sandbox_id: str) -> None:
        await self._unless_gone("StopPodSandbox", pb.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))

    async def remove_sandbox(self, sandbox_id: str) -> None:
        await self._unless_gone("RemovePodSandbox", pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))

    async def sandbox_status(self, sandbox_id: str) -> c.Sandbox:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id)
        return messages.sandbox((await self._call("PodSandboxStatus", request)).status)

    async def list_sandboxes(self, labels: Mapping[str, str] | None = None) -> list[c.Sandbox]:
        request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(label_selector=labels or {}))
        return [messages.sandbox(x) for x in (await self._call("ListPodSandbox", request)).items]

    async def create_container(
        self, sandbox_id: str, config: given.ContainerConfig, sandbox: given.SandboxConfig
    ) -> str:
        request = pb.CreateContainerRequest(
            pod_sandbox_id=sandbox_id,
            config=messages.container_config(config),
            sandbox_config=messages.sandbox_config(sandbox),
        )
        return str((await self._call("CreateContainer", request, LONG)).container_id)

    async def start_container(self, container_id: str) -> None:
        await self._call("StartContainer", pb.StartContainerRequest(container_id=container_id), LONG)

    async def stop_container(self, container_id: str, timeout: float) -> None:
        request = pb.StopContainerRequest(container_id=container_id, timeout=int(timeout))
        await self._unless_gone("StopContainer", request, timeout + LONG)

    async def remove_container(self, container_id: str) -> None:
        await self._unless_gone("RemoveContainer", pb.RemoveContainerRequest(container_id=container_id))

    async def list_containers(self, labels: Mapping[str, str] | None = None) -> list[c.Container]:
        request = pb.ListContainersRequest(filter=pb.ContainerFilter(label_selector=labels or {}))
        return [messages.container(x) for x in (await self._call("ListContainers", request)).containers]

    async def container_status(self, container_id: str) -> c.Container:
        request = pb.ContainerStatusRequest(container_id=container_id)
        return messages.container_status((await self._call("ContainerStatus", request)).status)

    async def update_resources(self, container_id: str, resources: given.LinuxResources) -> None:
        request = pb.UpdateContainerResourcesRequest(container_id=container_id, linux=messages.resources(resources))
        await self._call("UpdateContainerResources", request, LONG)

    async def reopen_log(self, container_id: str) -> None:
        await self._call("ReopenContainerLog", pb.ReopenContainerLogRequest(container_id=container_id))

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout: float) -> c.ExecResult:
        # CRI counts whole seconds, and 0 means for ever
        seconds = max(1, round(timeout)) if timeout else 0
        request = pb.ExecSyncRequest(container_id=container_id, cmd=command, timeout=seconds)
        answer = await self._call("ExecSync", request, seconds + _SLACK if seconds else PULL)
        return c.ExecResult(answer.exit_code, answer.stdout, answer.stderr)

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        request = pb.ExecRequest(
            container_id=container_id, cmd=command, stdin=stdin, stdout=stdout, stderr=stderr and not tty, tty=tty
        )
        return str((await self._call("Exec", request)).url)

    async def attach_url(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> str:
        request = pb.AttachRequest(
            container_id=container_id, stdin=stdin, stdout=stdout, stderr=stderr and not tty, tty=tty
        )
        return str((await self._call("Attach", request)).url)

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        request = pb.PortForwardRequest(pod_sandbox_id=sandbox_id, port=ports)
        return str((await self._call("PortForward", request)).url)

    async def list_container_stats(self) -> list[c.ContainerStats]:
        request = pb.ListContainerStatsRequest(filter=pb.ContainerStatsFilter())
        return [messages.stats(x) for x in (await self._call("ListContainerStats", request)).stats]

    async def list_images(self) -> list[c.Image]:
        return [messages.image(x) for x in (await self._call("ListImages", pb.ListImagesRequest())).images]

    async def image_status(self, image: str) -> c.Image | None:
        answer = await self._call("ImageStatus", pb.ImageStatusRequest(image=pb.ImageSpec(image=image)))
        return messages.image(answer.image) if answer.HasField("image") else None

    async def pull_image(
        self, image: str, auth: c.Auth | None = None, sandbox: given.SandboxConfig | None = None
    ) -> str:
        request = pb.PullImageRequest(
            image=pb.ImageSpec(image=image),
            auth=messages.auth(auth) if auth else None,
            sandbox_config=messages.sandbox_config(sandbox) if sandbox else None,
        )
        return str((await self._call("PullImage", request, PULL)).image_ref)

    async def image_filesystems(self) -> list[c.FilesystemUsage]:
        answer = await self._call("ImageFsInfo", pb.ImageFsInfoRequest())
        return [
            c.FilesystemUsage(x.fs_id.mountpoint, x.used_bytes.value, x.inodes_used.value)
            for x in answer.image_filesystems
        ]

    async def events(self) -> AsyncIterator[c.RuntimeEvent]:
        try:
            async for event in self._methods["GetContainerEvents"](pb.GetEventsRequest()):
                kind = pb.ContainerEventType.Name(event.container_event_type).split("_")[1]
                yield c.RuntimeEvent(event.container_id, event.pod_sandbox_status.metadata.uid, kind)
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from error

    async def close(self) -> None:
        await self._channel.close()

    async def _unless_gone(self, method: str, request: Any, deadline: float = LONG) -> None:
        try:
            await self._call(method, request, deadline)
        except c.RuntimeFailure as error:
            if error.code != "NOT_FOUND":
                raise


def _failure(error: grpc.aio.AioRpcError) -> c.RuntimeFailure:
    return c.RuntimeFailure(error.code().name, error.details() or error.code().name)
