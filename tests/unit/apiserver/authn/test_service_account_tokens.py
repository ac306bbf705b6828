"""Service-account tokens: what is issued is accepted, for as long as what it is bound to lives."""

from __future__ import annotations

import base64
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kubern.api.legacy_token import legacy_token
from kubern.api.token_keys import jwks, load_public_keys, load_signing_key, openid_configuration
from kubern.apiserver.authn.bearer import BearerTokens
from kubern.apiserver.authn.service_account import ServiceAccountTokens, TokenIssuer
from kubern.base.clock import FakeClock, rfc3339
from kubern.base.errors import Unauthorized

ISSUER = "https://kubernetes.default.svc.cluster.local"


def private_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module", params=["RS256", "ES256", "ES384"])
def key(request):
    if request.param == "RS256":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1() if request.param == "ES256" else ec.SECP384R1())


@pytest.fixture(scope="module")
def other_key():
    return ec.generate_private_key(ec.SECP256R1())


def obj(name, uid, namespace="ns"):
    return {"metadata": {"name": name, "uid": uid} | ({"namespace": namespace} if namespace else {})}


class World:
    """A clock, the objects that exist, an issuer and a checker."""

    def __init__(self, key):
        self.clock = FakeClock()
        self.objects = {
            ("serviceaccounts", "ns", "sa"): obj("sa", "u1"),
            ("pods", "ns", "web"): obj("web", "u2"),
            ("nodes", "", "n1"): obj("n1", "u3", ""),
            ("secrets", "ns", "s"): obj("s", "u4"),
        }
        self.account = self.objects["serviceaccounts", "ns", "sa"]
        self.issuer = TokenIssuer(
            load_signing_key(private_pem(key)),
            issuer=ISSUER,
            audiences=["api"],
            clock=self.clock,
            new_id=lambda: "id-1",
        )
        self.used = []
        self.tokens = self.checker(public_pem(key))

    def checker(self, pem):
        return ServiceAccountTokens(
            load_public_keys(pem),
            issuer=ISSUER,
            lookup=lambda *key: self.objects.get(key),
            clock=self.clock,
            used=self.used.append,
        )

    def delete(self, *key, ago=0):
        moment = rfc3339(self.clock.now() - timedelta(seconds=ago))
        self.objects[key] = {"metadata": self.objects[key]["metadata"] | {"deletionTimestamp": moment}}


@pytest.fixture
def world(key):
    return World(key)


def test_an_issued_token_is_its_service_accounts(world):
    issued = world.issuer.issue(world.account, expiration_seconds=600)
    assert issued.expiration == world.clock.now() + timedelta(seconds=600)
    known = world.tokens(issued.token, ["api", "more"])
    assert known.audiences == ("api",)
    assert known.user == (
        "system:serviceaccount:ns:sa",
        ("system:serviceaccounts", "system:serviceaccounts:ns"),
        "u1",
        {"authentication.kubernetes.io/credential-id": ("JTI=id-1",)},
    )


def test_a_pods_token_tells_pod_and_node(world):
    token = world.issuer.issue(
        world.account, bound=("pod", world.objects["pods", "ns", "web"]), node=world.objects["nodes", "", "n1"]
    ).token
    extra = world.tokens(token, ["api"]).user.extra
    assert {key.partition("/")[2]: value for key, value in extra.items()} == {
        "credential-id": ("JTI=id-1",),
        "pod-name": ("web",),
        "pod-uid": ("u2",),
        "node-name": ("n1",),
        "node-uid": ("u3",),
    }
    del world.objects["nodes", "", "n1"]
    assert world.tokens(token, ["api"])


