"""A cluster's settings, its paths, and the plans for its network."""

import socket

import pytest

from kubern.cluster import fabric, host, settings
from kubern.cluster.host_ports import wanted_ports
from kubern.cluster.layout import Layout
from kubern.cluster.running import only_one
from kubern.cluster.settings import Settings, grown


def test_settings_come_back_as_they_were_saved(tmp_path):
    path = tmp_path / "deep" / "cluster.json"
    assert settings.load(path) is None
    saved = Settings("demo", nodes=3, api_port=7443)
    settings.save(path, saved)
    assert settings.load(path) == saved
    assert [p.name for p in path.parent.iterdir()] == ["cluster.json"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"nodes": 1}', '{"name": "a", "colour": "red"}'])
def test_a_file_that_holds_no_settings_is_refused(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ValueError, match="not a cluster's settings"):
        settings.load(tmp_path / "c.json")


def test_a_cluster_grows_and_does_not_shrink():
    assert grown(Settings("a"), 3, None).nodes == 3
    assert grown(Settings("a", nodes=2), None, 7) == Settings("a", nodes=2, virtual_nodes=7)
    with pytest.raises(ValueError, match="has 2 nodes"):
        grown(Settings("a", nodes=2), 1, None)


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a/b", "..", "a" * 41])
def test_names_that_could_lead_elsewhere_are_refused(name):
    with pytest.raises(ValueError, match="--name"):
        Layout.of(name)


def test_two_commands_do_not_change_a_cluster_at_once(tmp_path):
    layout = Layout(tmp_path / "c")
    with only_one(layout), pytest.raises(RuntimeError, match="another kubern command"), only_one(layout):
        pytest.fail("both hold it")
    with only_one(layout):
        pass
    assert list(tmp_path.iterdir()) == []


def test_addresses_and_plans():
    nodes = [fabric.node_address(number, "10.244.0.0/16") for number in (1, 2)]
    assert nodes[1] == (2, "172.30.0.12", "10.244.2.0/24")
    assert fabric.node_plan(nodes[0], nodes) == [
        "link set lo up",
        "address replace 172.30.0.11/24 dev eth0",
        "link set eth0 up",
        "route replace default via 172.30.0.1",
        "route replace 10.244.2.0/24 via 172.30.0.12",
    ]
    assert "route replace 10.244.1.0/24 via 172.30.0.11" in fabric.join_plan("ns", nodes[0])


def test_no_two_clusters_share_a_namespace():
    names = {fabric.fabric_namespace("a"), fabric.node_namespace("a", "a-1"), fabric.fabric_namespace("a-1")}
    assert len(names) == 3


def test_the_next_free_port_is_taken():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert host.free_port(port) > port


def test_shared_directories_go_only_when_they_were_made(tmp_path, monkeypatch):
    kept, made = tmp_path / "kept", tmp_path / "made"
    kept.mkdir()
    monkeypatch.setattr(host, "_SHARED", (kept, made))
    marker = tmp_path / "marker"
    for _ in range(2):
        host.make_shared(marker)
    host.remove_shared(marker)
    assert (kept.exists(), made.exists(), marker.exists()) == (True, False, False)


def test_only_tcp_node_ports_are_carried_to_the_host():
    services = [
        {
            "spec": {
                "ports": [
                    {"port": 80, "nodePort": 30080, "protocol": "TCP"},
                    {"port": 53, "nodePort": 30053, "protocol": "UDP"},
                ]
            }
        },
        {"spec": {"ports": [{"port": 80}]}},
        {"spec": {"type": "ExternalName"}},
    ]
    assert wanted_ports(services) == {30080}
