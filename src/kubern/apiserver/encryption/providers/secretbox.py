"""secretbox: XSalsa20 and Poly1305."""

from __future__ import annotations

from kubern.apiserver.encryption.provider import Provider, Sealer, Unopened, keys_of, marker
from kubern.base.json import Obj


def _sealers(given: Obj, path: str) -> list[Sealer]:
    return [_sealer(name, secret) for name, secret in keys_of(given, path, (32,))]


def _sealer(name: str, secret: bytes) -> Sealer:
    from nacl.exceptions import CryptoError  # loaded by those who use it
    from nacl.secret import SecretBox

    box = SecretBox(secret)

    def opened(value: bytes, key: bytes) -> bytes:
        try:
            return box.decrypt(value)
        except (CryptoError, ValueError) as error:
            raise Unopened("output authentication failed") from error

    return Sealer(marker("secretbox:v1", name), lambda value, key: bytes(box.encrypt(value)), opened)


PROVIDER = Provider("secretbox", _sealers)
