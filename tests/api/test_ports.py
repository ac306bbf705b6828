"""The ports of scheduler and controller manager as programs of their own: what they show, and to whom."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import Api, Authority, kubeconfig
from .test_metrics import samples

OPEN = ("/healthz", "/readyz", "/livez", "/healthz?verbose")
CLOSED = ("/metrics", "/metrics/slis", "/configz", "/statusz", "/flagz", "/debug/pprof/", "/healthz/ping", "/none")


class Port(NamedTuple):
    """A program's port, and the certificates to ask it with."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    masters: tuple[Path, Path]
    somebody: tuple[Path, Path]

    def get(
        self, path: str, certificate: tuple[Path, Path] | None = None, token: str = "", accept: str = ""
    ) -> tuple[int, str]:
        """Ask for a path; returns the code and the text."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        headers = ({"authorization": f"Bearer {token}"} if token else {}) | ({"accept": accept} if accept else {})
        try:
            request = urllib.request.Request(self.url + path, headers=headers)
            with urllib.request.urlopen(request, context=context, timeout=20) as reply:
                return reply.status, reply.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module", params=["scheduler", "controller-manager"])
def port(
    api: Api, authority: Authority, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Port]:
    folder, number, name = tmp_path_factory.mktemp("port"), free_port(), request.param
    masters, somebody = authority.issue("m", "m", ("system:masters",)), authority.issue("somebody", "somebody")
    access = kubeconfig(folder, api.url, api.ca, *masters)
    line = [
        sys.executable, "-m", "kubern", name, f"--kubeconfig={api.kubeconfig}", "--bind-address=127.0.0.1",
        f"--secure-port={number}", f"--authentication-kubeconfig={access}", f"--authorization-kubeconfig={access}",
        f"--leader-elect-resource-name={name}-with-a-port",
    ]  # fmt: skip
    if name == "controller-manager":
        line.append("--controllers=deployment-controller,endpointslice-controller")
    log = folder / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(line, stderr=errors)
    made = Port(name, f"https://127.0.0.1:{number}", process, log, masters, somebody)
    try:
        eventually(lambda: answers(made), log)
        eventually(lambda: 'leader_election_master_status{name="' + name + '-with-a-port"} 1' in metrics(made), log)
        yield made
    finally:
        process.terminate()
        assert process.wait(20) == 0, log.read_text()
    assert " E " not in log.read_text(), log.read_text()


def eventually(check, log: Path) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def answers(port: Port) -> bool:
    try:
        # the authority of client certificates is read from the cluster, a moment after the port has opened
        return port.get("/metrics", port.masters)[0] == 200 and port.get("/readyz")[0] == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def metrics(port: Port) -> str:
    return port.get("/metrics", port.masters)[1]


def test_health_is_open_and_nothing_else(port: Port) -> None:
    for path in OPEN:
        code, text = port.get(path)
        assert (code, text.splitlines()[-1]) == (200, "healthz check passed" if "verbose" in path else "ok")
    assert "[+]leaderElection ok" in port.get("/healthz?verbose")[1]
    for path in CLOSED:
        code, text = port.get(path)
        assert code == 403, path
        assert json.loads(text)["message"] == (f'forbidden: User "system:anonymous" cannot get path "{path}"')
        assert port.get(path, port.somebody)[0] == 403
        assert port.get(path, token="wrong")[0] == 401


def test_who_has_the_right_by_role_may_scrape(port: Port, api: Api, namespace: str) -> None:
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    token = api("POST", f"{account}/token", {"spec": {}}).body["status"]["token"]
    assert port.get("/metrics", token=token)[0] == 403
    binding = {
        "metadata": {"name": f"monitoring-{namespace}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:monitoring"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    }
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    assert api("POST", roles, binding).code == 201
    try:
        # another path than before: that refusal is remembered for ten seconds
        assert port.get("/metrics/slis", token=token)[0] == 200
        assert port.get("/configz", token=token)[0] == 403
    finally:
        api("DELETE", f"{roles}/monitoring-{namespace}")


def test_the_metrics_are_upstreams(port: Port) -> None:
    found = samples(metrics(port))
    names = {series.partition("{")[0] for series in found}
    assert {"process_cpu_seconds_total", "rest_client_requests_total", "leader_election_master_status"} <= names
    if "scheduler" in port.name:
        assert 'scheduler_pending_pods{queue="active"}' in found
    else:
        assert 'workqueue_depth{name="deployment"}' in found
        assert 'workqueue_depth{name="endpoint_slice"}' in found
    assert any(series.startswith('rest_client_requests_total{code="200"') for series in found)


def test_the_other_pages(port: Port) -> None:
    code, text = port.get("/statusz", port.masters, accept="text/plain")
    assert code == 200
    assert "statusz\nWarning: " in text
    assert (
        f"secure-port={port.url.rpartition(':')[2]}" in port.get("/flagz", port.masters, accept="*/*")[1].splitlines()
    )
    assert port.get("/debug/pprof/", port.masters)[1].startswith("<html>")
    assert "-m\0kubern" in port.get("/debug/pprof/cmdline", port.masters)[1]
    assert port.get("/debug/pprof/profile?seconds=0", port.masters)[0] == 400
    assert port.get("/none", port.masters)[0] == 404
    assert (
        'kubernetes_healthcheck{name="leaderElection",type="healthz"} 1' in port.get("/metrics/slis", port.masters)[1]
    )
