"""The `kubernetes` Python client, unmodified, against a real apiserver process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

client = pytest.importorskip("kubernetes.client")


@pytest.fixture
def connection(api: Any) -> Iterator[Any]:
    configuration = client.Configuration()
    configuration.host = api.url
    configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file = (
        str(api.ca),
        str(api.certificate),
        str(api.key),
    )
    with client.ApiClient(configuration) as made:
        yield made


def test_an_objects_life(connection: Any, namespace: str) -> None:
    core = client.CoreV1Api(connection)
    made = core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata={"name": "one"}, data={"a": "b"}))
    assert made.metadata.uid
    assert core.read_namespaced_config_map("one", namespace).data == {"a": "b"}
    made.data["a"] = "c"
    assert core.replace_namespaced_config_map("one", namespace, made).data == {"a": "c"}
    assert core.patch_namespaced_config_map("one", namespace, {"data": {"d": "e"}}).data == {"a": "c", "d": "e"}
    assert core.delete_namespaced_config_map("one", namespace)["status"] == "Success"
    with pytest.raises(client.ApiException) as missing:
        core.read_namespaced_config_map("one", namespace)
    assert missing.value.status == 404


def test_lists_and_watches(connection: Any, namespace: str) -> None:
    from kubernetes.watch import Watch

    core = client.CoreV1Api(connection)
    for name in ("one", "two"):
        core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata={"name": name}))
    listed = core.list_namespaced_config_map(namespace, limit=1)
    assert [item.metadata.name for item in listed.items] == ["one"]
    following = core.list_namespaced_config_map(namespace, limit=1, _continue=listed.metadata._continue)
    assert [item.metadata.name for item in following.items] == ["two"]
    watch = Watch()
    seen = []
    for event in watch.stream(core.list_namespaced_config_map, namespace, timeout_seconds=10):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 2:
            watch.stop()
    assert seen == [("ADDED", "one"), ("ADDED", "two")]
