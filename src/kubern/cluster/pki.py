"""The cluster's certificates: made at first start, renewed when due, never leaving the cluster's directory.

    ca               signs everything below (and CertificateSigningRequests)
    front-proxy-ca   signs what the apiserver shows to extension servers
    apiserver        serving certificate      apiserver-kubelet-client, front-proxy-client   what the apiserver shows
    admin, node certificates                  what people and nodes show
    sa.key, sa.pub   sign and check service-account tokens

A leaf is renewed when less than 30 % of its life is left, when its names change, or when its CA is another; a CA is kept.
Keys are readable by their owner only and appear whole or not at all. Names and groups are upstream's (kubeadm, "PKI certificates and
requirements").
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubern.base.clock import Clock, SystemClock

CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=365)
RENEW_BELOW = 0.3
_SKEW = timedelta(minutes=5)

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


class Pair(NamedTuple):
    """The files of a certificate and its private key."""

    certificate: Path
    key: Path


class Subject(NamedTuple):
    """Who a certificate speaks of: user name and groups of a client, names and addresses of a server."""

    name: str
    groups: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    usages: tuple[x509.ObjectIdentifier, ...] = (CLIENT,)


class Pki:
    """The certificates below one directory."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self._folder = folder
        self._clock = clock or SystemClock()

    @property
    def ca(self) -> Pair:
        """Signs everything but the front proxy's certificates."""
        return self._pair("ca")

    @property
    def front_proxy_ca(self) -> Pair:
        """Signs what the apiserver shows to extension servers."""
        return self._pair("front-proxy-ca")

    @property
    def apiserver(self) -> Pair:
        """What the apiserver serves with."""
        return self._pair("apiserver")

    @property
    def kubelet_client(self) -> Pair:
        """What the apiserver shows to kubelets."""
        return self._pair("apiserver-kubelet-client")

    @property
    def front_proxy_client(self) -> Pair:
        """What the apiserver shows to extension servers."""
        return self._pair("front-proxy-client")

    @property
    def admin(self) -> Pair:
        """What the administrator shows."""
        return self._pair("admin")

    @property
    def proxy(self) -> Pair:
        """What every node's service proxy shows."""
        return self._pair("proxy")

    @property
    def service_account_key(self) -> Path:
        """Signs service-account tokens (RSA)."""
        return self._folder / "sa.key"

    @property
    def service_account_public_key(self) -> Path:
        """Checks service-account tokens."""
        return self._folder / "sa.pub"

    def node(self, name: str) -> Pair:
        """Return what the kubelet of node `name` shows, as client and as server."""
        return self._pair(f"node-{name}")

    def ensure(self, service_address: str, addresses: Sequence[str], dns: Sequence[str] = ()) -> None:
        """Make whatever is missing or due.

        `service_address` is the first of the Service range; `addresses` are where the apiserver listens.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ensure_ca(self.ca, "kubernetes")
        self._ensure_ca(self.front_proxy_ca, "front-proxy-ca")
        self._ensure_service_account_key()
        names = (
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
        )
        serving = Subject("kube-apiserver", (), (*names, *dns), ("127.0.0.1", service_address, *addresses), (SERVER,))
        self._ensure_leaf(self.apiserver, self.ca, serving)
        self._ensure_leaf(
            self.kubelet_client, self.ca, Subject("kube-apiserver-kubelet-client", ("kubeadm:cluster-admins",))
        )
        self._ensure_leaf(self.front_proxy_client, self.front_proxy_ca, Subject("front-proxy-client"))
        self._ensure_leaf(self.proxy, self.ca, Subject("system:kube-proxy"))
        self._ensure_leaf(self.admin, self.ca, Subject("kubernetes-admin", ("system:masters",)))

    def ensure_node(self, name: str, address: str) -> Pair:
        """Make or renew the certificate of a node: user `system:node:NAME` of group `system:nodes`, and server at `address`."""
        pair = self.node(name)
        subject = Subject(f"system:node:{name}", ("system:nodes",), (name,), (address,), (CLIENT, SERVER))
        self._ensure_leaf(pair, self.ca, subject)
        return pair

    def _pair(self, name: str) -> Pair:
        return Pair(self._folder / f"{name}.crt", self._folder / f"{name}.key")

    def _ensure_ca(self, pair: Pair, name: str) -> None:
        if pair.certificate.exists() and pair.key.exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = self._clock.now()
        certificate = (
            _builder(subject, subject, key.public_key(), now, CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _save(pair, certificate, key)

    def _ensure_leaf(self, pair: Pair, ca: Pair, subject: Subject) -> None:
        issuer = x509.load_pem_x509_certificate(ca.certificate.read_bytes())
        if self._is_good(pair, issuer, subject):
            return
        ca_key = serialization.load_pem_private_key(ca.key.read_bytes(), None)
        if not isinstance(ca_key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError(f"{ca.key}: neither an EC nor an RSA key")
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(subject), issuer.subject, key.public_key(), self._clock.now(), LEAF_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(ca=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(subject.usages), critical=False)
        if subject.dns or subject.addresses:
            builder = builder.add_extension(x509.SubjectAlternativeName(_alternative_names(subject)), critical=False)
        _save(pair, builder.sign(ca_key, hashes.SHA256()), key)

    def _is_good(self, pair: Pair, issuer: x509.Certificate, subject: Subject) -> bool:
        """Whether the certificate there is still the one that would be made now."""
        if not (pair.certificate.exists() and pair.key.exists()):
            return False
        try:
            held = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        except ValueError:
            return False
        left = held.not_valid_after_utc - self._clock.now()
        if left < (held.not_valid_after_utc - held.not_valid_before_utc) * RENEW_BELOW or held.subject != _name(
            subject
        ):
            return False
        try:
            held.verify_directly_issued_by(issuer)
        except Exception:  # noqa: BLE001 - whatever is wrong with the signature, the answer is a new certificate
            return False
        if not (subject.dns or subject.addresses):
            return True
        try:
            names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return False
        return set(names) == set(_alternative_names(subject))

    def _ensure_service_account_key(self) -> None:
        if self.service_account_key.exists() and self.service_account_public_key.exists():
            return
        key = rsa.generate_private_key(65537, 2048)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_private(self.service_account_public_key, public)
        write_private(self.service_account_key, _pem(key))


def _alternative_names(subject: Subject) -> list[x509.GeneralName]:
    dns = [x509.DNSName(name) for name in dict.fromkeys(subject.dns)]
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in dict.fromkeys(subject.addresses)]
    return [*dns, *addresses]


def _name(subject: Subject) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in subject.groups]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, subject.name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=not ca, data_encipherment=False,
        key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _save(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    # the key last: a pair caught in between is one whose key does not exist yet, and is made anew
    pair.key.unlink(missing_ok=True)
    write_private(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    write_private(pair.key, _pem(key))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all, and on disk before this returns."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
