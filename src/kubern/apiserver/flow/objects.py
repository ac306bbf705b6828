"""The FlowSchemas and PriorityLevelConfigurations that every cluster has. Source: upstream's documented defaults."""

from __future__ import annotations

from collections.abc import Sequence

from kubern.base.json import Obj

GROUP = "flowcontrol.apiserver.k8s.io"
MANDATORY = ("exempt", "catch-all")
"""The names of the schemas and levels that a server cannot do without."""
_META = {"annotations": {"apf.kubernetes.io/autoupdate-spec": "true"}}

_LEVELS = (
    # name, shares, lendable percent, queues, hand size
    ("system", 30, 33, 64, 6),
    ("node-high", 40, 25, 64, 6),
    ("leader-election", 10, 0, 16, 4),
    ("workload-high", 40, 50, 128, 6),
    ("workload-low", 100, 90, 128, 6),
    ("global-default", 20, 50, 128, 6),
)
_EVERYBODY = ("Group system:unauthenticated", "Group system:authenticated")
_ALL_RESOURCES: Obj = {
    "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"],
}  # fmt: skip
_ALL_PATHS: Obj = {"verbs": ["*"], "nonResourceURLs": ["*"]}


def priority_levels() -> list[Obj]:
    """Return every default PriorityLevelConfiguration."""
    made = [
        _named("exempt", {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}}),
        _named("catch-all", {"type": "Limited", "limited": _limited(5, 0, {"type": "Reject"})}),
    ]
    for name, shares, lendable, queues, hand in _LEVELS:
        queuing = {"queues": queues, "handSize": hand, "queueLengthLimit": 50}
        response = {"type": "Queue", "queuing": queuing}
        made.append(_named(name, {"type": "Limited", "limited": _limited(shares, lendable, response)}))
    return made


def flow_schemas() -> list[Obj]:
    """Return every default FlowSchema."""
    everything = ([_ALL_RESOURCES], [_ALL_PATHS])
    leases: tuple[list[Obj], list[Obj]] = (
        [_in_all(("get", "create", "update"), ("coordination.k8s.io",), ("leases",))],
        [],
    )
    endpoints = [
        _in_all(("get", "create", "update"), ("",), ("endpoints",)),
        _in_all(("get", "create", "update"), ("discovery.k8s.io",), ("endpointslices",)),
    ]
    nodes = [
        _in_all(("*",), ("",), ("nodes", "nodes/status")) | {"clusterScope": True},
        _in_all(("*",), ("coordination.k8s.io",), ("leases",)),
    ]
    probes = [{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]}]
    manager, scheduler = "User system:kube-controller-manager", "User system:kube-scheduler"
    accounts = "ServiceAccount kube-system/*"
    makers = (
        manager, "ServiceAccount kube-system/endpoint-controller",
        "ServiceAccount kube-system/endpointslicemirroring-controller",
    )  # fmt: skip
    return [
        _schema("exempt", 1, "exempt", "", ("Group system:masters",), everything),
        _schema("probes", 2, "exempt", "", _EVERYBODY, ([], probes)),
        _schema("system-leader-election", 100, "leader-election", "ByUser", (manager, scheduler, accounts), leases),
        _schema("endpoint-controller", 150, "workload-high", "ByUser", makers, (endpoints, [])),
        _schema("workload-leader-election", 200, "leader-election", "ByUser", (accounts,), leases),
        _schema("system-node-high", 400, "node-high", "ByUser", ("Group system:nodes",), (nodes, [])),
        _schema("system-nodes", 500, "system", "ByUser", ("Group system:nodes",), everything),
        _schema("kube-controller-manager", 800, "workload-high", "ByNamespace", (manager,), everything),
        _schema("kube-scheduler", 800, "workload-high", "ByNamespace", (scheduler,), everything),
        _schema("kube-system-service-accounts", 900, "workload-high", "ByNamespace", (accounts,), everything),
        _schema("service-accounts", 9000, "workload-low", "ByUser", ("Group system:serviceaccounts",), everything),
        _schema("global-default", 9900, "global-default", "ByUser", _EVERYBODY, everything),
        _schema("catch-all", 10000, "catch-all", "ByUser", _EVERYBODY, everything),
    ]


def _named(name: str, spec: Obj) -> Obj:
    return {"metadata": {"name": name, **_META}, "spec": spec}


def _limited(shares: int, lendable: int, response: Obj) -> Obj:
    return {"nominalConcurrencyShares": shares, "lendablePercent": lendable, "limitResponse": response}


def _in_all(verbs: Sequence[str], groups: Sequence[str], resources: Sequence[str]) -> Obj:
    return {"verbs": [*verbs], "apiGroups": [*groups], "resources": [*resources], "namespaces": ["*"]}


def _schema(
    name: str, precedence: int, level: str, distinguisher: str, subjects: Sequence[str],
    rules: tuple[list[Obj], list[Obj]],
) -> Obj:  # fmt: skip
    rule: Obj = {"subjects": [_subject(text) for text in subjects]}
    if rules[0]:
        rule["resourceRules"] = rules[0]
    if rules[1]:
        rule["nonResourceRules"] = rules[1]
    spec: Obj = {
        "matchingPrecedence": precedence, "priorityLevelConfiguration": {"name": level}, "rules": [rule],
    }  # fmt: skip
    if distinguisher:
        spec["distinguisherMethod"] = {"type": distinguisher}
    return _named(name, spec)


def _subject(text: str) -> Obj:
    kind, _, name = text.partition(" ")
    if kind == "ServiceAccount":
        namespace, _, account = name.partition("/")
        return {"kind": kind, "serviceAccount": {"namespace": namespace, "name": account}}
    return {"kind": kind, kind.lower(): {"name": name}}
