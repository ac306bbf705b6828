"""Certificate signing requests from end to end: an apiserver, a controller manager over HTTPS, kubectl, and the certificate at work."""

import base64
import json
import ssl
import subprocess
import sys
import time
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CONTROLLERS = (
    "certificatesigningrequest-signing-controller,certificatesigningrequest-approving-controller,"
    "certificatesigningrequest-cleaner-controller"
)


def eventually(check):
    deadline = time.monotonic() + 30
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def controllers(api, authority, tmp_path_factory):
    directory = tmp_path_factory.mktemp("controllers")
    form = serialization.PrivateFormat.PKCS8
    key = authority.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (directory / "ca.key").write_bytes(key)
    command = [
        sys.executable, "-m", "kubern", "controller-manager", "--kubeconfig", str(api.kubeconfig), "--no-leader-elect",
        "--secure-port=0",
        "--controllers", CONTROLLERS, "--cluster-signing-duration=2h", f"--cluster-signing-cert-file={authority.file}",
        f"--cluster-signing-key-file={directory / 'ca.key'}",
    ]  # fmt: skip
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    yield process
    process.terminate()
    assert process.wait(20) == 0, (directory / "log").read_text()


@pytest.fixture
def ask(api):
    made = []

    def make(name, signer, usages, subject, **spec):
        key = ec.generate_private_key(ec.SECP256R1())
        parts = {"O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME}
        names = x509.Name([x509.NameAttribute(parts[part], value) for part, value in subject])
        csr = x509.CertificateSigningRequestBuilder().subject_name(names).sign(key, hashes.SHA256())
        pem = base64.b64encode(csr.public_bytes(serialization.Encoding.PEM)).decode()
        body = {"metadata": {"name": name}, "spec": {"request": pem, "signerName": signer, "usages": usages, **spec}}
        answer = api("POST", PATH, body)
        assert answer.code == 201, answer.body
        made.append(name)
        return key

    yield make
    for name in made:
        api("DELETE", f"{PATH}/{name}")


def condition(api, name, kind):
    found = api("GET", f"{PATH}/{name}").body.get("status", {}).get("conditions", [])
    return next((each for each in found if each["type"] == kind), None)


def test_an_approved_certificate_authenticates(api, controllers, ask, tmp_path):
    key = ask("jane", "kubernetes.io/kube-apiserver-client", ["client auth"], [("O", "dev"), ("CN", "jane")],
              expirationSeconds=600)  # fmt: skip
    assert api.kubectl("certificate", "approve", "jane").returncode == 0
    pem = eventually(lambda: api("GET", f"{PATH}/jane").body.get("status", {}).get("certificate"))
    certificate = base64.b64decode(pem)
    read = x509.load_pem_x509_certificate(certificate)
    assert (read.not_valid_after_utc - read.not_valid_before_utc).total_seconds() == 900
    form = serialization.PrivateFormat.PKCS8
    file = tmp_path / "jane.pem"
    file.write_bytes(certificate + key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    tls = ssl.create_default_context(cafile=str(api.ca))
    tls.load_cert_chain(file)
    review = json.dumps({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}).encode()
    asked = urllib.request.Request(
        f"{api.url}/apis/authentication.k8s.io/v1/selfsubjectreviews", review, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(asked, context=tls, timeout=20) as reply:
        user = json.load(reply)["status"]["userInfo"]
    assert (user["username"], user["groups"]) == ("jane", ["dev", "system:authenticated"])
    shown = api.kubectl("get", "csr", "jane").stdout
    assert "Approved,Issued" in shown
    dated = condition(api, "jane", "Approved")
    assert dated["reason"] == "KubectlApprove"
    assert dated["lastTransitionTime"]


def test_a_denied_request_gets_nothing(api, controllers, ask):
    ask("john", "kubernetes.io/kube-apiserver-client", ["client auth"], [("CN", "john")])
    assert api.kubectl("certificate", "deny", "john").returncode == 0
    assert condition(api, "john", "Denied")["reason"] == "KubectlDeny"
    assert api.kubectl("certificate", "approve", "john").returncode != 0
    assert "certificate" not in api("GET", f"{PATH}/john").body["status"]


def test_what_the_signer_does_not_sign_fails(api, controllers, ask):
    ask("wrong", "kubernetes.io/kube-apiserver-client", ["server auth"], [("CN", "web")])
    assert api.kubectl("certificate", "approve", "wrong").returncode == 0
    failed = eventually(lambda: condition(api, "wrong", "Failed"))
    assert failed["reason"] == "SignerValidationFailure"
    assert failed["message"] == "invalid usage for client certificate: server auth"
    assert "Approved,Failed" in api.kubectl("get", "csr", "wrong").stdout


def test_a_kubelet_that_may_is_approved_by_itself(api, controllers, ask):
    usages = ["client auth", "digital signature"]
    ask("node", "kubernetes.io/kube-apiserver-client-kubelet", usages, [("O", "system:nodes"), ("CN", "system:node:n")])
    eventually(lambda: api("GET", f"{PATH}/node").body.get("status", {}).get("certificate"))
    assert condition(api, "node", "Approved")["reason"] == "AutoApproved"
