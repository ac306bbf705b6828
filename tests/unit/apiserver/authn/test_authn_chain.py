"""Who a request comes from, by certificate, token, the in-process transport, or not at all."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubern.apiserver.authn.bearer import BearerTokens
from kubern.apiserver.authn.certificate import Certificates
from kubern.apiserver.authn.chain import Chain, in_process
from kubern.apiserver.authn.impersonation import Impersonation
from kubern.apiserver.authn.token_file import TokenFile
from kubern.apiserver.identity import ANONYMOUS, Decision, User
from kubern.base.clock import FakeClock
from kubern.base.errors import Forbidden, InternalError, Unauthorized
from kubern.http.contract import Peer, Request

TOKENS = TokenFile({"secret": User("carol", ("ops",), "7")})


def certificate(clock, *, name="alice", groups=("dev", "ops"), usage=ExtendedKeyUsageOID.CLIENT_AUTH):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        + ([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(clock.now())
        .not_valid_after(clock.now() + timedelta(hours=1))
    )
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def request(peer=None, **headers):
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Request("GET", "/api", "", named, b"", peer or Peer())


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def chain(clock):
    return Chain([in_process, Certificates(clock), BearerTokens([TOKENS], ["api"], clock)])


def test_a_certificate_names_user_and_groups(chain, clock):
    user = chain(request(Peer(certificate=certificate(clock))))
    assert (user.name, user.groups) == ("alice", ("dev", "ops", "system:authenticated"))
    assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")


@pytest.mark.parametrize("memo", [None, {}], ids=["no memo", "memo"])
async def test_an_expired_certificate_is_refused_even_on_an_open_connection(chain, clock, memo):
    peer = Peer(certificate=certificate(clock), memo=memo)
    assert chain(request(peer)).name == "alice"
    await clock.advance(3601)
    with pytest.raises(Unauthorized) as error:
        chain(request(peer))
    assert error.value.status()["message"] == "Unauthorized"


def test_a_certificate_is_read_once_a_connection(chain, clock):
    peer = Peer(certificate=certificate(clock), memo={})
    assert chain(request(peer)).name == "alice"
    assert chain(request(peer._replace(certificate=b"not looked at"))).name == "alice"


@pytest.mark.parametrize("usage", [None, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], ids=["none stated", "any"])
def test_a_certificate_for_every_use_is_for_clients(chain, clock, usage):
    assert chain(request(Peer(certificate=certificate(clock, usage=usage)))).name == "alice"


def test_a_serving_certificate_is_refused(chain, clock):
    with pytest.raises(Unauthorized):
        chain(request(Peer(certificate=certificate(clock, usage=ExtendedKeyUsageOID.SERVER_AUTH))))


def test_a_certificate_without_a_name_says_nothing(chain, clock):
    assert chain(request(Peer(certificate=certificate(clock, name="")))) == ANONYMOUS


def test_rubbish_for_a_certificate_is_refused(chain):
    with pytest.raises(Unauthorized):
        chain(request(Peer(certificate=b"rubbish")))


@pytest.mark.parametrize(
    "stated", [User("system:apiserver", ("system:masters",)), ("system:apiserver", ("system:masters",))]
)
def test_the_in_process_caller_is_known(chain, stated):
    user = chain(request(Peer(user=stated)))
    assert (user.name, user.groups) == ("system:apiserver", ("system:masters", "system:authenticated"))


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer secret"},
        {"authorization": "bearer  secret "},
        {
            "sec_websocket_protocol": "v5.channel.k8s.io, base64url.bearer.authorization.k8s.io."
            + base64.urlsafe_b64encode(b"secret").decode().rstrip("=")
        },
    ],
    ids=["header", "spaces", "websocket"],
)
def test_a_token_is_found(chain, headers):
    assert chain(request(**headers)) == User("carol", ("ops", "system:authenticated"), "7")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer a.b.c"},
        {"sec_websocket_protocol": "base64url.bearer.authorization.k8s.io.%%%"},
    ],
)
def test_a_wrong_token_is_refused_though_anonymous_is_allowed(chain, headers):
    with pytest.raises(Unauthorized):
        chain(request(**headers))


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"authorization": "Basic YTpi"}])
def test_without_credentials_it_is_anonymous_or_refused(chain, headers):
    assert chain(request(**headers)) == ANONYMOUS
    with pytest.raises(Unauthorized):
        Chain([in_process], anonymous=False)(request(**headers))


def test_a_good_certificate_stands_beside_a_bad_token(chain, clock):
    assert chain(request(Peer(certificate=certificate(clock)), authorization="Bearer wrong")).name == "alice"


async def test_a_token_is_asked_for_again_after_a_while(clock):
    known = {"secret": User("carol")}
    bearer = BearerTokens([lambda token, audiences: TokenFile(known)(token, audiences)], ["api"], clock)
    assert bearer(request(authorization="Bearer secret")).name == "carol"
    known.clear()
    assert bearer(request(authorization="Bearer secret")).name == "carol"
    await clock.advance(11)
    with pytest.raises(Unauthorized):
        bearer(request(authorization="Bearer secret"))


def test_the_token_file(tmp_path, caplog):
    path = tmp_path / "tokens.csv"
    path.write_text('t1,alice,1,"dev, ops"\nt2, bob ,2\n\n,nobody,3\n')
    tokens = TokenFile.read(path)
    assert tokens("t1", ["api"]) == (User("alice", ("dev", "ops"), "1"), ("api",))
    assert tokens("t2", ())[0] == User("bob", (), "2")
    assert tokens("", ()) is None
    assert "empty token" in caplog.text
    path.write_text("t1,alice\n")
    with pytest.raises(ValueError, match="must have at least 3 columns"):
        TokenFile.read(path)


def impersonating(allowed):
    asked = []

    def authorize(user, info):
        asked.append((info.group, info.resource, info.subresource, info.namespace, info.name))
        return Decision(info.resource in allowed)

    return Impersonation(authorize, lambda user, info, reason: Forbidden(info.resource)), asked


def test_impersonation_asks_for_each_name():
    impersonation, asked = impersonating({"users", "groups", "uids", "userextras"})
    headers = {
        "impersonate-user": "bob",
        "impersonate-group": "dev, ops",
        "impersonate-uid": "9",
        "impersonate-extra-a%2fb": "x",
    }
    user = impersonation(Request("GET", "/", "", headers, b"", Peer()), User("alice"))
    assert user == User("bob", ("dev", "ops", "system:authenticated"), "9", {"a/b": ("x",)})
    assert asked == [
        ("", "users", "", "", "bob"),
        ("", "groups", "", "", "dev"),
        ("", "groups", "", "", "ops"),
        ("authentication.k8s.io", "uids", "", "", "9"),
        ("authentication.k8s.io", "userextras", "a/b", "", "x"),
    ]


def test_impersonating_a_service_account_brings_its_groups():
    impersonation, asked = impersonating({"serviceaccounts"})
    user = impersonation(request(impersonate_user="system:serviceaccount:ns:sa"), User("alice"))
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated")
    assert asked == [("", "serviceaccounts", "", "ns", "sa")]


def test_impersonating_nobody_stays_nobody():
    impersonation, _ = impersonating({"users"})
    assert impersonation(request(impersonate_user="system:anonymous"), User("alice")).groups == (
        "system:unauthenticated",
    )


def test_impersonation_that_is_not_allowed_is_forbidden():
    impersonation, _ = impersonating({"users"})
    with pytest.raises(Forbidden, match="groups"):
        impersonation(request(impersonate_user="bob", impersonate_group="dev"), User("alice"))


def test_impersonating_groups_needs_a_user():
    impersonation, _ = impersonating({"groups"})
    with pytest.raises(InternalError, match="without impersonating a user"):
        impersonation(request(impersonate_group="dev"), User("alice"))


def test_without_the_headers_the_caller_is_itself():
    impersonation, asked = impersonating(set())
    assert impersonation(request(), User("alice")) == User("alice")
    assert asked == []
