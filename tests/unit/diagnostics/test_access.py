"""Who may see what of a port, with a client that answers reviews from a table."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubern.base.clock import FakeClock
from kubern.base.errors import Forbidden, InternalError, ServiceUnavailable, Unauthorized
from kubern.diagnostics import access
from kubern.diagnostics.access import Access
from kubern.http.contract import Peer, Request

ALLOWED = {("jane", "/metrics", "get"), ("system:anonymous", "/open", "get")}


class Reviewer:
    """Knows one token, and who may what."""

    def __init__(self):
        self.asked = []
        self.broken = False

    async def create(self, gvr, obj):
        if self.broken:
            raise ServiceUnavailable("down")
        self.asked.append((gvr.plural, obj["spec"]))
        spec = obj["spec"]
        if gvr.plural == "tokenreviews":
            user = {"username": "jane", "groups": ["people"], "extra": {"k": ["v"]}}
            return {"status": {"authenticated": True, "user": user} if spec["token"] == "good" else {}}
        attributes = spec["nonResourceAttributes"]
        return {"status": {"allowed": (spec["user"], attributes["path"], attributes["verb"]) in ALLOWED}}


def request(path, token="", method="GET", peer=None):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return Request(method, path, "", headers, b"", peer or Peer("127.0.0.1", memo={}))


def certificate(name, *groups):
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.fixture
def reviewer():
    return Reviewer()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def guarded(reviewer, clock):
    return Access(clock, reviewer, reviewer, ("/healthz", "/readyz*"))


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/readyz/ping"])
async def test_open_paths_need_no_rights(guarded, reviewer, path):
    await guarded.check(request(path))
    assert reviewer.asked == []


async def test_a_wrong_token_is_refused_even_there(guarded):
    with pytest.raises(Unauthorized):
        await guarded.check(request("/healthz", "bad"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (request("/metrics"), 'forbidden: User "system:anonymous" cannot get path "/metrics"'),
        (request("/healthz/ping"), 'forbidden: User "system:anonymous" cannot get path "/healthz/ping"'),
        (request("/configz", "good"), 'forbidden: User "jane" cannot get path "/configz"'),
        (request("/metrics", "good", "POST"), 'forbidden: User "jane" cannot post path "/metrics"'),
    ],
    ids=["anonymous", "below an exact path", "another path", "another verb"],
)
async def test_who_lacks_the_right_is_told_so(guarded, asked, message):
    with pytest.raises(Forbidden) as refused:
        await guarded.check(asked)
    assert refused.value.message == message


async def test_who_has_the_right_passes(guarded, reviewer):
    await guarded.check(request("/metrics", "good"))
    await guarded.check(request("/open"))
    review = reviewer.asked[1][1]
    assert review["groups"] == ["people", "system:authenticated"]
    assert review["extra"] == {"k": ["v"]}


async def test_answers_are_remembered_for_a_while(guarded, reviewer, clock):
    for _ in range(3):
        await guarded.check(request("/metrics", "good"))
    assert [kind for kind, _ in reviewer.asked] == ["tokenreviews", "subjectaccessreviews"]
    await clock.advance(access.REMEMBERED + 0.1)
    await guarded.check(request("/metrics", "good"))
    assert len(reviewer.asked) == 4


async def test_no_more_than_so_many_are_remembered(guarded, monkeypatch):
    monkeypatch.setattr(access, "MOST", 8)
    for number in range(50):
        with pytest.raises(Unauthorized):
            await guarded.check(request("/metrics", f"guess-{number}"))
    assert len(guarded._tokens._held) <= 8


async def test_certificates_need_no_review(guarded, reviewer):
    await guarded.check(request("/configz", peer=Peer(certificate=certificate("root", "system:masters"), memo={})))
    assert reviewer.asked == []
    await guarded.check(request("/metrics", peer=Peer(certificate=certificate("jane"), memo={})))
    with pytest.raises(Forbidden):
        await guarded.check(request("/metrics", peer=Peer(certificate=certificate("joe"), memo={})))
    with pytest.raises(Unauthorized):
        await guarded.check(request("/healthz", peer=Peer(refused_certificate="unknown authority", memo={})))


async def test_an_apiserver_that_does_not_answer_is_no_permission(guarded, reviewer):
    reviewer.broken = True
    for token in ("", "good"):
        with pytest.raises(InternalError):
            await guarded.check(request("/metrics", token))


async def test_without_clients_only_open_paths_are_shown(clock):
    closed = Access(clock, None, None)
    await closed.check(request("/livez", "good"))
    with pytest.raises(Forbidden, match="system:anonymous"):
        await closed.check(request("/metrics", "good"))
