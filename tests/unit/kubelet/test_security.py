"""Security contexts."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.kubelet.configs import sandbox_config
from kubern.kubelet.runtime.config import CONTAINER, NODE, POD, Dns, Namespaces, Profile
from kubern.kubelet.runtime.contract import Image
from kubern.kubelet.security import container_security, namespaces, root_refused, sandbox_security
from kubern.kubelet.settings import Settings
from tests.unit.kubelet.pods import pod

IMAGE = Image("i", uid=100)


def security(own: dict[str, Any], of_pod: dict[str, Any] | None = None, image: Image = IMAGE) -> Any:
    spec = pod({"securityContext": own}, securityContext=of_pod or {})
    return container_security(spec, spec["spec"]["containers"][0], image, "/seccomp")


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, Namespaces(POD, CONTAINER, POD)),
        ({"shareProcessNamespace": True}, Namespaces(POD, POD, POD)),
        ({"hostNetwork": True, "hostPID": True, "hostIPC": True}, Namespaces(NODE, NODE, NODE)),
    ],
)
def test_namespaces(spec: dict[str, Any], wanted: Namespaces) -> None:
    assert namespaces(pod(**spec)) == wanted


def test_an_ephemeral_container_looks_into_its_target() -> None:
    assert namespaces(pod(), "abc") == Namespaces(POD, "TARGET", POD, "abc")


def test_users_come_from_the_container_then_the_pod_then_the_image() -> None:
    assert security({"runAsUser": 1}, {"runAsUser": 2}).run_as_user == 1
    assert security({}, {"runAsUser": 2}).run_as_user == 2
    assert security({}).run_as_user == 100
    named = security({}, image=Image("i", username="web"))
    assert (named.run_as_user, named.run_as_username) == (None, "web")


def test_groups_capabilities_and_flags() -> None:
    found = security(
        {
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
        },
        {"fsGroup": 7, "supplementalGroups": [5]},
    )
    assert found.supplemental_groups == (5, 7)
    assert (found.add_capabilities, found.drop_capabilities) == (("NET_ADMIN",), ("ALL",))
    assert found.no_new_privs
    assert found.readonly_rootfs
    assert "/proc/kcore" in found.masked_paths
    assert security({"procMount": "Unmasked"}).masked_paths == ()


@pytest.mark.parametrize(
    ("own", "of_pod", "wanted"),
    [
        ({}, {}, Profile("Unconfined")),
        ({}, {"seccompProfile": {"type": "RuntimeDefault"}}, Profile("RuntimeDefault")),
        (
            {"seccompProfile": {"type": "Unconfined"}},
            {"seccompProfile": {"type": "RuntimeDefault"}},
            Profile("Unconfined"),
        ),
        (
            {"seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"}},
            {},
            Profile("Localhost", "/seccomp/a.json"),
        ),
        ({"privileged": True, "seccompProfile": {"type": "RuntimeDefault"}}, {}, Profile("Unconfined")),
    ],
)
def test_seccomp(own: dict[str, Any], of_pod: dict[str, Any], wanted: Profile) -> None:
    assert security(own, of_pod).seccomp == wanted


def test_a_privileged_container_needs_a_privileged_sandbox() -> None:
    assert sandbox_security(pod({}, {"securityContext": {"privileged": True}})).privileged
    assert not sandbox_security(pod()).privileged


WHERE = '(pod: "p_ns(u)", container: c0)'


@pytest.mark.parametrize(
    ("own", "image", "message"),
    [
        ({}, Image("i", uid=0), ""),
        ({"runAsNonRoot": True, "runAsUser": 5}, Image("i", uid=0), ""),
        ({"runAsNonRoot": True, "runAsUser": 0}, IMAGE, f"container's runAsUser breaks non-root policy {WHERE}"),
        ({"runAsNonRoot": True}, IMAGE, ""),
        ({"runAsNonRoot": True}, Image("i", uid=0), f"container has runAsNonRoot and image will run as root {WHERE}"),
        (
            {"runAsNonRoot": True},
            Image("i", username="web"),
            f"container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root {WHERE}",
        ),
    ],
)
def test_non_root(own: dict[str, Any], image: Image, message: str) -> None:
    spec = pod({"securityContext": own})
    assert root_refused(spec, spec["spec"]["containers"][0], image) == message


def test_a_sandbox_in_the_nodes_network_has_no_name_and_no_ports() -> None:
    ports = {"ports": [{"containerPort": 80, "hostPort": 8080}]}
    settings = Settings("n1")
    own = sandbox_config(pod(ports), 0, Dns(), "/g", settings)
    assert (own.hostname, [p.host_port for p in own.ports]) == ("p", [8080])
    assert own.log_directory == "/var/log/pods/ns_p_u"
    assert own.labels["io.kubernetes.pod.uid"] == "u"
    shared = sandbox_config(pod(ports, hostNetwork=True), 0, Dns(), "/g", settings)
    assert (shared.hostname, shared.ports) == ("", ())
