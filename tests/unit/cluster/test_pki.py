"""Certificates: who they speak of, when they are renewed, who may read them."""

from datetime import timedelta

import pytest
from cryptography import x509

from kubern.base.clock import FakeClock
from kubern.cluster.pki import Pki


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def pki(tmp_path, clock):
    made = Pki(tmp_path / "pki", clock)
    made.ensure("10.96.0.1", ["172.30.0.1"])
    made.ensure_node("n1", "172.30.0.11")
    return made


def read(pair):
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


def test_subjects_are_upstreams(pki):
    assert read(pki.admin).subject.rfc4514_string() == "CN=kubernetes-admin,O=system:masters"
    assert read(pki.node("n1")).subject.rfc4514_string() == "CN=system:node:n1,O=system:nodes"
    for pair in (pki.admin, pki.apiserver, pki.kubelet_client, pki.node("n1")):
        read(pair).verify_directly_issued_by(read(pki.ca))
    read(pki.front_proxy_client).verify_directly_issued_by(read(pki.front_proxy_ca))


def test_the_apiserver_answers_to_every_name_it_is_called_by(pki):
    names = read(pki.apiserver).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "kubernetes", "kubernetes.default.svc.cluster.local"} <= set(
        names.get_values_for_type(x509.DNSName)
    )
    assert {str(a) for a in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "10.96.0.1", "172.30.0.1"}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_a_second_start_changes_nothing_and_a_late_one_renews_the_leaves(pki, clock, tmp_path):
    before = contents(tmp_path / "pki")
    pki.ensure("10.96.0.1", ["172.30.0.1"])
    assert contents(tmp_path / "pki") == before
    await clock.advance(timedelta(days=300).total_seconds())
    pki.ensure("10.96.0.1", ["172.30.0.1"])
    after = contents(tmp_path / "pki")
    kept = {
        "ca.crt",
        "ca.key",
        "front-proxy-ca.crt",
        "front-proxy-ca.key",
        "sa.key",
        "sa.pub",
        "node-n1.crt",
        "node-n1.key",
    }
    assert {name for name in before if before[name] == after[name]} == kept


def test_a_new_address_makes_a_new_serving_certificate_only(pki, tmp_path):
    before = contents(tmp_path / "pki")
    pki.ensure("10.96.0.1", ["172.30.0.9"])
    after = contents(tmp_path / "pki")
    assert {name for name in before if before[name] != after[name]} == {"apiserver.crt", "apiserver.key"}


def test_a_leaf_of_another_ca_and_a_half_written_pair_are_replaced(pki):
    pki.ca.certificate.unlink()
    pki.kubelet_client.key.unlink()
    pki.ensure("10.96.0.1", ["172.30.0.1"])
    for pair in (pki.admin, pki.kubelet_client):
        read(pair).verify_directly_issued_by(read(pki.ca))


def test_only_the_owner_reads_keys(pki, tmp_path):
    for path in (tmp_path / "pki").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_damaged_certificate_is_replaced(pki):
    pki.admin.certificate.write_bytes(b"-----BEGIN CERTIFICATE-----\nnothing\n")
    pki.ensure("10.96.0.1", ["172.30.0.1"])
    read(pki.admin).verify_directly_issued_by(read(pki.ca))
