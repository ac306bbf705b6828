"""A real cluster for the tests: made by the command that users type, taken away at the end whatever happened.

Its state, its kubeconfig and its name are the tests' own, so that a cluster of the user's is not touched.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KUBECTL = Path(sysconfig.get_path("scripts")) / "kubectl"


def pytest_collection_modifyitems(items):
    """Leave the cluster's tests out where no containers can run, and say so: they need root and containerd."""
    lacking = [need for need in ("containerd", "runc", "nft", "ip") if shutil.which(need) is None]
    reason = "not root" if os.geteuid() != 0 else f"missing: {' '.join(lacking)}" if lacking else ""
    for item in items:
        if reason and Path(item.fspath).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason=reason))


class Cluster:
    """A running cluster and the two commands that users have."""

    def __init__(self, name, home):
        self.name = name
        self.home = home
        self.state = home / name
        self.environment = os.environ | {"KUBERN_HOME": str(home), "KUBECONFIG": str(home / "kubeconfig")}

    def kubern(self, *arguments, timeout=120, check=True):
        """Run `kubern …` and return what it printed."""
        return self._run([sys.executable, "-m", "kubern", *arguments, "--name", self.name], timeout, check)

    def kubectl(self, *arguments, stdin=None, timeout=60, check=True):
        """Run `kubectl …` and return what it printed to standard output."""
        return self._run([str(KUBECTL), *arguments], timeout, check, stdin)

    def _run(self, command, timeout, check, stdin=None):
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment,
            cwd=ROOT,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command[:8])} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def get(self, *arguments):
        """Return `kubectl get … -o json`."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, *objects):
        """`kubectl apply` these objects."""
        return self.kubectl(
            "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        )

    def popen(self, *arguments, **options):
        """Start `kubectl …` and return the process; the caller ends it."""
        return subprocess.Popen([str(KUBECTL), *arguments], env=self.environment, cwd=ROOT, **options)


def eventually(check, seconds=60, every=0.1):
    """Return what `check()` returns once it is true; fails with its last answer or error past the deadline."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            last = check()
            if last:
                return last
        except AssertionError as error:
            last = error
        time.sleep(every)
    raise AssertionError(f"not within {seconds} s: {last}")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A cluster with three nodes."""
    made = Cluster("kubern-test", tmp_path_factory.mktemp("kubern-home"))
    try:
        made.kubern("up", "--nodes", "3", "--port", "16443", timeout=180)
        yield made
    finally:
        made.kubern("down", check=False)


@pytest.fixture
def namespace(cluster, request):
    """A namespace of the test's own, deleted afterwards."""
    name = f"t-{abs(hash(request.node.nodeid)) % 10**8}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    # a pod is taken only once its namespace has a service account
    eventually(lambda: cluster.kubectl("get", "serviceaccount", "default", "-n", name, check=False))
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