def test_the_claims_are_upstreams(world):
    claims = jwt.decode(
        world.issuer.issue(world.account, audiences=["x"], bound=("pod", world.objects["pods", "ns", "web"])).token,
        options={"verify_signature": False},
    )
    now = int(world.clock.now().timestamp())
    assert claims == {
        "aud": ["x"],
        "exp": now + 3600,
        "iat": now,
        "iss": ISSUER,
        "jti": "id-1",
        "kubernetes.io": {
            "namespace": "ns",
            "pod": {"name": "web", "uid": "u2"},
            "serviceaccount": {"name": "sa", "uid": "u1"},
        },
        "nbf": now,
        "sub": "system:serviceaccount:ns:sa",
    }


async def test_a_token_expires(world):
    token = world.issuer.issue(world.account, expiration_seconds=600).token
    await world.clock.advance(599)
    assert world.tokens(token, ["api"])
    await world.clock.advance(2)
    with pytest.raises(Unauthorized, match="expired"):
        world.tokens(token, ["api"])


async def test_a_projected_token_outlives_its_told_expiry(world):
    issued = world.issuer.issue(world.account, expiration_seconds=3607)
    assert issued.expiration == world.clock.now() + timedelta(seconds=3607)
    await world.clock.advance(24 * 3600)
    assert world.tokens(issued.token, ["api"])
    vault = world.issuer.issue(world.account, audiences=["vault"], expiration_seconds=3607).token
    await world.clock.advance(3608)
    with pytest.raises(Unauthorized, match="expired"):
        world.tokens(vault, ["vault"])


def test_a_token_for_another_audience_is_refused(world):
    token = world.issuer.issue(world.account, audiences=["vault"]).token
    with pytest.raises(Unauthorized, match="audiences"):
        world.tokens(token, ["api"])
    assert world.tokens(token, ["vault"]).audiences == ("vault",)


@pytest.mark.parametrize("bound", [("serviceaccounts", "ns", "sa"), ("pods", "ns", "web")], ids=["account", "pod"])
@pytest.mark.parametrize("fate", ["gone", "made anew", "deleted long ago", "being deleted"])
def test_a_token_lives_as_long_as_what_it_is_bound_to(world, bound, fate):
    token = world.issuer.issue(world.account, bound=("pod", world.objects["pods", "ns", "web"])).token
    if fate == "gone":
        del world.objects[bound]
    elif fate == "made anew":
        world.objects[bound] = obj(bound[2], "another")
    else:
        world.delete(*bound, ago=61 if fate == "deleted long ago" else 30)
    if fate == "being deleted":
        assert world.tokens(token, ["api"])
        return
    with pytest.raises(Unauthorized):
        world.tokens(token, ["api"])


@pytest.mark.parametrize(("kind", "held"), [("secret", ("secrets", "ns", "s")), ("node", ("nodes", "", "n1"))])
def test_a_token_may_be_bound_to_a_secret_or_a_node(world, kind, held):
    token = world.issuer.issue(world.account, bound=(kind, world.objects[held])).token
    assert world.tokens(token, ["api"])
    del world.objects[held]
    with pytest.raises(Unauthorized):
        world.tokens(token, ["api"])


