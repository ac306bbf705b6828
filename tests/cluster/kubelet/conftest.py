"""One real node with containerd and `kubern kubelet`, and an apiserver in this process. No scheduler, no controllers."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from kubern.api.resources import load as load_resources
from kubern.apiserver.config import Config
from kubern.apiserver.identity import AUTHENTICATED, MASTERS, User
from kubern.apiserver.server import ApiServer
from kubern.base.clock import SystemClock
from kubern.client.client import ApiClient
from kubern.client.contract import GVR
from kubern.client.transport_inprocess import InProcessTransport
from kubern.cluster import fabric, kubeconfig
from kubern.cluster.images.base import BUSYBOX_IMAGE, build
from kubern.cluster.layout import CONTAINERD_SOCKET, Layout
from kubern.cluster.namespaces import NetworkNamespace
from kubern.cluster.node import Node, remove_cluster_cgroup
from kubern.cluster.pki import Pki
from kubern.http.contract import Peer
from kubern.http.server import serve
from kubern.http.tls import ServerTls
from kubern.kubelet.runtime.cri import CriRuntime
from kubern.store.embedded import EmbeddedStore

PODS = GVR("", "v1", "pods")
SECONDS = 45.0
"""Deadline of a wait on a busy machine."""


class Bench:
    """A node under test and the API it belongs to."""

    def __init__(self, client: ApiClient, node: Node, pki: Pki) -> None:
        self.client = client
        self.node = node
        self.pki = pki

    def start_node(self) -> None:
        """Switch the node on."""
        self.node.start([self.node.address], _agent(self.node, self.pki), "10.96.0.10", "cluster.local")

    def pod(self, *containers: dict[str, Any], name: str = "", **spec: Any) -> dict[str, Any]:
        """Return a pod on the node; containers run the test image unless they say otherwise."""
        defaults = {"image": BUSYBOX_IMAGE, "imagePullPolicy": "IfNotPresent"}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name or f"p-{uuid.uuid4().hex[:8]}", "namespace": "default"},
            "spec": {
                "nodeName": self.node.name,
                "terminationGracePeriodSeconds": 2,
                "containers": [{"name": f"c{n}"} | defaults | each for n, each in enumerate(containers)],
            }
            | {
                field: [{"name": f"i{n}"} | defaults | each for n, each in enumerate(value)]
                if field == "initContainers"
                else value
                for field, value in spec.items()
            },
        }

    async def create(self, pod: dict[str, Any]) -> str:
        await self.client.create(PODS, pod)
        return str(pod["metadata"]["name"])

    async def until(self, name: str, done: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Return the pod once `done(pod)`; fails with the pod's status after a deadline."""
        pod: dict[str, Any] = {}
        try:
            async with asyncio.timeout(SECONDS):
                async for pod in self.states(name):
                    if done(pod):
                        return pod
        except TimeoutError:
            pass
        raise AssertionError(f"{name} never got there: {pod.get('status')}\n{self.log()}")

    async def states(self, name: str) -> AsyncIterator[dict[str, Any]]:
        pod = await self.client.get(PODS, name, "default")
        yield pod
        version = pod["metadata"]["resourceVersion"]
        selector = f"metadata.name={name}"
        async for event in self.client.watch(PODS, "default", resource_version=version, field_selector=selector):
            if event.type == "MODIFIED":
                yield event.object

    async def running(self, name: str) -> dict[str, Any]:
        return await self.until(name, lambda pod: pod["status"].get("phase") == "Running")

    async def delete(self, name: str) -> None:
        """Delete a pod and return once it is gone."""
        pod = await self.client.get(PODS, name, "default")
        await self.client.delete(PODS, name, "default")
        await self.until_gone(name, pod)

    async def until_gone(self, name: str, pod: dict[str, Any]) -> None:
        """Return once a pod, last seen as `pod`, is gone from the API."""
        async with asyncio.timeout(SECONDS):
            version = pod["metadata"]["resourceVersion"]
            selector = f"metadata.name={name}"
            async for event in self.client.watch(PODS, "default", resource_version=version, field_selector=selector):
                if event.type == "DELETED":
                    return

    def log_of(self, pod: dict[str, Any], container: str = "c0", attempt: int = 0) -> str:
        """Return what a container wrote."""
        meta = pod["metadata"]
        folder = f"{meta['namespace']}_{meta['name']}_{meta['uid']}"
        path = self.node.paths.logs / "pods" / folder / container / f"{attempt}.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return "\n".join(line.split(" ", 3)[-1] for line in lines)

    @asynccontextmanager
    async def runtime(self) -> AsyncIterator[CriRuntime]:
        """Give the node's container runtime."""
        runtime = CriRuntime(f"unix:///proc/{self.node.first_process()}/root{CONTAINERD_SOCKET}")
        try:
            yield runtime
        finally:
            await runtime.close()

    async def exec(self, pod: dict[str, Any], *command: str, container: str = "c0") -> str:
        """Run a command in a container of the pod."""
        async with self.runtime() as runtime:
            labels = {"io.kubernetes.pod.uid": pod["metadata"]["uid"], "io.kubernetes.container.name": container}
            found = [each for each in await runtime.list_containers(labels) if each.state == "running"]
            result = await runtime.exec_sync(found[0].id, command, 10)
        return (result.stdout + result.stderr).decode()

    async def events(self, name: str) -> list[dict[str, Any]]:
        listed = await self.client.list(
            GVR("", "v1", "events"), "default", field_selector=f"involvedObject.name={name}"
        )
        return listed.items

    async def ask_kubelet(self, method: str, path: str, token: str = "") -> tuple[int, bytes]:
        """Call the kubelet's own API as the apiserver does; return status and body."""
        context = ssl.create_default_context(cafile=str(self.pki.ca.certificate))
        if not token:
            context.load_cert_chain(self.pki.kubelet_client.certificate, self.pki.kubelet_client.key)
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        namespace = NetworkNamespace(self.node.namespace)
        try:
            sock = await namespace.connect(self.node.address.address, 10250)
            reader, writer = await asyncio.open_connection(
                sock=sock, ssl=context, server_hostname=self.node.address.address
            )
            writer.write(f"{method} {path} HTTP/1.1\r\nHost: node\r\n{bearer}Connection: close\r\n\r\n".encode())
            async with asyncio.timeout(SECONDS):
                answer = await reader.read()
            writer.close()
        finally:
            namespace.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" in head.lower():
            body = _unchunked(body)
        return int(head.split()[1]), body

    def log(self) -> str:
        """Return the end of the kubelet's log."""
        path = self.node.paths.logs / "agent.log"
        return path.read_text()[-4000:] if path.exists() else ""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    if os.geteuid() != 0:
        pytest.skip("needs root and containerd")
    root = tmp_path_factory.mktemp("node")
    cluster = f"kt{os.getpid()}"
    address = fabric.node_address(1, "10.244.0.0/16")
    node = Node.of(Layout(root), cluster, f"{cluster}-1", address)
    pki = Pki(root / "pki")
    pki.ensure("10.96.0.1", [fabric.GATEWAY])
    build(root / "base.tar")
    fabric.create_fabric(cluster)
    namespace = NetworkNamespace(fabric.NETNS / fabric.fabric_namespace(cluster))
    store = await EmbeddedStore.open(root / "store", clock=SystemClock())
    api = ApiServer(store, load_resources(), _config(pki), SystemClock())
    tls = ServerTls(pki.apiserver.certificate, pki.apiserver.key, pki.ca.certificate)
    server = await serve(api.handler, [namespace.listen(fabric.GATEWAY, 6443)], tls=tls, clock=SystemClock())
    try:
        await api.start()
        client = ApiClient(InProcessTransport(api.handler, Peer(user=User("t", (MASTERS, AUTHENTICATED)), memo={})))
        await _objects(client)
        bench = Bench(client, node, pki)
        bench.start_node()
        await _import(node, root / "base.tar")
        yield bench
    finally:
        node.kill()
        remove_cluster_cgroup(cluster)
        await api.close()
        await server.close()
        await store.close()
        namespace.close()
        fabric.delete_namespace(fabric.fabric_namespace(cluster))


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        parts.append(rest[:length])
        body = rest[length + 2 :] if length else b""
    return b"".join(parts)


