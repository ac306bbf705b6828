"""Bringing a cluster up: what `kubern up` and `kubern start` do.

It is idempotent: whatever runs is left running, whatever is missing is started. A start that fails says why and takes back what it
started itself.
"""

from __future__ import annotations

import ipaddress
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from kubern.base.clock import SystemClock
from kubern.cluster import fabric, host, kubeconfig, pki, processes
from kubern.cluster.images import base
from kubern.cluster.images.load import load_first_time, wait_for_containerd
from kubern.cluster.layout import home
from kubern.cluster.node import Node, agent_command
from kubern.cluster.node_ready import node_is_ready, wait_for
from kubern.cluster.progress import Progress
from kubern.cluster.running import CONTROL_PLANE, Cluster, only_one, tail
from kubern.cluster.settings import Settings
from kubern.cluster.settings import save as save_settings
from kubern.cluster.shutdown import sweep
from kubern.cluster.system_objects import dns_address

API_SECONDS = 30
NODE_SECONDS = 60


def up(cluster: Cluster, settings: Settings, progress: Progress) -> None:
    """Start whatever of the cluster does not run and wait until it is usable. Raises `RuntimeError` saying what failed and how to mend it.

    What this call started is stopped again when it fails.
    """
    with only_one(cluster.layout):
        if other := cluster.elsewhere():
            raise RuntimeError(
                f"a cluster {cluster.layout.root.name!r} runs already, with its state in {other}; "
                "choose another --name, or set KUBERN_HOME to the directory above that"
            )
        kubeconfig.check(kubeconfig.users_file())
        fresh = not cluster.exists
        if fresh:
            host.check_room(home())
        before = {node.name for node in cluster.nodes() if node.running()} if cluster.exists else set()
        ran = cluster.control_plane_runs()
        cluster.settings = settings
        try:
            _start(cluster, progress)
        except BaseException as failure:
            with _uninterrupted(), progress.step("taking back what was started"):
                for node in cluster.nodes():
                    if node.name not in before:
                        node.stop(grace=0)
                if not ran:
                    processes.stop(cluster.layout.processes, CONTROL_PLANE, grace=5)
                if fresh:
                    # the message of a failure names logs; who interrupts wants nothing of it
                    sweep(cluster, keep_logs=isinstance(failure, RuntimeError))
            raise


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let no impatient Ctrl-C leave half of it behind."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _start(cluster: Cluster, progress: Progress) -> None:
    settings, layout = cluster.settings, cluster.layout
    with progress.step("certificates and settings"):
        if not cluster.control_plane_runs():
            wanted = settings.api_port
            settings = cluster.settings = replace(settings, api_port=host.free_port(wanted))
            if settings.api_port != wanted:
                progress.say(f"port {wanted} is taken: the apiserver gets {settings.api_port}")
        layout.root.mkdir(parents=True, exist_ok=True)
        # pods' volumes lie below, with what is in their Secrets
        layout.root.chmod(0o700)
        store = pki.Pki(layout.pki)
        store.ensure(_first_address(settings.service_cidr), [fabric.GATEWAY] if settings.real else [])
        kubeconfig.write(
            layout.kubeconfig,
            kubeconfig.build(
                settings.context, f"https://127.0.0.1:{settings.api_port}", store.ca.certificate, store.admin
            ),
        )
        save_settings(layout.settings, settings)
    if settings.real:
        host.make_shared(home() / ".made-on-host")
        fabric.create_fabric(settings.name)
    began = SystemClock().now()
    started = {node.name for node in cluster.nodes() if not node.running()}
    with progress.step("control plane"):
        _start_control_plane(cluster)
        nodes = cluster.nodes()
        if nodes:
            base.build(layout.images / "base.tar")
        with ThreadPoolExecutor(max(len(nodes), 1)) as pool:
            starting = [pool.submit(_start_node, cluster, node) for node in nodes]
            _wait_for_api(cluster)
            for each in starting:
                each.result()
    kubeconfig.merge(
        kubeconfig.users_file(),
        kubeconfig.build(settings.context, f"https://127.0.0.1:{settings.api_port}", store.ca.certificate, store.admin),
    )
    with progress.step(_nodes_in_words(settings)):
        _wait_for_nodes(cluster, started, began)


