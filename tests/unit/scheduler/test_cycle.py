"""Which node a pod gets, and what is said when there is none."""

import pytest

from kubern.scheduler.columns import Columns
from kubern.scheduler.cycle import Placed, Unplaced
from kubern.scheduler.listers import REPLICA_SETS, DictListers
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.requests import pod_requests
from tests.unit.scheduler.placing import node, place, pod

TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("pod", "nodes", "message"),
    [
        pytest.param(pod(cpu="5"), [node("a"), node("b")], "2 Insufficient cpu.", id="cpu"),
        pytest.param(pod(cpu="5", memory="9Gi"), [node("a")], "1 Insufficient cpu, 1 Insufficient memory.", id="both"),
        pytest.param(pod(), [node("a", pods="0")], "1 Too many pods.", id="pods"),
        pytest.param(pod(), [node("a", taints=[TAINT])], "1 node(s) had untolerated taint(s).", id="taint"),
        pytest.param(pod(), [node("a", unschedulable=True)], "1 node(s) were unschedulable.", id="cordoned"),
        pytest.param(
            pod(nodeSelector={"d": "ssd"}),
            [node("a"), node("b", cpu="0", labels={"d": "ssd"})],
            "1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector.",
            id="selector and cpu",
        ),
    ],
)
def test_what_is_said_when_no_node_fits(pod, nodes, message):
    outcome = place(pod, *nodes)
    assert isinstance(outcome, Unplaced)
    assert outcome.message == f"0/{len(nodes)} nodes are available: {message}"


def test_no_nodes_at_all():
    assert place(pod()) == Unplaced("no nodes available to schedule pods", ())


def test_the_emptier_node_wins():
    outcome = place(pod(), node("full"), node("empty"), running=[(pod("a", cpu="2", memory="4Gi"), "full")])
    assert isinstance(outcome, Placed)
    assert outcome.node == "empty"
    assert outcome.scores["NodeResourcesFit"] > 0


def test_equals_are_chosen_by_chance():
    assert {place(pod(), node("a"), node("b"), seed=seed).node for seed in range(20)} == {"a", "b"}


def test_tolerations_and_preferences():
    tolerant = pod(tolerations=[{"key": "k", "operator": "Exists"}])
    assert place(tolerant, node("a", taints=[TAINT])).node == "a"
    rather_not = [{"key": "k", "effect": "PreferNoSchedule"}]
    assert place(pod(), node("a", taints=rather_not), node("b")).node == "b"


def affinity(required=None, preferred=None):
    terms = {}
    if required is not None:
        terms["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": required}
    if preferred is not None:
        terms["preferredDuringSchedulingIgnoredDuringExecution"] = preferred
    return {"nodeAffinity": terms}


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ({"key": "n", "operator": "In", "values": ["1", "3"]}, {"a", "c"}),
        ({"key": "n", "operator": "NotIn", "values": ["1"]}, {"b", "c", "none"}),
        ({"key": "n", "operator": "Exists"}, {"a", "b", "c"}),
        ({"key": "n", "operator": "DoesNotExist"}, {"none"}),
        ({"key": "n", "operator": "Gt", "values": ["1"]}, {"b", "c"}),
        ({"key": "n", "operator": "Lt", "values": ["2"]}, {"a"}),
        ({"key": "n", "operator": "Gt", "values": ["x"]}, set()),
    ],
)
def test_required_node_affinity(expression, chosen):
    nodes = [node(name, labels={"n": str(number)}) for number, name in enumerate("abc", 1)] + [node("none")]
    asking = pod(affinity=affinity(required=[{"matchExpressions": [expression]}]))
    fits = {each["metadata"]["name"] for each in nodes if isinstance(place(asking, each), Placed)}
    assert fits == chosen


def test_preferred_node_affinity_adds_its_weight():
    preference = {"weight": 10, "preference": {"matchExpressions": [{"key": "d", "operator": "Exists"}]}}
    assert place(pod(affinity=affinity(preferred=[preference])), node("a"), node("b", labels={"d": ""})).node == "b"


def test_host_ports_are_one_pods_at_a_time():
    def holding(name, ip=""):
        made = pod(name)
        made["spec"]["containers"][0]["ports"] = [
            {"containerPort": 80, "hostPort": 80, "hostIP": ip, "protocol": "TCP"}
        ]
        return made

    assert isinstance(place(holding("a"), node("n"), running=[(holding("b", "10.0.0.1"), "n")]), Unplaced)
    assert isinstance(place(holding("a", "10.0.0.2"), node("n"), running=[(holding("b", "10.0.0.1"), "n")]), Placed)


def test_rows_are_reused_and_a_node_that_comes_back_still_counts_its_pods():
    columns = Columns()
    columns.set_node(node("a"))
    columns.add_pod(PodInfo(pod(cpu="3")), "a")
    columns.remove_node("a")
    columns.set_node(node("b"))
    assert columns.requested[columns.rows["b"]].sum() == 0
    columns.set_node(node("a"))
    assert columns.requested[columns.rows["a"], 0] == 3000
    columns.remove_pod("p")
    assert columns.requested.sum() == 0


def test_init_containers_count_at_their_peak_and_sidecars_always():
    asking = pod(cpu="100m")

    def init(cpu, **more):
        return {"name": "i", "image": "i", "resources": {"requests": {"cpu": cpu}}} | more

    asking["spec"]["initContainers"] = [init("50m", restartPolicy="Always"), init("1")]
    assert dict(pod_requests(asking).amounts)["cpu"] == 1050
    asking["spec"]["initContainers"] = [init("50m", restartPolicy="Always"), init("10m")]
    assert dict(pod_requests(asking).amounts)["cpu"] == 150


def test_replicas_of_one_workload_are_spread_over_equal_nodes():
    def replica(name, owner="rs"):
        made = pod(name, cpu="1m", memory="1Mi", labels={"app": owner})
        made["metadata"]["ownerReferences"] = [{"uid": owner, "name": owner, "kind": "ReplicaSet", "controller": True}]
        return made

    replica_set = {
        "metadata": {"name": "rs", "namespace": "default", "uid": "rs"},
        "spec": {"selector": {"matchLabels": {"app": "rs"}}},
    }
    nodes = [node(name, labels={"kubernetes.io/hostname": name}) for name in "abc"]
    running = [(replica("1"), "a"), (replica("2"), "b"), (replica("3", "other"), "c")]
    listers = DictListers({REPLICA_SETS: [replica_set]})
    chosen = {place(replica("4"), *nodes, running=running, seed=seed, listers=listers).node for seed in range(10)}
    assert chosen == {"c"}
