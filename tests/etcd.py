"""Real etcd for tests: members on loopback, ended with the test that started them; Debian's package is installed when it is missing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

LIMIT = 30.0


def binary() -> str:
    """Return where etcd is, installed from Debian's package if need be. Raises `RuntimeError` with the mend when that cannot be done."""
    found = shutil.which("etcd")
    if found:
        return found
    if os.geteuid() or not shutil.which("apt-get"):
        raise RuntimeError("etcd is missing: install the package etcd-server")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "etcd-server"]
    subprocess.run(install, check=True, capture_output=True, env=environment)
    return shutil.which("etcd") or "/usr/bin/etcd"


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


class Certificates(NamedTuple):
    """Files of an etcd that asks its clients for certificates: the CA of both sides, and a certificate and key for each of them."""

    ca: Path
    server: tuple[Path, Path]
    client: tuple[Path, Path]

    @property
    def member_flags(self) -> list[str]:
        """What a member is started with."""
        certificate, key = self.server
        files = f"--cert-file={certificate} --key-file={key} --trusted-ca-file={self.ca}"
        return [*files.split(), "--client-cert-auth"]

    @property
    def client_flags(self) -> list[str]:
        """What the apiserver and `kubern store` are started with."""
        certificate, key = self.client
        return [f"--etcd-cafile={self.ca}", f"--etcd-certfile={certificate}", f"--etcd-keyfile={key}"]


class Member:
    """One member; `start` it, `kill` it, start it again on the same data and ports."""

    def __init__(self, directory: Path, name: str, client: int, peer: int, tls: Certificates | None = None) -> None:
        self.name, self.url, self.peer = name, f"http{'s' * bool(tls)}://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        self._directory, self._tls = directory, tls
        self.flags: list[str] = tls.member_flags if tls else []
        """Further flags; a change holds from the next start on."""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, cluster: str) -> None:
        """Start the process."""
        command = [
            binary(), f"--name={self.name}", f"--data-dir={self._directory / self.name}", f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}", f"--listen-peer-urls={self.peer}", f"--initial-advertise-peer-urls={self.peer}",
            f"--initial-cluster={cluster}", "--heartbeat-interval=50", "--election-timeout=500",
            *self.flags,
        ]  # fmt: skip
        with (self._directory / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End the process at once (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Cut the member off from everybody: its connections stay open, and nothing comes from it. `thaw` it before the end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if nothing had happened."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def healthy(self) -> bool:
        """Whether the member has a leader and answers."""
        context = None
        if self._tls is not None:
            context = ssl.create_default_context(cafile=str(self._tls.ca))
            context.load_cert_chain(*self._tls.client)
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2, context=context) as answer:
                return b'"true"' in answer.read()
        except (OSError, urllib.error.URLError):
            return False


class Etcd:
    """A cluster of `count` members, whose clients need certificates if there are some, with further `flags`; it runs inside `with`."""

    def __init__(self, count: int = 1, tls: Certificates | None = None, flags: Sequence[str] = ()) -> None:
        # in memory where that is possible: a killed process loses nothing there either, and nothing waits for a disk
        memory = Path("/dev/shm")
        self._directory = directory = Path(
            tempfile.mkdtemp(prefix="kubern-etcd-", dir=memory if memory.is_dir() else None)
        )
        ports = free_ports(2 * count)
        self.members = [Member(directory, f"m{n}", ports[2 * n], ports[2 * n + 1], tls) for n in range(count)]
        for member in self.members:
            member.flags += flags
        self._cluster = ",".join(f"{member.name}={member.peer}" for member in self.members)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @property
    def urls(self) -> list[str]:
        """The members' client addresses."""
        return [member.url for member in self.members]

    def start(self, *members: Member) -> None:
        """Start all members, or these, and wait until they serve."""
        for member in members or self.members:
            member.start(self._cluster)
        deadline = time.monotonic() + LIMIT
        for member in members or self.members:
            while not member.healthy():
                assert time.monotonic() < deadline, f"etcd {member.name} did not start"
                time.sleep(0.05)

    def stop(self) -> None:
        """End every member."""
        for member in self.members:
            member.kill()
        shutil.rmtree(self._directory, ignore_errors=True)