def _nodes_in_words(settings: Settings) -> str:
    parts = [f"{settings.nodes} node{'s' * (settings.nodes != 1)}"] if settings.nodes else []
    parts += (
        [f"{settings.virtual_nodes} virtual node{'s' * (settings.virtual_nodes != 1)}"]
        if settings.virtual_nodes
        else []
    )
    return " and ".join(parts) + " ready"


def _start_control_plane(cluster: Cluster) -> None:
    if not cluster.control_plane_runs():
        command = [sys.executable, "-m", "kubern", "control-plane", "--state", str(cluster.layout.root)]
        processes.start(cluster.layout.processes, CONTROL_PLANE, command, cluster.layout.logs / "control-plane.log")


def _start_node(cluster: Cluster, node: Node) -> None:
    settings, layout = cluster.settings, cluster.layout
    store = pki.Pki(layout.pki)
    own = store.ensure_node(node.name, node.address.address)
    server = f"https://{fabric.GATEWAY}:6443"
    for file, shown in (("kubelet.kubeconfig", own), ("proxy.kubeconfig", store.proxy)):
        kubeconfig.write(node.paths.config / file, kubeconfig.build(settings.name, server, store.ca.certificate, shown))
    everyone = [each.address for each in cluster.nodes()]
    agent = agent_command(layout.root, node.name)
    node.start(everyone, agent, dns_address(settings.service_cidr), settings.domain)
    wait_for_containerd(node, NODE_SECONDS)
    load_first_time(node, layout.images)


def _wait_for_api(cluster: Cluster) -> None:
    probe = cluster.probe()
    log = cluster.layout.logs / "control-plane.log"

    try:
        wait_for(probe.ready, API_SECONDS, lambda: _ended(cluster, []), every=0.02)
    except TimeoutError:
        raise RuntimeError(
            f"the apiserver was not ready within {API_SECONDS} s; the end of {log}:\n{tail(log)}"
        ) from None


def _ended(cluster: Cluster, nodes: list[Node]) -> str | None:
    """Return what of the control plane and `nodes` ended, with the last lines of its log; None while all is well."""
    log = cluster.layout.logs / "control-plane.log"
    if not cluster.control_plane_runs():
        return f"the control plane ended; the end of {log}:\n{tail(log)}"
    for node in nodes:
        log = node.paths.logs / "init.log"
        if not node.running():
            return f"node {node.name} ended; the end of {log}:\n{tail(log)}"
    return None


def _wait_for_nodes(cluster: Cluster, started: set[str], began: datetime) -> None:
    """Wait until all nodes are ready; those that were `started` just now must have said so since `began`."""
    probe, settings = cluster.probe(), cluster.settings
    wanted = set(settings.node_names())

    def ready() -> bool:
        found = {node["metadata"]["name"] for node in probe.nodes() if node_is_ready(node)}
        if not wanted <= found or not started <= probe.renewed(began):
            return False
        return len(found - wanted) >= settings.virtual_nodes

    try:
        # asking for 5,000 nodes costs a quarter of a second: not while they are being made
        every = max(0.05, settings.virtual_nodes / 5000)
        wait_for(ready, NODE_SECONDS, lambda: _ended(cluster, cluster.nodes()), every)
    except TimeoutError:
        logs = "\n".join(
            f"{node.paths.logs / 'agent.log'}:\n{tail(node.paths.logs / 'agent.log')}" for node in cluster.nodes()[:3]
        )
        raise RuntimeError(f"not all nodes were ready within {NODE_SECONDS} s; look at\n{logs}") from None


def _first_address(service_cidr: str) -> str:
    return str(ipaddress.ip_network(service_cidr)[1])
