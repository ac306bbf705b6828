"""Roles and bindings in, decisions out."""

from __future__ import annotations

import pytest

from kubern.apiserver.authz import bootstrap, modes
from kubern.apiserver.authz.bootstrap.notation import rules
from kubern.apiserver.authz.escalation import message, uncovered
from kubern.apiserver.authz.node import PodReferences
from kubern.apiserver.authz.policy import Policy
from kubern.apiserver.authz.rbac import Rbac
from kubern.apiserver.authz.rules import compiled
from kubern.apiserver.identity import ANONYMOUS, AUTHENTICATED, User
from kubern.apiserver.request_info import parse_request

ALICE = User("alice", ("dev", AUTHENTICATED))
BUILDER = User(
    "system:serviceaccount:ci:builder", ("system:serviceaccounts", "system:serviceaccounts:ci", AUTHENTICATED)
)


def role(kind, name, text, namespace="", **more):
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace}, "rules": rules(text)} | more


def binding(kind, name, ref, subjects, namespace=""):
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"kind": ref[0], "name": ref[1]},
        "subjects": subjects,
    }


def user(name):
    return {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}


@pytest.fixture
def policy():
    made = Policy()
    made.put("clusterroles", role("ClusterRole", "reader", "read core pods"))
    return made


def may(policy, who, method, path):
    path, _, query = path.partition("?")
    return Rbac(policy)(who, parse_request(method, path, query)).allowed


def test_nobody_may_anything_without_a_binding(policy):
    assert not may(policy, ALICE, "GET", "/api/v1/pods")


@pytest.mark.parametrize(
    "subject",
    [user("alice"), {"kind": "Group", "name": "dev"}, {"kind": "Group", "name": "system:authenticated"}],
    ids=["user", "group", "everybody"],
)
def test_a_cluster_role_binding_holds_everywhere(policy, subject):
    policy.put("clusterrolebindings", binding("ClusterRoleBinding", "b", ("ClusterRole", "reader"), [subject]))
    assert may(policy, ALICE, "GET", "/api/v1/pods")
    assert may(policy, ALICE, "GET", "/api/v1/namespaces/a/pods/x")
    assert not may(policy, ALICE, "DELETE", "/api/v1/namespaces/a/pods/x")
    assert not may(policy, User("bob"), "GET", "/api/v1/pods")


@pytest.mark.parametrize(
    "subject",
    [
        {"kind": "ServiceAccount", "name": "builder", "namespace": "ci"},
        {"kind": "ServiceAccount", "name": "builder"},
        user("system:serviceaccount:ci:builder"),
        {"kind": "Group", "name": "system:serviceaccounts:ci"},
    ],
    ids=["account", "account of the binding's namespace", "by user name", "by group"],
)
def test_a_role_binding_holds_in_its_namespace(policy, subject):
    policy.put("rolebindings", binding("RoleBinding", "b", ("ClusterRole", "reader"), [subject], "ci"))
    assert may(policy, BUILDER, "GET", "/api/v1/namespaces/ci/pods")
    assert not may(policy, BUILDER, "GET", "/api/v1/namespaces/other/pods")
    assert not may(policy, BUILDER, "GET", "/api/v1/pods")


def test_answers_follow_the_objects(policy):
    policy.put("roles", role("Role", "r", "get core secrets", "a"))
    policy.put("rolebindings", binding("RoleBinding", "b", ("Role", "r"), [user("alice")], "a"))
    assert may(policy, ALICE, "GET", "/api/v1/namespaces/a/secrets/s")
    policy.put("roles", role("Role", "r", "get core configmaps", "a"))
    assert not may(policy, ALICE, "GET", "/api/v1/namespaces/a/secrets/s")
    assert may(policy, ALICE, "GET", "/api/v1/namespaces/a/configmaps/s")
    policy.put("rolebindings", binding("RoleBinding", "b", ("Role", "r"), [user("bob")], "a"))
    assert not may(policy, ALICE, "GET", "/api/v1/namespaces/a/configmaps/s")
    assert may(policy, User("bob"), "GET", "/api/v1/namespaces/a/configmaps/s")
    policy.remove("rolebindings", "a", "b")
    assert not may(policy, User("bob"), "GET", "/api/v1/namespaces/a/configmaps/s")


