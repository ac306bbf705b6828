"""A Prometheus server of a test's own, out of Debian's package: unpacked, not installed, so that no service is left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.etcd import free_ports

LIMIT = 30.0
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: tested
  honor_labels: true
  static_configs: [{{targets: ['{target}']}}]
"""


def binary(folder: Path) -> Path:
    """Return where prometheus is, unpacked into `folder` if it is not installed. Raises `RuntimeError` with the mend."""
    installed = shutil.which("prometheus")
    if installed:
        return Path(installed)
    if not shutil.which("apt-get"):
        raise RuntimeError("prometheus is missing: install the package prometheus")
    if os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
    subprocess.run(["apt-get", "download", "-qq", "prometheus"], check=True, capture_output=True, cwd=folder)
    (package,) = folder.glob("prometheus_*.deb")
    subprocess.run(["dpkg", "-x", str(package), str(folder / "unpacked")], check=True, capture_output=True)
    return folder / "unpacked/usr/bin/prometheus"


@contextmanager
def running(program: Path, folder: Path, target: str) -> Iterator[str]:
    """Run a server that asks `target` (host:port) every second; gives its URL. It is ended whatever happens."""
    (port,) = free_ports(1)
    config, url = folder / "prometheus.yml", f"http://127.0.0.1:{port}"
    config.write_text(CONFIG.format(target=target))
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + LIMIT
        while not _ready(url):
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(LIMIT)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