def _config(pki: Pki) -> Config:
    return Config(
        advertise_address=fabric.GATEWAY,
        client_ca_file=pki.ca.certificate,
        authorization_mode=("Node", "RBAC"),
        service_account_key_files=(pki.service_account_public_key,),
        service_account_signing_key_file=pki.service_account_key,
    )


async def _objects(client: ApiClient) -> None:
    """Make what controllers would."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}
    await client.create(GVR("", "v1", "serviceaccounts"), account)
    bundle = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kube-root-ca.crt", "namespace": "default"},
        "data": {"ca.crt": "certificate"},
    }
    await client.create(GVR("", "v1", "configmaps"), bundle)


def _agent(node: Node, pki: Pki) -> list[str]:
    own = pki.ensure_node(node.name, node.address.address)
    config = node.paths.config / "kubeconfig"
    kubeconfig.write(config, kubeconfig.build("t", f"https://{fabric.GATEWAY}:6443", pki.ca.certificate, own))
    return [
        sys.executable, "-m", "kubern", "kubelet", "--kubeconfig", str(config), "--hostname-override", node.name,
        "--node-ip", node.address.address, "--root-dir", str(node.paths.kubelet), "--cluster-dns", "10.96.0.10",
        "--pod-logs-dir", str(node.paths.logs / "pods"), "--cgroup-root", node.cgroup,
        "--pod-cidr", node.address.pod_cidr, "--pod-max-pids", "100", "--eviction-hard", "nodefs.available<0%",
        "--tls-cert-file", str(own.certificate), "--tls-private-key-file", str(own.key),
        "--client-ca-file", str(pki.ca.certificate),
    ]  # fmt: skip


async def _import(node: Node, archive: Path) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            if node.first_process() is not None:
                command = node.enter("ctr", "-n", "k8s.io", "images", "import", str(archive))
                done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
                if done.returncode == 0:
                    return
            await asyncio.sleep(0.1)
