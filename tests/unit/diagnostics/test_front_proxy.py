"""Front proxies at a program's port: whose certificate speaks for others, and whose is a user's."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubern.base.clock import FakeClock
from kubern.base.errors import Unauthorized
from kubern.diagnostics.access import Access, Identity
from kubern.diagnostics.front_proxy import FrontProxies
from kubern.http.contract import Peer, Request

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_serial = count(1)


class Authority:
    def __init__(self, name):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.pem = self._sign(self.name, self.key.public_key()).public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, ec.generate_private_key(ec.SECP256R1()).public_key())
        return certificate.public_bytes(serialization.Encoding.DER)

    def _sign(self, subject, key):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        return builder.serial_number(next(_serial)).not_valid_before(BEGIN).not_valid_after(BEGIN + timedelta(1)).sign(
            self.key, hashes.SHA256()
        )  # fmt: skip


USERS, PROXIES, STRANGERS = Authority("users"), Authority("proxies"), Authority("strangers")
DATA = {
    "client-ca-file": USERS.pem,
    "requestheader-client-ca-file": PROXIES.pem,
    "requestheader-allowed-names": '["proxy"]',
    "requestheader-username-headers": '["X-Remote-User"]',
    "requestheader-uid-headers": '["X-Remote-Uid"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
}
JANE = {"x-remote-user": "jane", "x-remote-uid": "7", "x-remote-group": "a, b", "x-remote-extra-scopes": "one"}


def request(certificate=b"", headers=JANE):
    return Request("GET", "/metrics", "", headers, b"", Peer("127.0.0.1", certificate, None, {}))


@pytest.fixture
def access():
    made = Access(FakeClock(), None, None)
    assert made.proxies.learn(DATA) == PROXIES.pem
    return made


async def test_a_proxy_asks_for_others(access):
    who = await access.identify(request(PROXIES.issue("proxy")))
    assert who == Identity("jane", ("a", "b", "system:authenticated"), "7", (("scopes", ("one",)),))


@pytest.mark.parametrize(
    "asked",
    [
        request(PROXIES.issue("other")),
        request(PROXIES.issue("proxy"), {}),
        request(STRANGERS.issue("proxy")),
    ],
    ids=["a name that is not allowed", "no user's name", "another authority"],
)
async def test_its_certificate_is_no_users(access, asked):
    with pytest.raises(Unauthorized):
        await access.identify(asked)


async def test_a_user_asks_for_itself_whatever_its_headers(access):
    assert (await access.identify(request(USERS.issue("joe")))).name == "joe"
    assert (await access.identify(request())).name == "system:anonymous"


async def test_one_authority_for_both(access):
    access.proxies.learn(DATA | {"client-ca-file": PROXIES.pem})
    assert (await access.identify(request(PROXIES.issue("proxy")))).name == "jane"
    assert (await access.identify(request(PROXIES.issue("joe")))).name == "joe"


async def test_what_changes_is_seen_on_open_connections(access):
    asked = request(PROXIES.issue("second"))
    with pytest.raises(Unauthorized):
        await access.identify(asked)
    access.proxies.learn(DATA | {"requestheader-allowed-names": "[]"})
    assert (await access.identify(asked)).name == "jane"


async def test_the_authority_of_users_may_be_given(access):
    access.proxies.learn(DATA, STRANGERS.pem.encode())
    assert (await access.identify(request(STRANGERS.issue("joe")))).name == "joe"
    with pytest.raises(Unauthorized):
        await access.identify(request(USERS.issue("joe")))


@pytest.mark.parametrize("names", ["{}", "[1]", "proxy"])
def test_names_of_another_form_change_nothing(names):
    proxies = FrontProxies()
    with pytest.raises(ValueError):
        proxies.learn(DATA | {"requestheader-allowed-names": names})
    assert proxies.user(request()) is None
