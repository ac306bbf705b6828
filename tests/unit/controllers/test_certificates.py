"""Certificate signing requests: what is signed and how, what is approved, when they are deleted."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubern.base.clock import rfc3339
from kubern.base.errors import InternalError
from kubern.base.json import Obj
from kubern.controllers.actions import Delete, Update
from kubern.controllers.cache import Options
from kubern.controllers.certificates.authority import Authority, lifetime, sign, validity
from kubern.controllers.certificates.files import read_authorities
from kubern.controllers.certificates.request import Asked
from kubern.controllers.certificates.signers import CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY, SIGNERS
from kubern.controllers.kinds import csrapproving, csrcleaner, csrsigning
from kubern.controllers.resources import SIGNING_REQUESTS
from tests.unit.controllers.world import START, World

SIGNING, CLEANING = csrsigning.CONTROLLER.reconciler, csrcleaner.CONTROLLER.reconciler
assert SIGNING is not None
assert CLEANING is not None
KEY = ec.generate_private_key(ec.SECP256R1())
NODE = Asked("system:node:n", ("system:nodes",))
BITS, SERVE, BE = "digital signature", "server auth", "client auth"


def authority(duration: float = 86400.0, end: datetime = START + timedelta(days=100)) -> Authority:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key()).serial_number(7)
        .not_valid_before(START - timedelta(days=100)).not_valid_after(end)
        .add_extension(x509.BasicConstraints(True, None), critical=True).sign(KEY, hashes.SHA256())
    )  # fmt: skip
    form = serialization.PrivateFormat.PKCS8
    key = KEY.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return Authority(certificate.public_bytes(serialization.Encoding.PEM).decode(), key.decode(), duration)


def asking(name: str = "jane", group: str = "dev", dns: str = "") -> x509.CertificateSigningRequest:
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if dns:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False)
    return builder.sign(KEY, hashes.SHA256())


def request(signer: str, usages: list[str], *conditions: str, csr: Any = None, **spec: Any) -> Obj:
    pem = (csr or asking()).public_bytes(serialization.Encoding.PEM)
    listed = [{"type": each, "status": "True", "lastUpdateTime": rfc3339(START)} for each in conditions]
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "r", "creationTimestamp": rfc3339(START)},
        "spec": {"request": base64.b64encode(pem).decode(), "signerName": signer, "usages": usages, **spec},
        "status": {"conditions": listed} if listed else {},
    }


@pytest.mark.parametrize(
    ("signer", "asked", "usages", "wrong"),
    [
        (CLIENT, Asked("jane"), [BE], ""),
        (CLIENT, Asked("jane"), [BE, BITS, "key encipherment"], ""),
        (CLIENT, Asked("jane"), [BITS], "missing required usage for client certificate: client auth"),
        (CLIENT, Asked("jane"), [BE, SERVE], "invalid usage for client certificate: server auth"),
        (KUBELET_CLIENT, NODE, [BE, BITS], ""),
        (KUBELET_CLIENT, NODE, [BE, BITS, "key encipherment"], ""),
        (KUBELET_CLIENT, NODE, [BE], "usages did not match [client auth digital signature key encipherment]"),
        (KUBELET_CLIENT, NODE._replace(organizations=()), [BE, BITS], "subject organization is not system:nodes"),
        (
            KUBELET_CLIENT,
            NODE._replace(organizations=("system:nodes", "x")),
            [BE, BITS],
            "subject organization is not system:nodes",
        ),
        (KUBELET_CLIENT, NODE._replace(dns=("n",)), [BE, BITS], "DNS subjectAltNames are not allowed"),
        (KUBELET_CLIENT, NODE._replace(emails=("n",)), [BE, BITS], "Email subjectAltNames are not allowed"),
        (KUBELET_CLIENT, NODE._replace(addresses=("n",)), [BE, BITS], "IP subjectAltNames are not allowed"),
        (KUBELET_CLIENT, NODE._replace(uris=("n",)), [BE, BITS], "URI subjectAltNames are not allowed"),
        (
            KUBELET_CLIENT,
            NODE._replace(name="n"),
            [BE, BITS],
            "subject common name does not begin with system:node:",
        ),
        (KUBELET_SERVING, NODE._replace(dns=("n",)), [SERVE, BITS], ""),
        (KUBELET_SERVING, NODE._replace(addresses=("1.2.3.4",)), [SERVE, BITS, "key encipherment"], ""),
        (KUBELET_SERVING, NODE, [SERVE, BITS], "DNS or IP subjectAltName is required"),
        (
            KUBELET_SERVING,
            NODE._replace(dns=("n",), emails=("e",)),
            [SERVE, BITS],
            "Email subjectAltNames are not allowed",
        ),
        (KUBELET_SERVING, NODE._replace(dns=("n",), uris=("u",)), [SERVE, BITS], "URI subjectAltNames are not allowed"),
        (
            KUBELET_SERVING,
            NODE._replace(dns=("n",)),
            [BE, BITS],
            "usages did not match [digital signature key encipherment server auth]",
        ),
        (
            KUBELET_SERVING,
            NODE._replace(dns=("n",), name="n"),
            [SERVE, BITS],
            "subject common name does not begin with system:node:",
        ),
        (LEGACY, Asked("anybody"), [SERVE, BE], ""),
    ],
)
def test_what_a_signer_accepts(signer: str, asked: Asked, usages: list[str], wrong: str) -> None:
    assert SIGNERS[signer](asked, usages) == wrong


@pytest.mark.parametrize(
    ("asked", "longest", "minutes"), [(None, 86400, 1440), (600, 86400, 10), (60, 86400, 10), (99999, 3600, 60)]
)
def test_how_long_a_certificate_lasts(asked: int | None, longest: float, minutes: int) -> None:
    assert lifetime(asked, authority(longest)) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("hours", "ends_in", "lasts"), [(1, 999, 60), (8, 999, 475), (24, 999, 1435), (24, 2, 120)], ids=str
)
def test_validity_is_backdated_and_ends_with_the_authority(hours: int, ends_in: int, lasts: int) -> None:
    begin, end = validity(timedelta(hours=hours), START + timedelta(hours=ends_in), START)
    assert (START - begin, end - START) == (timedelta(minutes=5), timedelta(minutes=lasts))


def test_a_signed_certificate_says_what_was_asked() -> None:
    ca = authority()
    usages = [BE, SERVE, BITS, "key agreement", "decipher only"]
    made = x509.load_pem_x509_certificate(
        sign(asking(dns="web.example"), usages, timedelta(hours=1), ca, START).encode()
    )
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.certificate.encode()))
    assert made.subject == asking().subject
    bits = made.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (bits.digital_signature, bits.key_agreement, bits.decipher_only) == (True, True, True)
    assert not bits.key_encipherment
    purposes = set(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert purposes == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web.example"]


def test_an_expired_authority_signs_nothing() -> None:
    with pytest.raises(InternalError, match="refusing to sign"):
        sign(asking(), [BE], timedelta(hours=1), authority(end=START - timedelta(days=1)), START)


@pytest.mark.parametrize("conditions", [(), ("Denied",), ("Approved", "Denied"), ("Approved", "Failed")])
def test_what_is_not_approved_is_not_signed(conditions: tuple[str, ...]) -> None:
    world = World(Options(authorities={CLIENT: authority()}))
    world.put(SIGNING_REQUESTS, request(CLIENT, [BE], *conditions))
    assert world.settle(SIGNING, ("", "r")) == 0


def test_an_approved_request_is_signed_once() -> None:
    world = World(Options(authorities={CLIENT: authority()}))
    world.put(SIGNING_REQUESTS, request(CLIENT, [BE], "Approved"))
    assert world.settle(SIGNING, ("", "r")) == 1
    pem = base64.b64decode(world.get(SIGNING_REQUESTS, "r", "")["status"]["certificate"])
    assert x509.load_pem_x509_certificate(pem).not_valid_after_utc == START + timedelta(minutes=1435)


def test_a_request_of_another_signer_is_left_alone() -> None:
    world = World(Options(authorities={CLIENT: authority()}))
    world.put(SIGNING_REQUESTS, request("example.com/own", [BE], "Approved"))
    world.put(SIGNING_REQUESTS, request(KUBELET_CLIENT, [BE], "Approved"))
    assert world.settle(SIGNING, ("", "r")) == 0


def test_a_request_that_the_signer_refuses_fails() -> None:
    world = World(Options(authorities={KUBELET_CLIENT: authority()}))
    world.put(SIGNING_REQUESTS, request(KUBELET_CLIENT, [BE, BITS], "Approved"))
    assert world.settle(SIGNING, ("", "r")) == 1
    failed = world.get(SIGNING_REQUESTS, "r", "")["status"]["conditions"][-1]
    assert (failed["type"], failed["reason"]) == ("Failed", "SignerValidationFailure")
    assert failed["message"] == "subject organization is not system:nodes"


class Reviewer:
    """Grants one right."""

    def __init__(self, right: str) -> None:
        self.right, self.asked = right, []  # type: ignore[var-annotated]

    async def create(self, gvr: Any, obj: Obj) -> Obj:
        self.asked.append(obj["spec"])
        return {"status": {"allowed": obj["spec"]["resourceAttributes"]["subresource"] == self.right}}


@pytest.mark.parametrize(
    ("username", "right", "tried", "message"),
    [
        ("system:node:n", "selfnodeclient", 1, csrapproving.MESSAGES["selfnodeclient"]),
        ("system:node:n", "nodeclient", 2, csrapproving.MESSAGES["nodeclient"]),
        ("system:bootstrap:abc", "nodeclient", 1, csrapproving.MESSAGES["nodeclient"]),
        ("system:bootstrap:abc", "selfnodeclient", 1, ""),
    ],
)
async def test_kubelets_requests_are_approved_by_right(username: str, right: str, tried: int, message: str) -> None:
    world, reviewer = World(), Reviewer(right)
    csr = asking("system:node:n", "system:nodes")
    world.put(SIGNING_REQUESTS, request(KUBELET_CLIENT, [BE, BITS], csr=csr, username=username, groups=["g"]))
    observed = csrapproving.observe(("", "r"), world.cache)
    assert observed is not None
    observed = await csrapproving.gather(observed, reviewer)  # type: ignore[arg-type]
    assert [(each["user"], each["groups"]) for each in reviewer.asked] == [(username, ["g"])] * tried
    plan = csrapproving.decide(observed, START)
    if message:
        action = plan.actions[0]
        assert isinstance(action, Update)
        assert action.subresource == "approval"
        assert action.obj["status"]["conditions"][0]["message"] == message
    else:
        assert plan.actions == ()
        assert plan.requeue_after == 0.2


@pytest.mark.parametrize(
    "obj",
    [
        request(CLIENT, [BE], csr=asking("system:node:n", "system:nodes")),
        request(KUBELET_CLIENT, [BE, BITS], csr=asking("jane", "system:nodes")),
        request(KUBELET_CLIENT, [BE, BITS], "Denied", csr=asking("system:node:n", "system:nodes")),
    ],
    ids=["another signer", "no node", "denied"],
)
def test_others_wait_for_a_person(obj: Obj) -> None:
    world = World()
    world.put(SIGNING_REQUESTS, obj)
    assert csrapproving.observe(("", "r"), world.cache) is None


@pytest.mark.parametrize(
    ("conditions", "issued", "hours"),
    [
        ((), False, 24),
        (("Denied",), False, 1),
        (("Failed", "Approved"), False, 1),
        (("Approved",), True, 1),
        (("Approved",), False, 24),
    ],
)
def test_requests_are_deleted_in_time(conditions: tuple[str, ...], issued: bool, hours: int) -> None:
    world = World()
    obj = request(CLIENT, [BE], *conditions)
    if issued:
        obj["status"]["certificate"] = base64.b64encode(authority().certificate.encode()).decode()
    world.put(SIGNING_REQUESTS, obj)
    assert world.plan(CLEANING, ("", "r")).requeue_after == hours * 3600
    world.pass_time(hours * 3600)
    assert isinstance(world.plan(CLEANING, ("", "r")).actions[0], Delete)


def test_a_request_goes_with_its_certificate() -> None:
    world = World()
    obj = request(CLIENT, [BE], "Approved")
    ends = (START + timedelta(minutes=10)).astimezone(UTC)
    obj["status"]["certificate"] = base64.b64encode(authority(end=ends).certificate.encode()).decode()
    world.put(SIGNING_REQUESTS, obj)
    assert world.plan(CLEANING, ("", "r")).requeue_after == 600


def test_signers_have_one_authority_or_each_its_own(tmp_path: Path) -> None:
    files = (tmp_path / "c", tmp_path / "k")
    for file in files:
        file.write_text(file.name)
    assert set(read_authorities(files, {}, 60)) == set(SIGNERS)
    assert read_authorities((None, None), {CLIENT: files}, 60) == {CLIENT: Authority("c", "k", 60)}
    assert read_authorities((None, None), {CLIENT: (None, None)}, 60) == {}
    with pytest.raises(ValueError, match="exclude"):
        read_authorities(files, {CLIENT: files}, 60)
    with pytest.raises(ValueError, match="both"):
        read_authorities((files[0], None), {}, 60)
