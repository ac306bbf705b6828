"""One rule against one request, and rules against rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.apiserver.authz.bootstrap.notation import rule, rules
from kubern.apiserver.authz.rules import allows, compiled, covered
from kubern.apiserver.request_info import RequestInfo, parse_request


def one(line):
    return compiled([rule(line)])[0]


@pytest.mark.parametrize(
    ("line", "method", "path", "allowed"),
    [
        ("get core pods", "GET", "/api/v1/namespaces/default/pods/web", True),
        ("get core pods", "GET", "/api/v1/namespaces/default/pods", False),
        ("list core pods", "GET", "/api/v1/namespaces/default/pods", True),
        ("list core pods", "GET", "/api/v1/pods?watch=1", False),
        ("* core pods", "GET", "/api/v1/pods?watch=1", True),
        ("* core pods", "DELETE", "/api/v1/namespaces/default/pods", True),
        ("get core pods", "GET", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/web", False),
        ("get * pods", "GET", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/web", True),
        ("get core pods", "GET", "/api/v1/namespaces/default/pods/web/log", False),
        ("get core pods/log", "GET", "/api/v1/namespaces/default/pods/web/log", True),
        ("get core pods/log", "GET", "/api/v1/namespaces/default/pods/web", False),
        ("get core *", "GET", "/api/v1/namespaces/default/pods/web/log", True),
        ("update * */scale", "PUT", "/apis/apps/v1/namespaces/default/deployments/web/scale", True),
        ("update * */scale", "PUT", "/apis/apps/v1/namespaces/default/deployments/web", False),
        ("get core secrets a,b", "GET", "/api/v1/namespaces/default/secrets/b", True),
        ("get core secrets a,b", "GET", "/api/v1/namespaces/default/secrets/c", False),
        ("* core secrets a,b", "GET", "/api/v1/namespaces/default/secrets", False),
        ("* core secrets a,b", "POST", "/api/v1/namespaces/default/secrets", False),
        ("get url /healthz", "GET", "/healthz", True),
        ("get url /healthz", "GET", "/healthz/etcd", False),
        ("get url /healthz/*", "GET", "/healthz/etcd", True),
        ("get url /healthz/*", "POST", "/healthz/etcd", False),
        ("* url *", "POST", "/whatever", True),
        ("* url *", "GET", "/api/v1/pods", False),
        ("* * *", "GET", "/healthz", False),
    ],
)
def test_a_rule_allows(line, method, path, allowed):
    path, _, query = path.partition("?")
    assert allows(one(line), parse_request(method, path, query)) is allowed


@pytest.mark.parametrize(
    ("held", "wanted", "is_covered"),
    [
        ("get,list core pods", "get core pods", True),
        ("get core pods", "get,list core pods", False),
        ("get core pods\nlist core pods", "get,list core pods", True),
        ("* * *", "get,list apps deployments/scale x", True),
        ("get core *", "* core *", False),
        ("get core pods a", "get core pods", False),
        ("get core pods", "get core pods a", True),
        ("get core pods", "get * pods", False),
        ("get * */scale", "get apps deployments/scale", True),
        ("get url /a/*", "get url /a/b", True),
        ("get url /a/*", "get url /a/b/*", True),
        ("get url /a/b", "get url /a/*", False),
        ("* * *", "get url /a", False),
    ],
)
def test_coverage(held, wanted, is_covered):
    assert covered(compiled(rules(held)), one(wanted)) is is_covered


WORDS = st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=2, unique=True)
RULES = st.builds(
    lambda verbs, groups, resources, names: {
        "verbs": verbs,
        "apiGroups": groups,
        "resources": resources,
        "resourceNames": names,
    },
    WORDS,
    WORDS,
    WORDS,
    st.lists(st.sampled_from(["a", "b"]), max_size=1),
)


@given(st.lists(RULES, max_size=3), RULES, st.tuples(*[st.sampled_from("abc")] * 4))
def test_what_is_covered_allows_nothing_more(held, wanted, asked):
    verb, group, resource, name = asked
    info = RequestInfo(True, verb, "", group, "v1", "", resource, name)
    have, want = compiled(held), compiled([wanted])[0]
    if covered(have, want) and allows(want, info):
        assert any(allows(rule, info) for rule in have)
