"""resolv.conf and hosts files of pods."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.kubelet.dns import parse_resolv_conf, pod_dns
from kubern.kubelet.hosts import hosts_file
from kubern.kubelet.podspec import hostname
from kubern.kubelet.runtime.config import Dns
from tests.unit.kubelet.pods import pod

NODE = Dns(("192.0.2.53",), ("example.org",), ("timeout:1",))
CLUSTER = Dns(
    ("10.96.0.10",), ("ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.org"), ("ndots:5",)
)


def test_resolv_conf_is_read_as_the_resolver_reads_it() -> None:
    text = "# c\nnameserver 192.0.2.53\nsearch a. b\nsearch example.org\noptions timeout:1 ; c\nnameserver\n"
    assert parse_resolv_conf(text) == NODE


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, CLUSTER),
        ({"dnsPolicy": "ClusterFirst", "hostNetwork": True}, NODE),
        ({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True}, CLUSTER),
        ({"dnsPolicy": "Default"}, NODE),
        (
            {
                "dnsPolicy": "None",
                "dnsConfig": {
                    "nameservers": ["1.1.1.1"],
                    "searches": ["x"],
                    "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
                },
            },
            Dns(("1.1.1.1",), ("x",), ("ndots:2", "edns0")),
        ),
        (
            {"dnsConfig": {"nameservers": ["10.96.0.10", "1.1.1.1"], "options": [{"name": "ndots", "value": "1"}]}},
            CLUSTER._replace(servers=("10.96.0.10", "1.1.1.1"), options=("ndots:1",)),
        ),
    ],
    ids=["cluster first", "host network", "cluster first with host network", "default", "none", "extended"],
)
def test_policies(spec: dict[str, Any], wanted: Dns) -> None:
    assert pod_dns(pod(**spec), NODE, ("10.96.0.10",), "cluster.local") == wanted


def test_without_a_cluster_dns_the_nodes_is_used() -> None:
    assert pod_dns(pod(), NODE, (), "cluster.local") == NODE


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, ("p", "")),
        ({"hostname": "web"}, ("web", "")),
        ({"hostname": "web", "subdomain": "sub"}, ("web", "sub.ns.svc.cluster.local")),
    ],
)
def test_hostname(spec: dict[str, Any], wanted: tuple[str, str]) -> None:
    assert hostname(pod(**spec), "cluster.local") == wanted


def test_a_long_name_is_cut_to_a_label() -> None:
    name = "a" * 62 + ".b" * 10
    assert hostname(pod(meta={"name": name}), "d")[0] == "a" * 62


def test_hosts_file() -> None:
    spec = pod(subdomain="sub", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["foo", "bar"]}])
    lines = hosts_file(spec, ["10.0.0.1"], "cluster.local", "").splitlines()
    assert lines[0] == "# Kubernetes-managed hosts file."
    assert "10.0.0.1\tp.sub.ns.svc.cluster.local\tp" in lines
    assert lines[-2:] == ["# Entries added by HostAliases.", "1.2.3.4\tfoo\tbar"]


def test_hosts_file_with_the_nodes_network() -> None:
    text = hosts_file(pod(hostNetwork=True), [], "d", "127.0.0.1 n1\n")
    assert text == "# Kubernetes-managed hosts file (host network).\n127.0.0.1 n1\n"
