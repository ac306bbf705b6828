"""Secrets with service-account tokens, from an apiserver and a controller manager over HTTPS to a request that bears one."""

import base64
import datetime
import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
TRACKING = "/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking"
USED = "kubernetes.io/legacy-token-last-used"


def eventually(check):
    deadline = time.monotonic() + 30
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


def today():
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, authority):
    from tests.api.conftest import Apiserver

    directory = tmp_path_factory.mktemp("tokens")
    server = Apiserver(directory, authority)
    api = server.start()
    command = [
        sys.executable, "-m", "kubern", "controller-manager", "--kubeconfig", str(api.kubeconfig), "--no-leader-elect",
        "--secure-port=0",
        "--controllers", "serviceaccount-token-controller,legacy-serviceaccount-token-cleaner-controller",
        f"--root-ca-file={authority.file}", f"--service-account-private-key-file={directory / 'sa.key'}",
    ]  # fmt: skip
    with (directory / "controllers").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    yield api
    process.terminate()
    assert process.wait(20) == 0, (directory / "controllers").read_text()
    server.stop()


def who(api, token):
    head = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    body = json.dumps({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}).encode()
    request = urllib.request.Request(api.url + WHO, body, head)
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=str(api.ca))) as reply:
            return json.load(reply)["status"]["userInfo"]["username"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_secret_gets_a_token_that_works_until_its_account_goes(cluster):
    accounts, secrets = "/api/v1/namespaces/default/serviceaccounts", "/api/v1/namespaces/default/secrets"
    assert cluster("POST", accounts, {"metadata": {"name": "robot"}}).code == 201
    meta = {"name": "robot-token", "annotations": {"kubernetes.io/service-account.name": "robot"}}
    made = cluster("POST", secrets, {"metadata": meta, "type": "kubernetes.io/service-account-token"})
    assert made.code == 201, made.body
    data = eventually(lambda: cluster("GET", f"{secrets}/robot-token").body.get("data"))
    assert base64.b64decode(data["ca.crt"]) == cluster.ca.read_bytes()
    token = base64.b64decode(data["token"]).decode()
    assert who(cluster, token) == "system:serviceaccount:default:robot"
    eventually(
        lambda: (cluster("GET", f"{secrets}/robot-token").body["metadata"].get("labels") or {}).get(USED) == today()
    )
    assert cluster("DELETE", f"{accounts}/robot").code == 200
    eventually(lambda: cluster("GET", f"{secrets}/robot-token").code == 404)
    # requests are remembered for ten seconds, reviews are not
    review = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": {"token": token}}
    answer = cluster("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review).body
    assert not answer["status"].get("authenticated")


def test_a_secret_of_no_account_is_deleted(cluster):
    secrets = "/api/v1/namespaces/default/secrets"
    meta = {"name": "stray", "annotations": {"kubernetes.io/service-account.name": "nobody"}}
    made = cluster("POST", secrets, {"metadata": meta, "type": "kubernetes.io/service-account-token"})
    assert made.code == 201, made.body
    eventually(lambda: cluster("GET", f"{secrets}/stray").code == 404)


def test_the_server_says_since_when_it_tracks_use(cluster):
    assert cluster("GET", TRACKING).body["data"] == {"since": today()}
