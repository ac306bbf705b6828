"""An etcd that asks its clients for certificates: the apiserver and `kubern store` show theirs, and what does not fit is told in words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.api.conftest import Apiserver, Authority
from tests.etcd import Certificates, Etcd

PATH = "/api/v1/namespaces/default/configmaps"


class Guarded(NamedTuple):
    """An etcd with certificates, and those of somebody else."""

    url: str
    tls: Certificates
    strange: Certificates


def certificates(directory: Path) -> Certificates:
    directory.mkdir()
    authority = Authority(directory)
    server = authority.issue("etcd", "etcd", server=True)
    return Certificates(authority.file, server, authority.issue("client", "kube-apiserver-etcd-client"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("etcd-pki")
    tls = certificates(directory / "own")
    with Etcd(1, tls) as etcd:
        yield Guarded(etcd.urls[0], tls, certificates(directory / "strange"))


def store(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kubern", "store", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_apiserver_and_the_store_commands_show_their_certificate(
    guarded: Guarded, own_apiserver: Callable[..., Apiserver], tmp_path: Path
) -> None:
    here = (f"--etcd-servers={guarded.url}", *guarded.tls.client_flags)
    api = own_apiserver(*here).start()
    stream = api.watch(f"{PATH}?watch=1&fieldSelector=metadata.name=kept")
    assert api("POST", PATH, {"metadata": {"name": "kept"}, "data": {"a": "1"}}).code == 201
    assert b'"ADDED"' in next(stream)
    stream.close()
    assert api("GET", f"{PATH}/kept").body["data"] == {"a": "1"}
    for arguments, said in [
        (("check",), "in order"),
        (("compact",), "compacted at revision"),
        (("defrag",), "bytes before"),
        (("snapshot", tmp_path / "snapshot"), "keys of https://"),
        (("migrate", "--to-data-dir", tmp_path / "moved"), "at revision"),
    ]:
        done = store(*arguments, *here)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    assert api("GET", f"{PATH}/kept").code == 200
    assert (tmp_path / "moved" / "store.db").exists()


def flags(case: str, guarded: Guarded, junk: Path) -> list[str]:
    """Return the flags of a mistake."""
    tls, strange = guarded.tls, guarded.strange
    made = {
        "another authority": tls._replace(ca=strange.ca).client_flags,
        "no certificate": tls.client_flags[:1],
        "a stranger's certificate": tls._replace(client=strange.client).client_flags,
        "another certificate's key": tls._replace(client=(tls.client[0], strange.client[1])).client_flags,
        "a certificate without its key": tls.client_flags[:2],
        "no authority": [f"--etcd-cafile={junk}"],
        "no file": ["--etcd-cafile=/nonexistent/ca.crt"],
    }
    return made[case]


WORDS = [
    ("another authority", "not from the authority in --etcd-cafile"),
    ("no certificate", "refused our certificate, or wants one (--etcd-certfile, --etcd-keyfile)"),
    ("a stranger's certificate", "refused our certificate, or wants one"),
    ("another certificate's key", "are no pair"),
    ("a certificate without its key", "--etcd-certfile and --etcd-keyfile need each other"),
    ("no authority", "holds no certificate"),
    ("no file", "No such file or directory: '/nonexistent/ca.crt'"),
]


@pytest.mark.parametrize(("case", "said"), WORDS, ids=[case for case, _ in WORDS])
def test_what_does_not_fit_is_told(guarded: Guarded, tmp_path: Path, case: str, said: str) -> None:
    junk = tmp_path / "junk"
    junk.write_text("junk")
    done = store("check", f"--etcd-servers={guarded.url}", *flags(case, guarded, junk))
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1  # nothing but that


def test_an_apiserver_whose_certificate_is_refused_ends_with_the_reason(
    guarded: Guarded, own_apiserver: Callable[..., Apiserver], tmp_path: Path
) -> None:
    apiserver = own_apiserver(f"--etcd-servers={guarded.url}", *flags("another authority", guarded, tmp_path))
    done = subprocess.run(
        [*apiserver.command, "--secure-port=0"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "not from the authority in --etcd-cafile" in done.stderr
    assert "Traceback" not in done.stderr