def test_another_keys_signature_and_changed_claims_are_refused(world, other_key):
    token = world.issuer.issue(world.account).token
    with pytest.raises(Unauthorized, match="signature"):
        world.checker(public_pem(other_key))(token, ["api"])
    head, body, signature = token.split(".")
    changed = base64.urlsafe_b64decode(body + "==").replace(b":sa", b":xx")
    forged = ".".join([head, base64.urlsafe_b64encode(changed).decode().rstrip("="), signature])
    with pytest.raises(Unauthorized, match="signature"):
        world.tokens(forged, ["api"])


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_weaker_algorithm_is_refused(world, algorithm):
    claims = jwt.decode(world.issuer.issue(world.account).token, options={"verify_signature": False})
    secret = None if algorithm == "none" else "x" * 64
    with pytest.raises(Unauthorized, match="signature"):
        world.tokens(jwt.encode(claims, secret, algorithm), ["api"])


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "system:serviceaccount:ns:other"},
        {"kubernetes.io": None},
        {"kubernetes.io": {}},
        {"exp": "soon"},
        {"exp": None},
        {"nbf": 10**12},
        {"aud": None},
        {"aud": 7},
        {"kubernetes.io": {"namespace": "ns", "serviceaccount": 7}},
        {"kubernetes.io": {"namespace": "ns", "serviceaccount": {"name": "sa", "uid": "u1"}, "pod": "web"}},
    ],
    ids=str,
)
def test_a_signed_token_with_odd_claims_is_refused(key, world, claims):
    stated = jwt.decode(world.issuer.issue(world.account).token, options={"verify_signature": False}) | claims
    signing = load_signing_key(private_pem(key))
    with pytest.raises(Unauthorized):
        world.tokens(jwt.encode(stated, signing.key, signing.algorithm, {"kid": signing.id}), ["api"])


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_token_of_ours_is_left_to_others(world, token):
    assert world.tokens(token, ["api"]) is None


def test_an_older_keys_tokens_are_accepted_while_it_is_listed(key, other_key, world):
    token = world.issuer.issue(world.account).token
    assert world.checker(public_pem(other_key) + private_pem(key))(token, ["api"])


def test_a_secrets_token_lives_with_its_secret(key, world):
    token = legacy_token(load_signing_key(private_pem(key)), world.account, "s")
    with pytest.raises(Unauthorized, match="does not match server's copy"):
        world.tokens(token, ["api"])
    secret = world.objects["secrets", "ns", "s"]
    secret["data"] = {"token": base64.b64encode(token.encode()).decode()}
    assert world.used == []
    assert world.tokens(token, ["api"]).user.name == "system:serviceaccount:ns:sa"
    assert world.used == [secret]
    secret["metadata"]["labels"] = {"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}
    with pytest.raises(Unauthorized, match="has been marked invalid"):
        world.tokens(token, ["api"])
    secret["metadata"] |= {"labels": {}, "deletionTimestamp": rfc3339(world.clock.now())}
    with pytest.raises(Unauthorized, match="invalidated"):
        world.tokens(token, ["api"])
    del world.objects["secrets", "ns", "s"]
    with pytest.raises(Unauthorized):
        world.tokens(token, ["api"])


def test_a_token_review_names_the_audiences(world):
    bearer = BearerTokens([world.tokens], ["api"], world.clock)
    token = world.issuer.issue(world.account, audiences=["vault", "api"]).token
    assert bearer.check(token).audiences == ("api",)
    assert bearer.check(token, ["vault", "x"]).audiences == ("vault",)
    with pytest.raises(Unauthorized):
        bearer.check(token, ["x"])


def test_the_published_keys_check_tokens(key, world):
    keys = load_public_keys(public_pem(key))
    (published,) = jwks(keys)["keys"]
    assert (published["use"], published["kid"]) == ("sig", keys[0].id)
    assert "d" not in published
    token = world.issuer.issue(world.account).token
    assert jwt.get_unverified_header(token)["kid"] == published["kid"]
    claims = jwt.decode(
        token, jwt.PyJWK(published).key, [published["alg"]], audience="api", options={"verify_exp": False, "verify_nbf": False,
                                                                                    "verify_iat": False}
    )  # fmt: skip
    assert claims["iss"] == openid_configuration(ISSUER, "x", keys)["issuer"]


DAMAGED = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
OTHER_KIND = private_pem(ed25519.Ed25519PrivateKey.generate())


@pytest.mark.parametrize("pem", [b"", b"nothing", OTHER_KIND, DAMAGED], ids=["empty", "text", "ed25519", "damaged"])
def test_a_file_without_a_usable_key_is_refused(pem):
    with pytest.raises(ValueError, match="key"):
        load_public_keys(pem)
    with pytest.raises(ValueError, match=r"key|PEM"):
        load_signing_key(pem)