def test_a_binding_to_a_missing_role_is_named_in_the_refusal(policy):
    policy.put("clusterrolebindings", binding("ClusterRoleBinding", "b", ("ClusterRole", "gone"), [user("alice")]))
    decision = Rbac(policy)(ALICE, parse_request("GET", "/api/v1/nodes", ""))
    assert decision == (False, 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found')


def test_an_aggregated_role_holds_what_its_parts_hold(policy):
    selector = {"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]}
    policy.put("clusterroles", role("ClusterRole", "sum", "get core nodes", aggregationRule=selector))
    policy.put("clusterrolebindings", binding("ClusterRoleBinding", "b", ("ClusterRole", "sum"), [user("alice")]))
    assert not may(policy, ALICE, "GET", "/apis/x.io/v1/widgets")
    part = role("ClusterRole", "part", "list x.io widgets")
    part["metadata"]["labels"] = {"part": "yes"}
    policy.put("clusterroles", part)
    assert may(policy, ALICE, "GET", "/apis/x.io/v1/widgets")
    policy.remove("clusterroles", "", "part")
    assert not may(policy, ALICE, "GET", "/apis/x.io/v1/widgets")


def test_the_rules_of_a_user(policy):
    policy.put("clusterrolebindings", binding("ClusterRoleBinding", "b", ("ClusterRole", "reader"), [user("alice")]))
    policy.put("roles", role("Role", "r", "get core secrets s", "a"))
    policy.put("rolebindings", binding("RoleBinding", "b", ("Role", "r"), [user("alice")], "a"))
    found = Rbac(policy).rules_for(ALICE, "a")
    assert found.resource_rules == [
        {"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["s"]},
    ]
    assert not found.incomplete


def test_nobody_grants_what_they_do_not_hold(policy):
    policy.put("clusterrolebindings", binding("ClusterRoleBinding", "b", ("ClusterRole", "reader"), [user("alice")]))
    assert uncovered(policy, ALICE, "a", compiled(rules("get,list core pods"))) == []
    (rule,) = uncovered(policy, ALICE, "a", compiled(rules("get core pods\nget core secrets")))
    assert message(ALICE, [rule]) == (
        'user "alice" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
    )
    assert uncovered(policy, User("root", ("system:masters",)), "", compiled(rules("* * *"))) == []


@pytest.fixture(scope="module")
def default_policy():
    made = Policy()
    for plural, objects in bootstrap.objects().items():
        made.load(plural, objects)
    return made


@pytest.mark.parametrize(
    ("who", "method", "path", "allowed"),
    [
        (ANONYMOUS, "GET", "/version", True),
        (ANONYMOUS, "GET", "/healthz", True),
        (ANONYMOUS, "GET", "/api", False),
        (ANONYMOUS, "GET", "/api/v1/pods", False),
        (ALICE, "GET", "/apis/apps/v1", True),
        (ALICE, "GET", "/openapi/v3", True),
        (ALICE, "GET", "/metrics", False),
        (ALICE, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", True),
        (ALICE, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", False),
        (User("x", ("system:masters",)), "DELETE", "/api/v1/nodes/n", True),
        (User("x", ("system:masters",)), "POST", "/anything", True),
        (User("x", ("kubeadm:cluster-admins",)), "POST", "/api/v1/nodes/n/proxy", True),
        (User("system:kube-scheduler"), "POST", "/api/v1/namespaces/a/pods/p/binding", True),
        (User("system:kube-scheduler"), "POST", "/api/v1/namespaces/a/pods", False),
        (
            User("system:kube-scheduler"),
            "GET",
            "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication",
            True,
        ),
        (User("system:kube-proxy"), "GET", "/apis/discovery.k8s.io/v1/endpointslices?watch=true", True),
        (User("system:kube-proxy"), "GET", "/api/v1/secrets", False),
        (User("system:kube-controller-manager"), "GET", "/apis/x.io/v1/widgets", True),
        (User("system:serviceaccount:kube-system:coredns"), "GET", "/api/v1/services", True),
        (
            User("system:serviceaccount:kube-system:deployment-controller"),
            "POST",
            "/apis/apps/v1/namespaces/a/replicasets",
            True,
        ),
        (User("system:serviceaccount:kube-system:job-controller"), "POST", "/api/v1/namespaces/a/events", True),
        (
            User("system:serviceaccount:other:deployment-controller"),
            "POST",
            "/apis/apps/v1/namespaces/a/replicasets",
            False,
        ),
    ],
)
def test_the_default_policy(default_policy, who, method, path, allowed):
    path, _, query = path.partition("?")
    decide = modes.build(["Node", "RBAC"], default_policy, PodReferences())
    assert decide(who, parse_request(method, path, query)).allowed is allowed


@pytest.mark.parametrize(
    ("name", "method", "path", "allowed"),
    [
        ("view", "GET", "/api/v1/namespaces/a/pods/p/log", True),
        ("view", "GET", "/api/v1/namespaces/a/secrets", False),
        ("view", "PUT", "/api/v1/namespaces/a/configmaps/c", False),
        ("edit", "GET", "/api/v1/namespaces/a/secrets", True),
        ("edit", "PUT", "/apis/apps/v1/namespaces/a/deployments/d/scale", True),
        ("edit", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles", False),
        ("admin", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles", True),
        ("admin", "GET", "/api/v1/namespaces/a/pods", True),
        ("admin", "PUT", "/api/v1/namespaces/a/resourcequotas/q", False),
        ("cluster-admin", "DELETE", "/api/v1/namespaces/a/pods/p", True),
    ],
)
def test_the_roles_for_people(name, method, path, allowed):
    policy = Policy()
    # only the stored rules: they must hold without anybody who sums them up
    for obj in bootstrap.objects()["clusterroles"]:
        policy.put("clusterroles", {key: value for key, value in obj.items() if key != "aggregationRule"})
    policy.put("rolebindings", binding("RoleBinding", "b", ("ClusterRole", name), [user("alice")], "a"))
    assert may(policy, ALICE, method, path) is allowed


def test_every_bootstrap_binding_refers_to_a_role_that_is_there():
    made = bootstrap.objects()
    names = {
        (kind, o["metadata"].get("namespace", ""), o["metadata"]["name"])
        for kind in ("clusterroles", "roles")
        for o in made[kind]
    }
    for obj in made["clusterrolebindings"] + made["rolebindings"]:
        ref = obj["roleRef"]
        place = obj["metadata"].get("namespace", "") if ref["kind"] == "Role" else ""
        assert (ref["kind"].lower() + "s", place, ref["name"]) in names
    for objects in made.values():
        keys = [(o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]
        assert len(keys) == len(set(keys))


def test_a_start_heals_bootstrap_objects_and_keeps_additions():
    (wanted,) = [o for o in bootstrap.objects()["clusterroles"] if o["metadata"]["name"] == "system:basic-user"]
    assert bootstrap.reconciled(wanted, wanted) is None
    own = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
    changed = wanted | {"rules": [own, wanted["rules"][0]]}
    assert bootstrap.reconciled(changed, wanted)["rules"] == [own, *wanted["rules"]]
    frozen = changed | {
        "metadata": {"name": "x", "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}}
    }
    assert bootstrap.reconciled(frozen, wanted) is None
    (bound,) = [o for o in bootstrap.objects()["clusterrolebindings"] if o["metadata"]["name"] == "cluster-admin"]
    assert bootstrap.reconciled(bound | {"subjects": [user("me")]}, bound)["subjects"] == [
        user("me"),
        *bound["subjects"],
    ]


def test_an_unknown_mode_is_refused():
    for names in (["Magic"], [], ["RBAC", "RBAC"]):
        with pytest.raises(ValueError, match="--authorization-mode"):
            modes.build(names, Policy(), PodReferences())


def test_always_deny_says_so_and_masters_pass():
    decide = modes.build(["AlwaysDeny"], Policy(), PodReferences())
    info = parse_request("GET", "/api", "")
    assert decide(ALICE, info) == (False, "Everything is forbidden.")
    assert decide(User("x", ("system:masters",)), info).allowed
