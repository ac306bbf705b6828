"""A container's environment."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.kubelet.downward import Host
from kubern.kubelet.environment import CONFIG_MAP, SECRET, ConfigError, Sources, environment, expand, references
from tests.unit.kubelet.pods import pod

HOST = Host("n1", ("192.0.2.1", "2001:db8::1"), {"cpu": "4", "memory": "1Gi"}, ("10.0.0.1",))
OBJECTS = {
    (CONFIG_MAP, "cm"): {"data": {"k": "v", "with=sign": "x"}},
    (SECRET, "s"): {"data": {"p": base64.b64encode(b"hidden").decode()}},
}


def variables(container: dict[str, Any], services: Any = (), **spec: Any) -> dict[str, str]:
    owner = pod(container, meta={"labels": {"app": "web"}}, **({"nodeName": "n1", "serviceAccountName": "sa"} | spec))
    return dict(environment(owner, owner["spec"]["containers"][0], Sources(OBJECTS, services, HOST)))


def ref(kind: str, **fields: Any) -> dict[str, Any]:
    return {"env": [{"name": "X", "valueFrom": {kind: fields}}]}


@pytest.mark.parametrize(
    ("container", "value"),
    [
        ({"env": [{"name": "X", "value": "plain"}]}, "plain"),
        ({"env": [{"name": "X"}]}, ""),
        ({"env": [{"name": "A", "value": "1"}, {"name": "X", "value": "$(A)$(B)$$(A)"}]}, "1$(B)$(A)"),
        (ref("configMapKeyRef", name="cm", key="k"), "v"),
        (ref("secretKeyRef", name="s", key="p"), "hidden"),
        (ref("fieldRef", fieldPath="metadata.name"), "p"),
        (ref("fieldRef", fieldPath="metadata.labels['app']"), "web"),
        (ref("fieldRef", fieldPath="metadata.annotations['none']"), ""),
        (ref("fieldRef", fieldPath="spec.nodeName"), "n1"),
        (ref("fieldRef", fieldPath="spec.serviceAccountName"), "sa"),
        (ref("fieldRef", fieldPath="status.hostIP"), "192.0.2.1"),
        (ref("fieldRef", fieldPath="status.hostIPs"), "192.0.2.1,2001:db8::1"),
        (ref("fieldRef", fieldPath="status.podIP"), "10.0.0.1"),
        (ref("resourceFieldRef", resource="limits.cpu"), "4"),
        (ref("resourceFieldRef", resource="requests.cpu"), "0"),
        (ref("resourceFieldRef", resource="limits.memory", divisor="1Mi"), "1024"),
        (
            ref("resourceFieldRef", resource="limits.cpu", divisor="1m") | {"resources": {"limits": {"cpu": "250m"}}},
            "250",
        ),
        (ref("resourceFieldRef", resource="limits.cpu") | {"resources": {"limits": {"cpu": "250m"}}}, "1"),
    ],
)
def test_values(container: dict[str, Any], value: str) -> None:
    assert variables(container)["X"] == value


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (ref("configMapKeyRef", name="no", key="k"), 'configmap "no" not found'),
        (ref("secretKeyRef", name="no", key="k"), 'secret "no" not found'),
        (ref("configMapKeyRef", name="cm", key="no"), "couldn't find key no in ConfigMap ns/cm"),
        (ref("secretKeyRef", name="s", key="no"), "couldn't find key no in Secret ns/s"),
        ({"envFrom": [{"configMapRef": {"name": "no"}}]}, 'configmap "no" not found'),
    ],
)
def test_what_is_missing_is_named(container: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        variables(container)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "container",
    [
        ref("configMapKeyRef", name="no", key="k", optional=True),
        ref("secretKeyRef", name="s", key="no", optional=True),
        {"envFrom": [{"secretRef": {"name": "no", "optional": True}}]},
    ],
)
def test_optional_references_may_lead_nowhere(container: dict[str, Any]) -> None:
    assert variables(container) == {}


def test_whole_objects_come_first_and_are_overridden() -> None:
    container = {
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "cm"}}, {"secretRef": {"name": "s"}}],
        "env": [{"name": "p", "value": "$(P_k)"}],
    }
    assert variables(container) == {"P_k": "v", "p": "v"}
    assert references(container) == {(CONFIG_MAP, "cm"), (SECRET, "s")}


def service(name: str, namespace: str, ip: str = "10.96.0.5") -> dict[str, Any]:
    ports = [{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": ip, "ports": ports}}


def test_services_of_the_namespace() -> None:
    services = [service("my-web", "ns"), service("other", "elsewhere"), service("headless", "ns", "None")]
    found = variables({"env": [{"name": "X", "value": "$(MY_WEB_SERVICE_HOST)"}]}, services)
    assert found == {
        "X": "10.96.0.5",
        "MY_WEB_SERVICE_HOST": "10.96.0.5",
        "MY_WEB_SERVICE_PORT": "80",
        "MY_WEB_SERVICE_PORT_HTTP": "80",
        "MY_WEB_SERVICE_PORT_DNS": "53",
        "MY_WEB_PORT": "tcp://10.96.0.5:80",
        "MY_WEB_PORT_80_TCP": "tcp://10.96.0.5:80",
        "MY_WEB_PORT_80_TCP_PROTO": "tcp",
        "MY_WEB_PORT_80_TCP_PORT": "80",
        "MY_WEB_PORT_80_TCP_ADDR": "10.96.0.5",
        "MY_WEB_PORT_53_UDP": "udp://10.96.0.5:53",
        "MY_WEB_PORT_53_UDP_PROTO": "udp",
        "MY_WEB_PORT_53_UDP_PORT": "53",
        "MY_WEB_PORT_53_UDP_ADDR": "10.96.0.5",
    }


def test_without_service_links_only_kubernetes_is_there() -> None:
    services = [service("web", "ns"), service("kubernetes", "default", "10.96.0.1")]
    found = variables({}, services, enableServiceLinks=False)
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert not any(name.startswith("WEB") for name in found)


@given(st.text(alphabet="$()AB x", max_size=20))
def test_text_without_known_names_only_loses_doubled_dollars(text: str) -> None:
    assert expand(text, lambda name: None) == text.replace("$$", "$")
