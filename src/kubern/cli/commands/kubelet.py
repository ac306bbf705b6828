"""`kubern kubelet`: the node's agent as a program of its own."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import click

from kubern.cli.command import Command
from kubern.cli.flags import Option


def run(
    kubeconfig: Annotated[Path, Option(help="How to reach the apiserver.")],
    hostname_override: Annotated[str, Option(help="The node's name, if not the host's.")] = "",
    node_ip: Annotated[str, Option(help="The node's addresses, comma-separated.")] = "",
    container_runtime_endpoint: Annotated[
        str, Option(help="The CRI runtime's socket.")
    ] = "unix:///run/containerd/containerd.sock",
    root_dir: Annotated[Path, Option(help="Where pods' volumes and files lie.")] = Path("/var/lib/kubelet"),
    local_volume_path: Annotated[
        Path | None,
        Option(help="Where volumes of the provisioner kubern.io/local may lie; without it none are made here."),
    ] = None,
    pod_logs_dir: Annotated[Path, Option(help="Where containers' logs lie.")] = Path("/var/log/pods"),
    cluster_dns: Annotated[str, Option(help="The cluster DNS servers' addresses, comma-separated.")] = "",
    cluster_domain: Annotated[str, Option(help="The cluster's DNS domain.")] = "cluster.local",
    resolv_conf: Annotated[Path, Option(help="The node's resolver configuration.")] = Path("/etc/resolv.conf"),
    pod_cidr: Annotated[str, Option(help="The node's range of pod addresses.")] = "",
    node_labels: Annotated[str, Option(help="Labels for the node: a=b,c=d.")] = "",
    register_with_taints: Annotated[str, Option(help="Taints for the node: key=value:effect,…")] = "",
    register_node: Annotated[bool, Option(help="Register the node with the apiserver.")] = True,
    cgroup_root: Annotated[str, Option(help="The parent of all pods' control groups.")] = "/",
    max_pods: Annotated[int, Option(help="How many pods may run here.")] = 110,
    pod_max_pids: Annotated[int, Option(help="How many processes a pod may have; -1: any number.")] = -1,
    system_reserved: Annotated[str, Option(help="What is kept from pods: cpu=200m,memory=150Mi.")] = "",
    eviction_hard: Annotated[
        str,
        Option(help="What must be left before pods are evicted: memory.available<100Mi,nodefs.available<10%."),
    ] = "memory.available<100Mi,nodefs.available<10%,pid.available<1%",
    address: Annotated[str, Option(help="Where the kubelet's API listens.")] = "0.0.0.0",
    port: Annotated[int, Option(help="The port of the kubelet's API.")] = 10250,
    tls_cert_file: Annotated[Path | None, Option(help="Certificate of the kubelet's API.")] = None,
    tls_private_key_file: Annotated[Path | None, Option(help="Its key.")] = None,
    client_ca_file: Annotated[Path | None, Option(help="CA of those who may call the kubelet's API.")] = None,
    v: Annotated[int, Option("-v", "--v", help="Log level.")] = 2,
) -> None:
    """Run the pods that are bound to this node."""
    from kubern.cli.component import run_component
    from kubern.kubelet.command import Listen, run_kubelet
    from kubern.kubelet.settings import Settings

    settings = Settings(
        node_name=(hostname_override or socket.gethostname()).lower(),
        root_dir=root_dir.absolute(),
        local_volume_path=local_volume_path.absolute() if local_volume_path else None,
        pod_logs_dir=pod_logs_dir.absolute(),
        node_ips=_words(node_ip),
        cluster_dns=_words(cluster_dns),
        cluster_domain=cluster_domain,
        resolv_conf=resolv_conf,
        pod_cidr=pod_cidr,
        node_labels=_pairs(node_labels, "--node-labels"),
        taints=tuple(_taint(word) for word in _words(register_with_taints)),
        register_node=register_node,
        cgroup_root=cgroup_root,
        max_pods=max_pods,
        pod_max_pids=pod_max_pids,
        system_reserved=_pairs(system_reserved, "--system-reserved"),
        eviction_hard=_pairs(eviction_hard, "--eviction-hard", "<"),
        port=port,
    )
    listen = None
    if tls_cert_file and tls_private_key_file:
        listen = Listen(address, tls_cert_file, tls_private_key_file, client_ca_file)
    run_component(
        lambda client, clock: run_kubelet(client, clock, settings, container_runtime_endpoint, listen),
        kubeconfig,
        v,
        "kubelet",
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _pairs(text: str, option: str, sign: str = "=") -> dict[str, str]:
    found = {}
    for word in _words(text):
        name, found_sign, value = word.partition(sign)
        if not found_sign:
            raise click.BadParameter(f"{option}: {word!r} is not name{sign}value")
        found[name] = value
    return found


def _taint(text: str) -> dict[str, str]:
    rest, colon, effect = text.rpartition(":")
    if not colon or effect not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
        raise click.BadParameter(f"--register-with-taints: {text!r} is not key=value:effect")
    name, _, value = rest.partition("=")
    return {"key": name, "effect": effect} | ({"value": value} if value else {})


COMMAND = Command("kubelet", run, group="Components")
