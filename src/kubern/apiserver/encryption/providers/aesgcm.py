"""aesgcm: AES in Galois/Counter mode, bound to the key in the store. Keys are to be changed before 2^32 writes with one."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kubern.apiserver.encryption.provider import Provider, Sealer, Unopened, keys_of, marker
from kubern.base.json import Obj

_NONCE = 12


def _sealers(given: Obj, path: str) -> list[Sealer]:
    return [sealer(marker("aesgcm:v1", name), secret) for name, secret in keys_of(given, path, (16, 24, 32))]


def sealer(begins: bytes, secret: bytes) -> Sealer:
    """Return the sealer of one AES key of 16, 24 or 32 bytes: nonce, then ciphertext with its tag."""
    cipher = AESGCM(secret)

    def seal(value: bytes, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + cipher.encrypt(nonce, value, key)

    def opened(value: bytes, key: bytes) -> bytes:
        try:
            return cipher.decrypt(value[:_NONCE], value[_NONCE:], key)
        except (InvalidTag, ValueError) as error:
            raise Unopened("cipher: message authentication failed") from error

    return Sealer(begins, seal, opened)


PROVIDER = Provider("aesgcm", _sealers)
