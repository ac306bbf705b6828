"""Each controller gets on with what upstream's role for its account allows."""

from __future__ import annotations

import pytest

from kubern.apiserver.authz import bootstrap
from kubern.apiserver.authz.policy import Policy
from kubern.apiserver.authz.rbac import Rbac
from kubern.apiserver.identity import AUTHENTICATED, User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.scan import scan
from kubern.controllers import kinds
from kubern.controllers.controller import Controller
from tests.unit.controllers.killed import told
from tests.unit.controllers.late import Asked
from tests.unit.controllers.test_killed import STORIES

EVERY = {each.name: each for each in scan(kinds, "CONTROLLER", Controller)}
OWN_ROLE = {"local-volume-provisioner"}
"""Upstream has no such controller, and so no role."""


@pytest.fixture(scope="module")
def rbac() -> Rbac:
    policy = Policy()
    for plural, objects in bootstrap.objects().items():
        policy.load(plural, objects)
    return Rbac(policy)


def user(account: str) -> User:
    if not account:
        return User("system:kube-controller-manager", (AUTHENTICATED,))
    groups = ("system:serviceaccounts", "system:serviceaccounts:kube-system", AUTHENTICATED)
    return User(f"system:serviceaccount:kube-system:{account}", groups)


def info(asked: Asked) -> RequestInfo:
    gvr = asked.gvr
    return RequestInfo(
        True, asked.verb, "", gvr.group, gvr.version, asked.namespace, gvr.plural, asked.name, asked.subresource
    )


@pytest.mark.parametrize("name", STORIES)
def test_a_controller_asks_for_what_its_role_allows(rbac: Rbac, name: str) -> None:
    story = STORIES[name]
    accounts = [each.account for each in story.controllers for _ in each.reconcilers]
    asked = told(story).asked
    assert asked
    refused = {
        (accounts[each.reconciler], each.verb, each.gvr.plural, each.subresource)
        for each in asked
        if not rbac(user(accounts[each.reconciler]), info(each)).allowed
    }
    assert {each for each in refused if each[0] not in OWN_ROLE} == set()


@pytest.mark.parametrize("name", EVERY)
def test_every_account_is_bound(name: str) -> None:
    account = EVERY[name].account
    bound = {
        subject["name"]
        for plural in ("clusterrolebindings", "rolebindings")
        for each in bootstrap.objects()[plural]
        for subject in each.get("subjects", ())
    }
    assert not account or account in bound | OWN_ROLE
