"""Client libraries besides the official synchronous one, unmodified: each through a life of objects, a list and a watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

LIMIT = 20
"""Seconds after which a watch has missed something."""


# --- kubernetes_asyncio


@pytest.fixture
async def connection(api: Any) -> AsyncIterator[Any]:
    from kubernetes_asyncio import client, config

    configuration = client.Configuration()
    await config.load_kube_config(str(api.kubeconfig), client_configuration=configuration)
    async with client.ApiClient(configuration) as made:
        yield made


async def test_kubernetes_asyncio(connection: Any, namespace: str) -> None:
    from kubernetes_asyncio import client, watch

    core = client.CoreV1Api(connection)
    revision = (await core.list_namespaced_config_map(namespace)).metadata.resource_version
    await core.create_namespaced_config_map(namespace, {"metadata": {"name": "one"}, "data": {"a": "b"}})
    patched = await core.patch_namespaced_config_map("one", namespace, {"data": {"c": "d"}})
    assert patched.data == {"a": "b", "c": "d"}
    await core.delete_namespaced_config_map("one", namespace)
    seen: list[tuple[str, str]] = []
    async with asyncio.timeout(LIMIT), watch.Watch() as events:
        async for event in events.stream(
            core.list_namespaced_config_map, namespace, resource_version=revision, timeout_seconds=LIMIT
        ):
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 3:
                break
    assert seen == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]
    with pytest.raises(client.ApiException) as missing:
        await core.read_namespaced_config_map("one", namespace)
    assert missing.value.status == 404


# --- kr8s


@pytest.mark.filterwarnings("ignore:Kubernetes version .* is not supported")  # it knows 1.35 as the last
async def test_kr8s(api: Any, namespace: str) -> None:
    import kr8s
    from kr8s.asyncio.objects import ConfigMap, Deployment

    connected = await kr8s.asyncio.api(kubeconfig=str(api.kubeconfig))
    one = await ConfigMap({"metadata": {"name": "one", "namespace": namespace}, "data": {"a": "b"}}, api=connected)
    await one.create()
    assert await one.exists()
    await one.patch({"data": {"c": "d"}})
    await one.label({"color": "red"})
    found = [each async for each in connected.get("configmaps", namespace=namespace, label_selector="color=red")]
    assert [(each.name, dict(each.raw["data"])) for each in found] == [("one", {"a": "b", "c": "d"})]
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    web = await Deployment({"metadata": {"name": "web", "namespace": namespace}, "spec": spec}, api=connected)
    await web.create()
    await web.scale(3)
    assert web.replicas == 3
    await one.delete()
    async with asyncio.timeout(LIMIT):
        await one.wait("delete")
    with pytest.raises(kr8s.NotFoundError):
        await ConfigMap.get("one", namespace=namespace, api=connected)


# --- lightkube


def test_lightkube(api: Any, namespace: str) -> None:
    from lightkube import ApiError, Client, KubeConfig
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap

    with Client(config=KubeConfig.from_file(api.kubeconfig), namespace=namespace) as client:
        client.create(ConfigMap(metadata=ObjectMeta(name="one", labels={"color": "red"}), data={"a": "b"}))
        patched = client.patch(ConfigMap, "one", {"data": {"c": "d"}})
        assert patched.data == {"a": "b", "c": "d"}
        patched.data = {"e": "f"}
        assert client.replace(patched).data == {"e": "f"}
        assert [each.metadata.name for each in client.list(ConfigMap, labels={"color": "red"})] == ["one"]
        for kind, found in client.watch(ConfigMap, fields={"metadata.name": "one"}, server_timeout=LIMIT):
            assert (kind, found.metadata.name) == ("ADDED", "one")
            break
        client.delete(ConfigMap, "one")
        with pytest.raises(ApiError) as missing:
            client.get(ConfigMap, "one")
        assert missing.value.status.code == 404
