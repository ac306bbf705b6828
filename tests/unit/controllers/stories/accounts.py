"""Accounts, tokens, certificates, roles, quotas and policies are looked after."""

from __future__ import annotations

from datetime import timedelta

from kubern.api.legacy_token import TRACKING
from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.controllers.cache import Options
from kubern.controllers.certificates.signers import CLIENT, KUBELET_CLIENT
from kubern.controllers.kinds import (
    bootstrapsigner,
    clusterrole_aggregation,
    csrapproving,
    csrcleaner,
    csrsigning,
    legacy_token_cleaner,
    resourcequota,
    root_ca_publisher,
    serviceaccount,
    serviceaccount_token,
    tokencleaner,
    validatingadmissionpolicy_status,
)
from kubern.controllers.resources import (
    CLUSTER_ROLES,
    CONFIG_MAPS,
    DEFINITIONS,
    NAMESPACES,
    PODS,
    RESOURCE_QUOTAS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SIGNING_REQUESTS,
    VALIDATING_POLICIES,
)
from tests.unit.controllers.killed import Story
from tests.unit.controllers.late import START, Server
from tests.unit.controllers.stories.acts import drop, later, make, spec
from tests.unit.controllers.test_bootstrap_tokens import info, token
from tests.unit.controllers.test_certificates import BE, BITS, asking, authority, request
from tests.unit.controllers.test_policy_status import DEPLOYMENTS, WIDGETS, policy
from tests.unit.controllers.test_token_secrets import PEM, account, secret
from tests.unit.controllers.world import pod

YEARS_AGO = (START - timedelta(days=800)).strftime("%Y-%m-%d")
DAY = 86400.0


def _namespace(name: str) -> Obj:
    return {"metadata": {"name": name}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}


def _role(name: str, verb: str) -> Obj:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": [verb]}]
    return {"metadata": {"name": name, "labels": {"to-view": "true"}}, "rules": rules}


def _other_ca(server: Server) -> None:
    """Somebody writes into the published authority."""
    for each in server.list(CONFIG_MAPS):
        server.change(CONFIG_MAPS, each, data={"ca.crt": "forged"})


def _named(name: str, made: Obj) -> Obj:
    return {**made, "metadata": {**made["metadata"], "name": name}}


STORIES = {
    "a namespace gets its account and the authority": Story(
        (serviceaccount.CONTROLLER, root_ca_publisher.CONTROLLER),
        (
            make(NAMESPACES, _namespace("a"), _namespace("b")),
            _other_ca,
            drop(SERVICE_ACCOUNTS, "default", "a"),
        ),
        Options(root_ca="CA"),
    ),
    "a Secret gets its account's token, and goes with it": Story(
        (serviceaccount_token.CONTROLLER,),
        (
            # no reference: a process that dies before it takes away a Secret's never learns that the Secret is gone, as upstream's
            make(SERVICE_ACCOUNTS, account()),
            make(SECRETS, secret()),
            drop(SECRETS, "s"),
            make(SECRETS, secret()),
            drop(SERVICE_ACCOUNTS, "robot"),
        ),
        Options(root_ca="CA", service_account_key=PEM),
    ),
    "tokens that nobody has used for years": Story(
        (legacy_token_cleaner.CONTROLLER,),
        (
            make(
                CONFIG_MAPS,
                {"metadata": {"name": TRACKING, "namespace": "kube-system"}, "data": {"since": YEARS_AGO}},
            ),
            make(SERVICE_ACCOUNTS, account("s")),
            make(SECRETS, secret()),
            later(400 * DAY),
            later(400 * DAY),
        ),
    ),
    "bootstrap tokens sign, and end": Story(
        (bootstrapsigner.CONTROLLER, tokencleaner.CONTROLLER),
        (
            make(CONFIG_MAPS, info()),
            make(SECRETS, token("abcdef"), token("ghijkl", expiration=rfc3339(START + timedelta(minutes=1)))),
            later(61),
        ),
    ),
    "kubelets' certificates are approved, signed and cleaned up": Story(
        (csrapproving.CONTROLLER, csrsigning.CONTROLLER, csrcleaner.CONTROLLER),
        (
            make(
                SIGNING_REQUESTS,
                request(
                    KUBELET_CLIENT,
                    [BITS, BE],
                    csr=asking("system:node:n", "system:nodes"),
                    username="system:node:n",
                ),
                _named("jane", request(CLIENT, [BE], "Approved")),
                _named("joe", request(CLIENT, [BE])),
            ),
            later(3700),
            later(DAY),
        ),
        Options(authorities={CLIENT: authority(), KUBELET_CLIENT: authority()}),
    ),
    "a role has the rules of its parts": Story(
        (clusterrole_aggregation.CONTROLLER,),
        (
            make(
                CLUSTER_ROLES,
                {
                    "metadata": {"name": "view"},
                    "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to-view": "true"}}]},
                },
            ),
            make(CLUSTER_ROLES, _role("a", "get"), _role("b", "list")),
            drop(CLUSTER_ROLES, "a", ""),
        ),
    ),
    "a quota is counted": Story(
        (resourcequota.CONTROLLER,),
        (
            make(RESOURCE_QUOTAS, {"metadata": {"name": "q", "namespace": "ns"}, "spec": {"hard": {"pods": "5"}}}),
            make(PODS, *(pod(f"p{number}") for number in range(3))),
            drop(PODS, "p1"),
            later(301),
            spec(RESOURCE_QUOTAS, "q", hard={"pods": "1", "count/secrets": "9"}),
        ),
    ),
    "a policy is told what does not fit": Story(
        (validatingadmissionpolicy_status.CONTROLLER,),
        (
            make(DEFINITIONS, WIDGETS),
            make(VALIDATING_POLICIES, policy({"expression": "object.spec.replicas == 'x'"}, rules=(DEPLOYMENTS,))),
        ),
    ),
}
