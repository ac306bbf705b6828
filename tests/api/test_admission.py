"""Admission plug-ins through a real apiserver: limits, quotas, default classes, and rights that nobody can give away."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

RBAC = "/apis/rbac.authorization.k8s.io/v1"
Made = Any
JANE = {"impersonate-user": "jane", "impersonate-group": "system:authenticated"}


def pod(name: str = "", resources: Any = None, **spec: Any) -> Any:
    container = {"name": "c", "image": "i"} | ({"resources": resources} if resources else {})
    meta = {"name": name} if name else {"generateName": "p-"}
    return {"metadata": meta, "spec": {"containers": [container], **spec}}


@pytest.fixture
def make(api: Any) -> Iterator[Made]:
    """Create an object that belongs to no namespace; it is deleted after the test."""
    made = []

    def create(path: str, obj: Any) -> Any:
        answer = api("POST", path, obj)
        assert answer.code == 201, answer.body
        made.append(f"{path}/{answer.body['metadata']['name']}")
        return answer.body

    yield create
    for path in reversed(made):
        api("DELETE", path)


def test_a_limit_range_fills_in_and_refuses(api: Any, namespace: str) -> None:
    here = f"/api/v1/namespaces/{namespace}"
    limits = [{"type": "Container", "default": {"cpu": "500m"}, "max": {"cpu": "1"}}]
    assert api("POST", f"{here}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": limits}}).code == 201
    made = api("POST", f"{here}/pods", pod("small"))
    assert made.body["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "500m"}, "requests": {"cpu": "500m"}}
    refused = api("POST", f"{here}/pods", pod("big", {"limits": {"cpu": "2"}}))
    assert refused.code == 403
    assert refused.body["message"] == 'pods "big" is forbidden: maximum cpu usage per Container is 1, but limit is 2'


def quota(api: Any, namespace: str, **hard: str) -> str:
    """Make a quota with what its controller would report of an empty namespace."""
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    made = api("POST", path, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
    assert made.code == 201, made.body
    status = {"hard": hard, "used": dict.fromkeys(hard, "0")}
    assert api("PUT", f"{path}/q/status", made.body | {"status": status}).code == 200
    return f"{path}/q"


def test_writers_at_the_same_moment_do_not_pass_a_quota_together(api: Any, namespace: str) -> None:
    path = quota(api, namespace, pods="7", **{"count/configmaps": "1"})
    with ThreadPoolExecutor(16) as pool:
        pods = f"/api/v1/namespaces/{namespace}/pods"
        answers = list(pool.map(lambda number: api("POST", pods, pod(f"p{number}")), range(40)))
    assert sorted(answer.code for answer in answers) == [201] * 7 + [403] * 33
    said = next(answer.body["message"] for answer in answers if answer.code == 403)
    assert said.endswith(" is forbidden: exceeded quota: q, requested: pods=1, used: pods=7, limited: pods=7")
    assert api("GET", path).body["status"]["used"] == {"pods": "7", "count/configmaps": "0"}
    assert len(api("GET", f"/api/v1/namespaces/{namespace}/pods").body["items"]) == 7


def test_a_quota_of_amounts_has_every_pod_state_them(api: Any, namespace: str) -> None:
    path = quota(api, namespace, **{"requests.cpu": "1", "limits.memory": "1Gi"})
    pods = f"/api/v1/namespaces/{namespace}/pods"
    silent = api("POST", pods, pod("silent"))
    assert silent.code == 403
    assert "failed quota: q: must specify limits.memory for: c; requests.cpu for: c" in silent.body["message"]
    stated = {"requests": {"cpu": "600m"}, "limits": {"memory": "100Mi"}}
    dry = api("POST", f"{pods}?dryRun=All", pod("dry", stated))
    assert dry.code == 201
    assert api("POST", pods, pod("one", stated)).code == 201
    more = api("POST", pods, pod("two", stated))
    assert (
        "exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1"
        in more.body["message"]
    )
    assert api("GET", path).body["status"]["used"] == {"requests.cpu": "600m", "limits.memory": "100Mi"}


def test_a_claim_gets_the_default_class_and_grows_only_where_it_can(api: Any, namespace: str, make: Made) -> None:
    classes = "/apis/storage.k8s.io/v1/storageclasses"
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    make(classes, {"metadata": {"name": "plain"}, "provisioner": "x"})
    make(classes, {"metadata": {"name": "fast", "annotations": default}, "provisioner": "x"})
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    made = api("POST", claims, {"metadata": {"name": "c"}, "spec": spec}).body
    assert made["spec"]["storageClassName"] == "fast"
    none = api("POST", claims, {"metadata": {"name": "d"}, "spec": spec | {"storageClassName": ""}}).body
    assert none["spec"]["storageClassName"] == ""
    bound = api("PUT", f"{claims}/c/status", made | {"status": {"phase": "Bound"}}).body
    bound["spec"]["resources"]["requests"]["storage"] = "2Gi"
    refused = api("PUT", f"{claims}/c", bound)
    assert refused.code == 403
    assert "the storageclass that provisions the pvc must support resize" in refused.body["message"]


def test_an_ingress_gets_the_default_class(api: Any, namespace: str, make: Made) -> None:
    group = "/apis/networking.k8s.io/v1"
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    make(
        f"{group}/ingressclasses", {"metadata": {"name": "web", "annotations": default}, "spec": {"controller": "x/y"}}
    )
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    ingress = {"metadata": {"name": "i"}, "spec": {"defaultBackend": backend}}
    made = api("POST", f"{group}/namespaces/{namespace}/ingresses", ingress)
    assert made.body["spec"]["ingressClassName"] == "web"


def test_a_runtime_class_gives_overhead_and_a_place(api: Any, namespace: str, make: Made) -> None:
    toleration = {"key": "vm", "operator": "Exists", "effect": "NoSchedule"}
    scheduling = {"nodeSelector": {"vm": "yes"}, "tolerations": [toleration]}
    overhead = {"podFixed": {"memory": "64Mi"}}
    classes = "/apis/node.k8s.io/v1/runtimeclasses"
    make(classes, {"metadata": {"name": "vm"}, "handler": "vm", "overhead": overhead, "scheduling": scheduling})
    pods = f"/api/v1/namespaces/{namespace}/pods"
    spec = api("POST", pods, pod("a", runtimeClassName="vm")).body["spec"]
    assert (spec["overhead"], spec["nodeSelector"]) == ({"memory": "64Mi"}, {"vm": "yes"})
    assert toleration in spec["tolerations"]
    unknown = api("POST", pods, pod("b", runtimeClassName="nope"))
    assert (unknown.code, unknown.body["message"]) == (
        403,
        'pods "b" is forbidden: pod rejected: RuntimeClass "nope" not found',
    )
    other = api("POST", pods, pod("c", runtimeClassName="vm", nodeSelector={"vm": "no"}))
    assert "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes" in other.body["message"]
    free = api("POST", pods, pod("d", overhead={"memory": "1Gi"}))
    assert "Pod Overhead set without corresponding RuntimeClass" in free.body["message"]


def test_nobody_gives_away_rights_that_he_does_not_hold(api: Any, namespace: str) -> None:
    here = f"{RBAC}/namespaces/{namespace}"
    everything = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    own = [
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["roles", "rolebindings"],
            "verbs": ["create", "update"],
        },
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
    ]
    assert api("POST", f"{here}/roles", {"metadata": {"name": "granter"}, "rules": own}).code == 201
    assert api("POST", f"{here}/roles", {"metadata": {"name": "secrets"}, "rules": everything}).code == 201
    subjects = [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}]

    def binding(name: str, role: str) -> Any:
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
        return {"metadata": {"name": name}, "roleRef": reference, "subjects": subjects}

    assert api("POST", f"{here}/rolebindings", binding("granter", "granter")).code == 201
    refused = api("POST", f"{here}/roles", {"metadata": {"name": "more"}, "rules": everything}, headers=JANE)
    assert refused.code == 403
    assert (
        'user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:'
        in (refused.body["message"])
    )
    assert '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}' in refused.body["message"]
    less = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
    assert api("POST", f"{here}/roles", {"metadata": {"name": "less"}, "rules": less}, headers=JANE).code == 201
    assert api("POST", f"{here}/rolebindings", binding("less", "less"), headers=JANE).code == 201
    assert api("POST", f"{here}/rolebindings", binding("up", "secrets"), headers=JANE).code == 403
    assert api("POST", f"{here}/rolebindings", binding("none", "nope"), headers=JANE).code == 404
    bind = [
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["roles"],
            "resourceNames": ["secrets"],
            "verbs": ["bind"],
        }
    ]
    role = api("GET", f"{here}/roles/granter").body
    assert api("PUT", f"{here}/roles/granter", role | {"rules": own + bind}).code == 200
    assert api("POST", f"{here}/rolebindings", binding("up", "secrets"), headers=JANE).code == 201


def signing_request(group: str) -> str:
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "x"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)]
    )
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode()


def test_a_signing_request_says_who_asks_and_cannot_ask_for_everything(api: Any, make: Made) -> None:
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    spec = {"signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"], "username": "somebody else"}
    made = make(path, {"metadata": {"name": "devs"}, "spec": spec | {"request": signing_request("devs")}})
    assert made["spec"]["username"] == "admin"
    assert "system:masters" in made["spec"]["groups"]
    refused = api(
        "POST", path, {"metadata": {"name": "all"}, "spec": spec | {"request": signing_request("system:masters")}}
    )
    assert refused.code == 403
    assert refused.body["message"].endswith(
        "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
    )


def test_kubectl_shows_a_quota_in_use(api: Any, namespace: str) -> None:
    quota(api, namespace, pods="2")
    said = api.kubectl(
        "-n", namespace, "create", "-f", "-", stdin=json.dumps(pod("a") | {"apiVersion": "v1", "kind": "Pod"})
    )
    assert said.returncode == 0, said.stderr
    assert "pods: 1/2" in api.kubectl("-n", namespace, "get", "resourcequota", "q").stdout


def test_a_namespaces_level_refuses_pods_and_warns_of_what_makes_them(api: Any, namespace: str) -> None:
    def label(**labels: str) -> Any:
        named = {f"pod-security.kubernetes.io/{name}": value for name, value in labels.items()}
        return api(
            "PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": named}},
            headers={"content-type": "application/merge-patch+json"},
        )  # fmt: skip

    pods = f"/api/v1/namespaces/{namespace}/pods"
    assert api("POST", pods, pod("before", hostNetwork=True)).code == 201
    labelled = label(enforce="baseline", warn="restricted")
    assert labelled.code == 200
    assert 'violate the new PodSecurity enforce level \\"baseline:latest\\"' in labelled.headers["warning"]
    refused = api("POST", pods, pod("host", hostNetwork=True))
    said = 'pods "host" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
    assert (refused.code, refused.body["message"]) == (403, said)
    warned = api("POST", pods, pod("plain"))
    assert warned.code == 201
    assert (
        'would violate PodSecurity \\"restricted:latest\\": allowPrivilegeEscalation != false'
        in warned.headers["warning"]
    )
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod(hostPID=True)["spec"]}
    deployment = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    made = api("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment)
    assert made.code == 201
    assert "host namespaces (hostPID=true)" in made.headers["warning"]
    wrong = label(enforce="strict")
    assert wrong.code == 403
    assert 'Invalid value: "strict": must be one of privileged, baseline, restricted' in wrong.body["message"]


# --- a kubelet's certificate

NODE = {"impersonate-user": "system:node:n1", "impersonate-group": "system:nodes"}


@pytest.fixture
def nodes(api: Any, make: Made) -> None:
    for name in ("n1", "n2"):
        make("/api/v1/nodes", {"metadata": {"name": name}})
    # without the Node authorizer (this server runs RBAC alone) the group's rights are given by a role
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    make(f"{RBAC}/clusterroles", {"metadata": {"name": "as-kubelet"}, "rules": rules})
    group = {"kind": "Group", "name": "system:nodes", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "as-kubelet"}
    make(f"{RBAC}/clusterrolebindings", {"metadata": {"name": "as-kubelet"}, "roleRef": role, "subjects": [group]})


def as_kubelet(api: Any, path: str, patch: Any) -> Any:
    return api("PATCH", path, patch, headers=NODE | {"content-type": "application/merge-patch+json"})


@pytest.mark.usefixtures("nodes")
def test_a_kubelet_changes_its_own_node_and_only_what_is_its_to_say(api: Any) -> None:
    own = "/api/v1/nodes/n1"
    assert as_kubelet(api, own, {"metadata": {"labels": {"kubernetes.io/os": "linux", "mine": "x"}}}).code == 200
    assert as_kubelet(api, f"{own}/status", {"status": {"phase": "Running"}}).code == 200
    for path, patch, said in (
        ("/api/v1/nodes/n2", {"metadata": {"labels": {"a": "b"}}}, 'node "n1" is not allowed to modify node "n2"'),
        ("/api/v1/nodes/n2/status", {"status": {"phase": "Running"}}, 'is not allowed to modify node "n2"'),
        (
            own,
            {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}},
            'node "n1" is not allowed to modify taints',
        ),
        (
            own,
            {"metadata": {"labels": {"node-restriction.kubernetes.io/x": "y"}}},
            "labels: node-restriction.kubernetes.io/x",
        ),
        (
            own,
            {"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}},
            "labels: node-role.kubernetes.io",
        ),
    ):
        answer = as_kubelet(api, path, patch)
        assert (answer.code, said in answer.body["message"]) == (403, True), answer.body
    assert api("DELETE", "/api/v1/nodes/n2", headers=NODE).code == 403


@pytest.mark.usefixtures("nodes")
def test_a_kubelet_speaks_for_the_pods_of_its_node_only(api: Any, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    for name, node in (("mine", "n1"), ("other", "n2")):
        assert api("POST", pods, pod(name, nodeName=node)).code == 201
    assert as_kubelet(api, f"{pods}/mine/status", {"status": {"phase": "Running"}}).code == 200
    assert as_kubelet(api, f"{pods}/other/status", {"status": {"phase": "Running"}}).code == 403
    assert as_kubelet(api, f"{pods}/mine", {"metadata": {"labels": {"a": "b"}}}).code == 403
    refused = api("POST", pods, pod("new", nodeName="n1"), headers=NODE)
    assert 'node "n1" can only create mirror pods' in refused.body["message"]
    tokens = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    for name, code in (("mine", 201), ("other", 403)):
        reference = {"apiVersion": "v1", "kind": "Pod", "name": name}
        assert api("POST", tokens, {"spec": {"boundObjectRef": reference}}, headers=NODE).code == code
    assert "not bound to a pod" in api("POST", tokens, {"spec": {}}, headers=NODE).body["message"]
    assert api("DELETE", f"{pods}/other?gracePeriodSeconds=0", headers=NODE).code == 403
    assert api("DELETE", f"{pods}/mine?gracePeriodSeconds=0", headers=NODE).code == 200


@pytest.mark.usefixtures("nodes")
def test_a_kubelet_renews_its_own_lease_only(api: Any) -> None:
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    try:
        assert api("POST", leases, {"metadata": {"name": "n1"}, "spec": {}}, headers=NODE).code == 201
        assert api("POST", leases, {"metadata": {"name": "n2"}, "spec": {}}, headers=NODE).code == 403
        elsewhere = api(
            "POST", leases.replace("kube-node-lease", "default"), {"metadata": {"name": "n1"}}, headers=NODE
        )
        assert 'can only access leases in the "kube-node-lease" system namespace' in elsewhere.body["message"]
    finally:
        api("DELETE", f"{leases}/n1")


def test_approving_and_signing_need_a_right_for_the_signer(api: Any, make: Made) -> None:
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    spec = {"signerName": "example.com/devs", "usages": ["client auth"], "request": signing_request("devs")}
    make(path, {"metadata": {"name": "signed"}, "spec": spec})
    group, resource = "certificates.k8s.io", "certificatesigningrequests"
    rules = [{"apiGroups": [group], "resources": [f"{resource}/approval", f"{resource}/status"], "verbs": ["patch"]}]
    make(f"{RBAC}/clusterroles", {"metadata": {"name": "test-signing"}, "rules": rules})
    subjects = [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "test-signing"}
    make(f"{RBAC}/clusterrolebindings", {"metadata": {"name": "test-signing"}, "roleRef": role, "subjects": subjects})

    def change(subresource: str, status: Any) -> Any:
        headers = JANE | {"content-type": "application/merge-patch+json"}
        return api("PATCH", f"{path}/signed/{subresource}", {"status": status}, headers=headers)

    approved = {"conditions": [{"type": "Approved", "status": "True", "reason": "x", "message": "y"}]}
    certificate = {"certificate": base64.b64encode(api.ca.read_bytes()).decode()}
    refused = change("approval", approved)
    assert refused.code == 403
    assert refused.body["message"].endswith('user not permitted to approve requests with signerName "example.com/devs"')
    assert (
        'user not permitted to sign requests with signerName "example.com/devs"'
        in change("status", certificate).body["message"]
    )
    more = [
        {
            "apiGroups": [group],
            "resources": ["signers"],
            "resourceNames": ["example.com/*"],
            "verbs": ["approve", "sign"],
        }
    ]
    held = api("GET", f"{RBAC}/clusterroles/test-signing").body
    assert api("PUT", f"{RBAC}/clusterroles/test-signing", held | {"rules": rules + more}).code == 200
    assert change("approval", approved).code == 200
