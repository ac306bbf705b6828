"""The keys that sign and check service-account tokens, and their public form for OpenID Connect discovery.

Used by `service_account` and by whoever serves `/openid/v1/jwks`. A key's id is the hash of its public half, as upstream's, so
that tokens survive a change of keys as long as the old one is still listed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)
_EC = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class VerifyingKey(NamedTuple):
    """A public key with its id and the one algorithm that its tokens may state."""

    id: str
    algorithm: str
    key: PublicKey


class SigningKey(NamedTuple):
    """A private key with its id and algorithm."""

    id: str
    algorithm: str
    key: PrivateKey


def load_public_keys(pem: bytes) -> list[VerifyingKey]:
    """Read every public key, and the public half of every private key, of a PEM file. Raises `ValueError` when there is none."""
    keys: list[VerifyingKey] = []
    for block in _PEM.finditer(pem):
        key = _load(block[0], private=b"PRIVATE" in block[1])
        public = key.public_key() if isinstance(key, PrivateKey) else key
        keys.append(VerifyingKey(_key_id(public), _algorithm(public), public))
    if not keys:
        raise ValueError("the file holds no key in PEM form")
    return keys


def load_signing_key(pem: bytes) -> SigningKey:
    """Read a private key. Raises `ValueError`."""
    key = _load(pem, private=True)
    if not isinstance(key, PrivateKey):
        raise ValueError("not a private key")
    return SigningKey(_key_id(key.public_key()), _algorithm(key.public_key()), key)


def jwks(keys: Sequence[VerifyingKey]) -> dict[str, Any]:
    """Return the JSON Web Key Set that `/openid/v1/jwks` serves."""
    found = []
    for key in keys:
        if isinstance(key.key, rsa.RSAPublicKey):
            fields = RSAAlgorithm.to_jwk(key.key, as_dict=True)
        else:
            fields = ECAlgorithm.to_jwk(key.key, as_dict=True)
        public = {name: value for name, value in fields.items() if name != "key_ops"}
        found.append({"use": "sig", "kid": key.id, "alg": key.algorithm} | public)
    return {"keys": found}


def openid_configuration(issuer: str, jwks_uri: str, keys: Sequence[VerifyingKey]) -> dict[str, Any]:
    """Return what `/.well-known/openid-configuration` serves."""
    return {
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted({key.algorithm for key in keys}),
    }


def _load(pem: bytes, *, private: bool) -> PublicKey | PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None) if private else serialization.load_pem_public_key(pem)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"cannot read the key: {error}") from error
    if not isinstance(key, PublicKey | PrivateKey):
        raise ValueError("only RSA and EC keys sign service-account tokens")
    return key


def _algorithm(key: PublicKey) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return "RS256"
    if key.curve.name not in _EC:
        raise ValueError(f"the curve {key.curve.name} signs no tokens: use P-256, P-384 or P-521")
    return _EC[key.curve.name]


def _key_id(key: PublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
