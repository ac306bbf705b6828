"""Bootstrap tokens on a real apiserver: who shows one is a bootstrapper, and may ask for a node's certificate."""

import json
import ssl
import urllib.error
import urllib.request

import pytest

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
SECRETS = "/api/v1/namespaces/kube-system/secrets"


@pytest.fixture(scope="module")
def bootstrapping(tmp_path_factory, authority):
    from tests.api.conftest import Apiserver

    server = Apiserver(tmp_path_factory.mktemp("bootstrap"), authority, "--enable-bootstrap-token-auth")
    yield server.start()
    server.stop()


def put(api, **changes):
    values = {
        "token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true",
    } | {key.replace("_", "-"): value for key, value in changes.items()}  # fmt: skip
    meta = {"name": "bootstrap-token-abcdef"}
    api("DELETE", f"{SECRETS}/bootstrap-token-abcdef")
    made = api("POST", SECRETS, {"metadata": meta, "type": "bootstrap.kubernetes.io/token", "stringData": values})
    assert made.code == 201, made.body


def who(api, token):
    """Return the code and the user of a request with this token and no certificate."""
    body = json.dumps({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}).encode()
    head = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    tls = ssl.create_default_context(cafile=str(api.ca))
    request = urllib.request.Request(api.url + WHO, body, head)
    try:
        with urllib.request.urlopen(request, context=tls, timeout=20) as reply:
            return reply.status, json.load(reply)["status"]["userInfo"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


def test_a_token_authenticates(bootstrapping):
    put(bootstrapping, auth_extra_groups="system:bootstrappers:kubeadm:default-node-token")
    code, user = who(bootstrapping, "abcdef.0123456789abcdef")
    assert code == 201
    assert user["username"] == "system:bootstrap:abcdef"
    assert user["groups"] == [
        "system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token", "system:authenticated",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "token"),
    [
        ({}, "abcdef.0123456789abcdee"),
        ({}, "fedcba.0123456789abcdef"),
        ({"usage_bootstrap_authentication": "false", "token_secret": "0000000000000001"}, "abcdef.0000000000000001"),
        ({"expiration": "2020-01-01T00:00:00Z", "token_secret": "0000000000000002"}, "abcdef.0000000000000002"),
        ({"auth_extra_groups": "system:masters", "token_secret": "0000000000000003"}, "abcdef.0000000000000003"),
    ],
    ids=["wrong secret", "unknown", "not for authentication", "expired", "forbidden group"],
)
def test_others_do_not(bootstrapping, changes, token):
    put(bootstrapping, **changes)
    assert who(bootstrapping, token) == (401, None)


def test_without_the_flag_no_token_is_taken(api):
    put(api, token_secret="0000000000000005")
    try:
        assert who(api, "abcdef.0000000000000005") == (401, None)
    finally:
        api("DELETE", f"{SECRETS}/bootstrap-token-abcdef")
