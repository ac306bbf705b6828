"""SelfSubjectRulesReview: what may I do in this namespace? (`kubectl auth can-i --list`)"""

from __future__ import annotations

from kubern.apiserver.authz.rbac import Rbac
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.identity import MASTERS
from kubern.apiserver.review import Review
from kubern.base.errors import BadRequest
from kubern.base.json import Obj


def answer(core: Core, call: Call, asked: Obj) -> Obj:
    """Answer with the caller's rules. Raises `BadRequest` without a namespace."""
    namespace = (asked.get("spec") or {}).get("namespace") or ""
    if not namespace:
        raise BadRequest("no namespace on request")
    rules = Rbac(core.security.policy).rules_for(call.user, namespace)
    resources, urls = list(rules.resource_rules), list(rules.non_resource_rules)
    if MASTERS in call.user.groups:
        resources.append({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
        urls.append({"verbs": ["*"], "nonResourceURLs": ["*"]})
    status: Obj = {"resourceRules": resources, "nonResourceRules": urls, "incomplete": rules.incomplete}
    if rules.error:
        status["evaluationError"] = rules.error
    return asked | {"status": status}


REVIEW = Review("selfsubjectrulesreviews.authorization.k8s.io", answer)
