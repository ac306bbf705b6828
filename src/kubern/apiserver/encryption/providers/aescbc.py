"""aescbc: AES in CBC mode with PKCS#7 padding; it hides values and does not notice that they were changed."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from kubern.apiserver.encryption.provider import Provider, Sealer, Unopened, keys_of, marker
from kubern.base.json import Obj

_BLOCK = 16


def _sealers(given: Obj, path: str) -> list[Sealer]:
    return [_sealer(name, secret) for name, secret in keys_of(given, path, (16, 24, 32))]


def _sealer(name: str, secret: bytes) -> Sealer:
    algorithm = AES(secret)

    def seal(value: bytes, key: bytes) -> bytes:
        vector = os.urandom(_BLOCK)
        padder, encryptor = PKCS7(_BLOCK * 8).padder(), Cipher(algorithm, CBC(vector)).encryptor()
        return vector + encryptor.update(padder.update(value) + padder.finalize()) + encryptor.finalize()

    def opened(value: bytes, key: bytes) -> bytes:
        unpadder = PKCS7(_BLOCK * 8).unpadder()
        try:
            decryptor = Cipher(algorithm, CBC(value[:_BLOCK])).decryptor()
            return unpadder.update(decryptor.update(value[_BLOCK:]) + decryptor.finalize()) + unpadder.finalize()
        except ValueError as error:
            raise Unopened("the stored data is not a whole number of padded blocks of this key") from error

    return Sealer(marker("aescbc:v1", name), seal, opened)


PROVIDER = Provider("aescbc", _sealers)
