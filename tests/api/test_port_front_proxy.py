"""A front proxy at the scheduler's port: believed because the apiserver's ConfigMap says so."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from .conftest import Apiserver, Authority, kubeconfig
from .test_ports import free_port


def test_it_asks_for_those_it_names(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> None:
    (tmp_path / "proxies").mkdir()
    proxies = Authority(tmp_path / "proxies")
    api = own_apiserver(
        f"--requestheader-client-ca-file={proxies.file}", "--requestheader-allowed-names=proxy",
        "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
    ).start()  # fmt: skip
    number = free_port()
    access = kubeconfig(tmp_path, api.url, api.ca, api.certificate, api.key)
    line = [
        sys.executable, "-m", "kubern", "scheduler", f"--kubeconfig={access}", "--bind-address=127.0.0.1",
        f"--secure-port={number}", f"--authentication-kubeconfig={access}", f"--authorization-kubeconfig={access}",
    ]  # fmt: skip
    good, other = proxies.issue("good", "proxy"), proxies.issue("other", "other")

    def get(certificate: tuple[Path, Path], user: str, group: str) -> int:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(*certificate)
        headers = {"x-remote-user": user, "x-remote-group": group}
        asked = urllib.request.Request(f"https://127.0.0.1:{number}/metrics", headers=headers)
        try:
            with urllib.request.urlopen(asked, context=context, timeout=20) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except (urllib.error.URLError, ConnectionError):
            return 0

    with (tmp_path / "port.log").open("w") as log:
        process = subprocess.Popen(line, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while get(good, "root", "system:masters") != 200:
            assert time.monotonic() < deadline, (tmp_path / "port.log").read_text()
            time.sleep(0.05)
        assert get(good, "jane", "people") == 403
        assert get(other, "root", "system:masters") == 401
    finally:
        process.terminate()
        assert process.wait(20) == 0
