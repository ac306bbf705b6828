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


def test_selectors_keep_what_they_name(connection: Any, namespace: str) -> None:
    core = client.CoreV1Api(connection)
    for name, color in (("one", "red"), ("two", "blue"), ("three", "blue")):
        core.create_namespaced_config_map(
            namespace, client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"color": color}))
        )

    def names(**selectors: str) -> set[str]:
        return {item.metadata.name for item in core.list_namespaced_config_map(namespace, **selectors).items}

    assert names(label_selector="color=blue") == {"two", "three"}
    assert names(label_selector="color in (red),color") == {"one"}
    assert names(field_selector="metadata.name!=one", label_selector="color") == {"two", "three"}
    core.delete_collection_namespaced_config_map(namespace, label_selector="color=blue")
    assert names(label_selector="color") == {"one"}


def test_create_or_update_by_what_the_server_answers(connection: Any, namespace: str) -> None:
    core = client.CoreV1Api(connection)

    def put(data: dict[str, str]) -> str:
        wanted = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="one"), data=data)
        try:
            core.create_namespaced_config_map(namespace, wanted)
        except client.ApiException as error:
            if error.status != 409 or error.reason != "Conflict":
                raise
            core.replace_namespaced_config_map("one", namespace, wanted)
            return "updated"
        return "created"

    assert [put({"a": "1"}), put({"a": "2"})] == ["created", "updated"]
    assert core.read_namespaced_config_map("one", namespace).data == {"a": "2"}


def test_patches_scale_and_status(connection: Any, namespace: str) -> None:
    apps = client.AppsV1Api(connection)
    labels = {"app": "web"}
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels),
        spec=client.V1PodSpec(containers=[client.V1Container(name=name, image="x:1") for name in ("a", "b")]),
    )
    spec = client.V1DeploymentSpec(selector=client.V1LabelSelector(match_labels=labels), template=template)
    apps.create_namespaced_deployment(
        namespace, client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec)
    )
    change = {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "x:2"}]}}}}
    patched = apps.patch_namespaced_deployment("web", namespace, change)
    assert [c.image for c in patched.spec.template.spec.containers] == ["x:1", "x:2"]
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 3}]
    assert apps.patch_namespaced_deployment("web", namespace, operations).spec.replicas == 3
    assert apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 4}}).spec.replicas == 4
    status = apps.patch_namespaced_deployment_status(
        "web", namespace, {"status": {"replicas": 7}, "spec": {"paused": True}}
    )
    assert (status.status.replicas, status.spec.paused) == (7, None)


def test_a_watch_goes_on_from_where_a_list_ended(connection: Any, namespace: str) -> None:
    from kubernetes.watch import Watch

    core = client.CoreV1Api(connection)
    core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata={"name": "before"}))
    revision = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata={"name": "one"}))
    core.patch_namespaced_config_map("one", namespace, {"data": {"a": "b"}})
    core.delete_namespaced_config_map("one", namespace)
    watch, seen = Watch(), []
    for event in watch.stream(
        core.list_namespaced_config_map, namespace, resource_version=revision, timeout_seconds=10
    ):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 3:
            watch.stop()
    assert seen == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]


def test_a_service_accounts_token_is_known_and_held_to_its_rights(api: Any, connection: Any, namespace: str) -> None:
    core = client.CoreV1Api(connection)
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    token = core.create_namespaced_service_account_token("default", namespace, request).status.token
    configuration = client.Configuration()
    configuration.host, configuration.ssl_ca_cert = api.url, str(api.ca)
    configuration.api_key = {"authorization": f"Bearer {token}"}
    with client.ApiClient(configuration) as as_account:
        me = client.AuthenticationV1Api(as_account).create_self_subject_review(client.V1SelfSubjectReview())
        name = f"system:serviceaccount:{namespace}:default"
        assert me.status.user_info.username == name
        with pytest.raises(client.ApiException) as refused:
            client.CoreV1Api(as_account).list_namespaced_secret(namespace)
        assert refused.value.status == 403
        assert f'User \\"{name}\\" cannot list resource \\"secrets\\"' in refused.value.body
