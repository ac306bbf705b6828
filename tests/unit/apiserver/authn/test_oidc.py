"""ID tokens: who is believed, and everything that makes a token unbelievable."""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kubern.apiserver.authn.oidc import OidcSettings, OidcTokens
from kubern.base.clock import FakeClock
from kubern.base.errors import Unauthorized

ISSUER = "https://id.example.com"
KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)


def known(claims, settings=None, key=KEY, algorithm="RS256", kid="one", clock=None):
    clock = clock or FakeClock()
    now = clock.now().timestamp()
    stated = {"iss": ISSUER, "aud": "kubern", "sub": "jane", "exp": now + 60} | claims
    token = jwt.encode({k: v for k, v in stated.items() if v is not None}, key, algorithm, headers={"kid": kid})
    checker = OidcTokens(settings or OidcSettings(ISSUER, "kubern"), {"one": KEY.public_key()}.get, clock)
    found = checker(token, ())
    return found and found.user


@pytest.mark.parametrize(
    ("claims", "settings", "name", "groups"),
    [
        ({}, {}, f"{ISSUER}#jane", ()),
        ({}, {"username_prefix": "-"}, "jane", ()),
        ({}, {"username_prefix": "oidc:"}, "oidc:jane", ()),
        ({"email": "j@x.org"}, {"username_claim": "email"}, "j@x.org", ()),
        ({"email": "j@x.org", "email_verified": True}, {"username_claim": "email"}, "j@x.org", ()),
        ({"groups": ["a", "b"]}, {"groups_claim": "groups", "username_prefix": "-"}, "jane", ("a", "b")),
        ({"groups": "a"}, {"groups_claim": "groups", "groups_prefix": "o:"}, f"{ISSUER}#jane", ("o:a",)),
        ({"groups": ["a"]}, {}, f"{ISSUER}#jane", ()),
        ({"aud": ["x", "kubern"]}, {}, f"{ISSUER}#jane", ()),
        ({"hd": "x.org"}, {"required_claims": {"hd": "x.org"}}, f"{ISSUER}#jane", ()),
    ],
)
def test_who_is_believed(claims, settings, name, groups):
    user = known(claims, OidcSettings(ISSUER, "kubern", **settings))
    assert (user.name, user.groups) == (name, groups)


@pytest.mark.parametrize(
    ("claims", "settings", "said"),
    [
        ({"aud": "other"}, {}, "expected audience"),
        ({"aud": None}, {}, "expected audience"),
        ({"exp": 0}, {}, "expired"),
        ({"exp": None}, {}, "expired"),
        ({"nbf": 1e12}, {}, "not valid yet"),
        ({"sub": None}, {}, "'sub' is missing"),
        ({"email": "a@b.c", "email_verified": False}, {"username_claim": "email"}, "email not verified"),
        ({"groups": [1]}, {"groups_claim": "groups"}, "list of strings"),
        ({"hd": "y.org"}, {"required_claims": {"hd": "x.org"}}, "required claim hd"),
    ],
)
def test_claims_that_are_not_believed(claims, settings, said):
    with pytest.raises(Unauthorized, match=said):
        known(claims, OidcSettings(ISSUER, "kubern", **settings))


def test_a_token_of_another_issuer_is_left_to_others():
    assert known({"iss": "https://other.example.com"}) is None


def test_only_the_providers_signature_counts():
    with pytest.raises(Unauthorized, match="verify token"):
        known({}, key=OTHER)
    with pytest.raises(Unauthorized, match="does not publish"):
        known({}, kid="two")
    with pytest.raises(Unauthorized, match="does not allow"):
        known({}, key=ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    with pytest.raises(Unauthorized, match="does not allow"):
        known({}, key="secret-that-is-long-enough-for-hs256", algorithm="HS256")
    both = OidcSettings(ISSUER, "kubern", signing_algs=("RS256", "ES256"))
    with pytest.raises(Unauthorized, match="verify token"):
        known({}, both, key=ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"issuer_url": "http://id.example.com", "client_id": "a"}, "--oidc-issuer-url"),
        ({"issuer_url": ISSUER, "client_id": ""}, "--oidc-client-id"),
        ({"issuer_url": ISSUER, "client_id": "a", "signing_algs": ("none",)}, "--oidc-signing-algs"),
    ],
)
def test_settings_that_cannot_be(settings, said):
    with pytest.raises(ValueError, match=said):
        OidcSettings(**settings)
