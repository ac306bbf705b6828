"""Pods on a real node: from a Pod object in the API to processes, and back to its status."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from kubern.client.contract import GVR
from tests.unit.kubelet.device_driver import NAME, Driver

from .conftest import PODS, Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG_MAPS = GVR("", "v1", "configmaps")
SECRETS = GVR("", "v1", "secrets")
# pid 1 that ends when it is asked to
SERVE = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]


def conditions(pod: dict[str, Any]) -> dict[str, str]:
    return {each["type"]: each["status"] for each in pod["status"]["conditions"]}


def state(pod: dict[str, Any], container: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = pod["status"]["containerStatuses"][container]["state"]
    return found


async def test_the_node_is_ready_and_has_a_lease(bench: Bench) -> None:
    def ready(node: dict[str, Any]) -> bool:
        return any(
            (each["type"], each["status"]) == ("Ready", "True") for each in node.get("status", {}).get("conditions", ())
        )

    nodes = GVR("", "v1", "nodes")
    async with asyncio.timeout(30):
        async for event in bench.client.watch(nodes):
            if ready(event.object):
                break
    node = await bench.client.get(nodes, bench.node.name)
    assert node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://1.")
    assert node["status"]["allocatable"]["pods"] == "110"
    assert {"type": "InternalIP", "address": "172.30.0.11"} in node["status"]["addresses"]
    lease = await bench.client.get(GVR("coordination.k8s.io", "v1", "leases"), bench.node.name, "kube-node-lease")
    assert lease["spec"]["holderIdentity"] == bench.node.name
    assert lease["metadata"]["ownerReferences"][0]["uid"] == node["metadata"]["uid"]


async def test_a_pod_runs_is_ready_and_goes(bench: Bench) -> None:
    name = await bench.create(bench.pod({"command": SERVE}))
    pod = await bench.until(name, lambda p: p["status"].get("phase") == "Running" and conditions(p)["Ready"] == "True")
    assert pod["status"]["podIP"].startswith("10.244.1.")
    assert pod["status"]["hostIP"] == "172.30.0.11"
    assert pod["status"]["qosClass"] == "BestEffort"
    assert pod["status"]["containerStatuses"][0]["containerID"].startswith("containerd://")
    assert all(value == "True" for value in conditions(pod).values())
    await bench.delete(name)
    reasons = [event["reason"] for event in await bench.events(name)]
    assert {"Pulled", "Created", "Started", "Killing"} <= set(reasons)
    folder = bench.node.paths.kubelet / "pods" / pod["metadata"]["uid"]
    assert not folder.exists()


async def test_init_containers_run_in_order_and_share_a_volume(bench: Bench) -> None:
    mount = [{"name": "v", "mountPath": "/v"}]
    pod = bench.pod(
        {"command": ["cat", "/v/all"], "volumeMounts": mount},
        initContainers=[
            {"command": ["sh", "-c", "echo one >> /v/all"], "volumeMounts": mount},
            {"command": ["sh", "-c", "echo two >> /v/all"], "volumeMounts": mount},
        ],
        volumes=[{"name": "v", "emptyDir": {}}],
        restartPolicy="Never",
    )
    name = await bench.create(pod)
    done = await bench.until(name, lambda p: p["status"].get("phase") == "Succeeded")
    assert bench.log_of(done) == "one\ntwo"
    assert state(done)["terminated"]["reason"] == "Completed"
    await bench.delete(name)


async def test_a_failing_container_is_restarted_in_back_off(bench: Bench) -> None:
    pod = bench.pod({"command": ["sh", "-c", "echo last words > /dev/termination-log; exit 3"]})
    name = await bench.create(pod)
    waiting = await bench.until(
        name,
        lambda p: (
            state(p).get("waiting", {}).get("reason") == "CrashLoopBackOff"
            if p["status"].get("containerStatuses")
            else False
        ),
    )
    status = waiting["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["lastState"]["terminated"]["message"] == "last words\n"
    assert status["state"]["waiting"]["message"].startswith("back-off 10s restarting failed container=c0 pod=")
    await bench.delete(name)


async def test_environment_and_projected_files(bench: Bench) -> None:
    meta = {"namespace": "default"}
    await bench.client.create(
        CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta | {"name": "cm"}, "data": {"k": "v1"}}
    )
    await bench.client.create(
        SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": meta | {"name": "s"}, "stringData": {"p": "hidden"}}
    )
    pod = bench.pod(
        {
            "command": SERVE,
            "env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}}},
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "C", "value": "$(A)-$(B)"},
            ],
            "volumeMounts": [{"name": "c", "mountPath": "/c"}, {"name": "s", "mountPath": "/s", "readOnly": True}],
        },
        volumes=[{"name": "c", "configMap": {"name": "cm"}}, {"name": "s", "secret": {"secretName": "s"}}],
    )
    name = await bench.create(pod)
    running = await bench.running(name)
    env = await bench.exec(running, "env")
    assert "A=v1\n" in env
    assert "C=v1-hidden\n" in env
    assert f"IP={running['status']['podIP']}\n" in env
    assert "KUBERNETES_SERVICE_HOST=10.96.0.1\n" in env
    assert await bench.exec(running, "cat", "/c/k", "/s/p") == "v1hidden"
    token = await bench.exec(running, "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token")
    assert token.count(".") == 2
    await bench.delete(name)


async def test_a_missing_config_map_is_named_and_waited_for(bench: Bench) -> None:
    pod = bench.pod({"command": SERVE, "envFrom": [{"configMapRef": {"name": "later"}}]})
    name = await bench.create(pod)
    waiting = await bench.until(
        name,
        lambda p: (
            p["status"].get("containerStatuses")
            and state(p).get("waiting", {}).get("reason") == "CreateContainerConfigError"
        ),
    )
    assert state(waiting)["waiting"]["message"] == 'configmap "later" not found'
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later", "namespace": "default"}}
    await bench.client.create(CONFIG_MAPS, config | {"data": {"X": "y"}})
    await bench.running(name)
    await bench.delete(name)


async def test_an_image_that_is_not_there(bench: Bench) -> None:
    pod = bench.pod({"image": "localhost/none:1", "imagePullPolicy": "Never"}, {"image": "Not A Name"})
    name = await bench.create(pod)
    waiting = await bench.until(
        name,
        lambda p: (
            p["status"].get("containerStatuses")
            and all(
                "reason" in state(p, n).get("waiting", {}) and state(p, n)["waiting"]["reason"] != "ContainerCreating"
                for n in (0, 1)
            )
        ),
    )
    assert state(waiting)["waiting"]["reason"] == "ErrImageNeverPull"
    assert state(waiting, 1)["waiting"]["reason"] == "InvalidImageName"
    await bench.delete(name)


async def test_an_image_that_cannot_be_pulled(bench: Bench) -> None:
    name = await bench.create(bench.pod({"image": "localhost:1/none:1"}))
    waiting = await bench.until(
        name,
        lambda p: (
            p["status"].get("containerStatuses") and state(p).get("waiting", {}).get("reason") == "ImagePullBackOff"
        ),
    )
    assert state(waiting)["waiting"]["message"].startswith(
        'Back-off pulling image "localhost:1/none:1": ErrImagePull: '
    )
    reasons = {(event["reason"], event["message"].partition(":")[0]) for event in await bench.events(name)}
    assert ("Pulling", 'Pulling image "localhost') in reasons
    assert ("Failed", "Error") in reasons
    await bench.delete(name)


async def test_limits_reach_the_kernel(bench: Bench) -> None:
    pod = bench.pod({"command": SERVE, "resources": {"limits": {"cpu": "250m", "memory": "32Mi"}}})
    name = await bench.create(pod)
    running = await bench.running(name)
    assert running["status"]["qosClass"] == "Guaranteed"
    limit = await bench.exec(running, "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    assert int(limit) == 32 << 20
    uid = running["metadata"]["uid"]
    group = Path("/sys/fs/cgroup/pids") / bench.node.cgroup.lstrip("/") / "kubepods" / f"pod{uid}"
    assert (group / "pids.max").read_text().strip() == "100"
    await bench.delete(name)
    assert not group.exists()


async def test_users_groups_and_what_they_may(bench: Bench) -> None:
    pod = bench.pod(
        {
            "command": [
                "sh",
                "-c",
                "exec 2>&1; id; touch /x; touch /v/y && stat -c %g /v/y; grep NoNewPrivs /proc/self/status",
            ],
            "securityContext": {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False},
            "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "a"}],
        },
        securityContext={
            "runAsUser": 1000,
            "runAsGroup": 3000,
            "fsGroup": 2000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        volumes=[{"name": "v", "emptyDir": {}}],
        restartPolicy="Never",
    )
    name = await bench.create(pod)
    done = await bench.until(name, lambda p: p["status"].get("phase") == "Succeeded")
    lines = bench.log_of(done).splitlines()
    assert lines[0] == "uid=1000 gid=3000 groups=2000,3000"
    assert "Read-only file system" in lines[1]
    assert lines[2:] == ["2000", "NoNewPrivs:\t1"]
    await bench.delete(name)


async def test_the_nodes_network_and_a_shared_process_namespace(bench: Bench) -> None:
    shared = await bench.create(bench.pod({"command": SERVE}, {"command": SERVE}, shareProcessNamespace=True))
    with_node = await bench.create(
        bench.pod({"command": SERVE}, hostNetwork=True, hostAliases=[{"ip": "192.0.2.7", "hostnames": ["alias"]}])
    )
    running = await bench.running(with_node)
    assert running["status"]["podIP"] == running["status"]["hostIP"] == "172.30.0.11"
    hosts = await bench.exec(running, "cat", "/etc/hosts")
    assert hosts.startswith("# Kubernetes-managed hosts file (host network).")
    assert "192.0.2.7\talias" in hosts
    processes = await bench.exec(await bench.running(shared), "ps")
    assert processes.count("sleep 0.05; done") >= 2
    await bench.delete(shared)
    await bench.delete(with_node)


async def test_an_ephemeral_container_joins_a_running_pod(bench: Bench) -> None:
    name = await bench.create(bench.pod({"command": SERVE}))
    pod = await bench.running(name)
    debug = {
        "name": "debug",
        "image": pod["spec"]["containers"][0]["image"],
        "command": ["ps"],
        "targetContainerName": "c0",
    }
    await bench.client.patch(
        PODS,
        name,
        {"spec": {"ephemeralContainers": [debug]}},
        "default",
        subresource="ephemeralcontainers",
        content_type="application/strategic-merge-patch+json",
    )
    ended = await bench.until(
        name, lambda p: "terminated" in (p["status"].get("ephemeralContainerStatuses") or [{"state": {}}])[0]["state"]
    )
    assert "trap" in bench.log_of(ended, "debug")
    assert ended["status"]["phase"] == "Running"
    await bench.delete(name)


async def test_a_running_container_is_resized(bench: Bench) -> None:
    small = {"cpu": "100m", "memory": "32Mi"}
    large = {"cpu": "300m", "memory": "64Mi"}
    name = await bench.create(bench.pod({"command": SERVE, "resources": {"limits": small}}))
    before = await bench.running(name)
    for wanted in (large, small):
        change = {"spec": {"containers": [{"name": "c0", "resources": {"limits": wanted, "requests": wanted}}]}}
        await bench.client.patch(
            PODS, name, change, "default", subresource="resize", content_type="application/strategic-merge-patch+json"
        )
        after = await bench.until(
            name, lambda p, w=wanted: p["status"]["containerStatuses"][0]["resources"]["limits"] == w
        )
        quota = await bench.exec(after, "cat", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        memory = await bench.exec(after, "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
        assert (int(quota), int(memory)) == (int(wanted["cpu"][:-1]) * 100, int(wanted["memory"][:-2]) << 20)
    status = after["status"]["containerStatuses"][0]
    assert status["containerID"] == before["status"]["containerStatuses"][0]["containerID"]
    assert status["allocatedResources"] == small
    await bench.delete(name)


async def test_liveness_restarts_and_readiness_takes_out(bench: Bench) -> None:
    pod = bench.pod(
        {
            "command": ["sh", "-c", "trap 'exit 0' TERM; touch /ok; while :; do sleep 0.05; done"],
            "livenessProbe": {
                "exec": {"command": ["test", "!", "-e", "/dead"]},
                "periodSeconds": 1,
                "failureThreshold": 1,
            },
            "readinessProbe": {"exec": {"command": ["test", "-e", "/ok"]}, "periodSeconds": 1, "failureThreshold": 1},
        }
    )
    name = await bench.create(pod)
    ready = await bench.until(name, lambda p: p["status"].get("conditions") and conditions(p)["Ready"] == "True")
    await bench.exec(ready, "rm", "/ok")
    await bench.until(name, lambda p: conditions(p)["Ready"] == "False")
    await bench.exec(ready, "touch", "/dead")
    again = await bench.until(
        name, lambda p: p["status"]["containerStatuses"][0]["restartCount"] == 1 and conditions(p)["Ready"] == "True"
    )
    assert again["status"]["podIP"] == ready["status"]["podIP"]
    messages = [event["message"] for event in await bench.events(name)]
    assert "Container c0 failed liveness probe, will be restarted" in messages
    await bench.delete(name)


async def test_a_dead_sandbox_is_made_again(bench: Bench) -> None:
    name = await bench.create(bench.pod({"command": SERVE}))
    before = await bench.running(name)
    async with bench.runtime() as runtime:
        labels = {"io.kubernetes.pod.uid": before["metadata"]["uid"]}
        (sandbox,) = await runtime.list_sandboxes(labels)
        await runtime.stop_sandbox(sandbox.id)
    after = await bench.until(
        name, lambda p: p["status"]["containerStatuses"][0]["restartCount"] == 1 and conditions(p)["Ready"] == "True"
    )
    assert after["status"]["podIP"] != before["status"]["podIP"]
    assert len(after["status"]["podIPs"]) == 1
    await bench.delete(name)


async def test_sidecars_run_beside_the_work_and_end_after_it(bench: Bench) -> None:
    mount = [{"name": "v", "mountPath": "/v"}]
    pod = bench.pod(
        {"command": ["sh", "-c", "cat /v/up; sleep 0.3"], "volumeMounts": mount},
        initContainers=[
            {
                "command": ["sh", "-c", "echo up > /v/up; trap 'echo down; exit 0' TERM; while :; do sleep 0.05; done"],
                "volumeMounts": mount,
                "restartPolicy": "Always",
                "startupProbe": {"exec": {"command": ["test", "-e", "/v/up"]}, "periodSeconds": 1},
            }
        ],
        volumes=[{"name": "v", "emptyDir": {"medium": "Memory"}}],
        restartPolicy="Never",
    )
    name = await bench.create(pod)
    done = await bench.until(name, lambda p: p["status"].get("phase") == "Succeeded")
    assert bench.log_of(done) == "up"
    assert bench.log_of(done, "i0") == "down"
    await bench.delete(name)


async def test_a_pod_ends_by_its_hook_then_by_force(bench: Bench) -> None:
    pod = bench.pod(
        {
            "command": ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"],
            "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "echo asked > /proc/1/fd/1"]}}},
        }
    )
    name = await bench.create(pod)
    running = await bench.running(name)
    states: list[dict[str, Any]] = []

    async def follow() -> None:
        async for each in bench.states(name):
            states.append(each)

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    await bench.client.delete(PODS, name, "default")
    await bench.until_gone(name, running)
    following.cancel()
    ended = states[-1]["status"]
    assert (ended["phase"], ended["containerStatuses"][0]["state"]["terminated"]["exitCode"]) == ("Failed", 137)


async def test_a_pod_that_asks_for_too_much_is_refused(bench: Bench) -> None:
    name = await bench.create(bench.pod({"command": SERVE, "resources": {"requests": {"cpu": "1000"}}}))
    refused = await bench.until(name, lambda p: p["status"].get("phase") == "Failed")
    assert refused["status"]["reason"] == "OutOfcpu"
    await bench.delete(name)


async def test_the_kubelets_own_api(bench: Bench) -> None:
    name = await bench.create(
        bench.pod({"command": ["sh", "-c", "echo hello; trap 'exit 0' TERM; while :; do sleep 0.05; done"]})
    )
    running = await bench.running(name)
    assert await bench.ask_kubelet("GET", f"/containerLogs/default/{name}/c0") == (200, b"hello\n")
    status, body = await bench.ask_kubelet("GET", "/pods")
    assert (status, name in {each["metadata"]["name"] for each in orjson.loads(body)["items"]}) == (200, True)
    status, body = await bench.ask_kubelet("POST", f"/run/default/{name}/c0?cmd=echo%20hi")
    assert (status, body) == (200, b"hi\n")
    status, body = await bench.ask_kubelet("GET", "/stats/summary")
    found = {each["podRef"]["uid"]: each for each in orjson.loads(body)["pods"]}
    assert found[running["metadata"]["uid"]]["memory"]["workingSetBytes"] > 0
    status, body = await bench.ask_kubelet("GET", "/metrics")
    assert b"kubelet_running_pods" in body
    await bench.delete(name)


async def test_an_account_with_the_right_may_scrape_the_kubelet(bench: Bench) -> None:
    accounts = GVR("", "v1", "serviceaccounts")
    made = await bench.client.create(accounts, {"spec": {}}, "default", name="default", subresource="token")
    token = made["status"]["token"]
    assert (await bench.ask_kubelet("GET", "/metrics", "wrong"))[0] == 401
    # other paths than below: a refusal is remembered for ten seconds
    assert (await bench.ask_kubelet("GET", "/configz", token))[0] == 403
    rbac = "rbac.authorization.k8s.io"
    role = {
        "metadata": {"name": "scraper"},
        "rules": [{"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]}],
    }
    await bench.client.create(GVR(rbac, "v1", "clusterroles"), role)
    binding = {
        "metadata": {"name": "scraper"},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "scraper"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}],
    }
    await bench.client.create(GVR(rbac, "v1", "clusterrolebindings"), binding)
    status, body = await bench.ask_kubelet("GET", "/metrics/resource", token)
    assert (status, b"node_cpu_usage_seconds_total" in body) == (200, True)
    status, body = await bench.ask_kubelet("GET", "/stats/summary", token)
    assert (status, b"subresource(s)=[stats]" in body) == (403, True)


async def test_a_node_that_lost_power_brings_its_pods_back(bench: Bench) -> None:
    await bench.client.create(
        SECRETS,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "k", "namespace": "default"},
            "stringData": {"p": "q"},
        },
    )
    pod = bench.pod(
        {
            "command": [
                "sh",
                "-c",
                "cat /s/p; echo; echo run >> /v/runs; trap 'exit 0' TERM; while :; do sleep 0.05; done",
            ],
            "volumeMounts": [{"name": "s", "mountPath": "/s"}, {"name": "v", "mountPath": "/v"}],
        },
        volumes=[{"name": "s", "secret": {"secretName": "k"}}, {"name": "v", "emptyDir": {}}],
    )
    name = await bench.create(pod)
    await bench.running(name)
    await asyncio.to_thread(bench.node.kill)
    await asyncio.to_thread(bench.start_node)
    back = await bench.until(
        name, lambda p: p["status"]["containerStatuses"][0]["restartCount"] == 1 and conditions(p)["Ready"] == "True"
    )
    assert await bench.exec(back, "cat", "/v/runs") == "run\nrun\n"
    assert bench.log_of(back, attempt=1) == "q"
    assert back["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 255
    await bench.delete(name)


async def test_a_restarted_kubelet_leaves_running_pods_alone(bench: Bench) -> None:
    name = await bench.create(bench.pod({"command": SERVE, "readinessProbe": {"exec": {"command": ["true"]}}}))
    before = await bench.until(name, lambda p: p["status"].get("conditions") and conditions(p)["Ready"] == "True")
    other = await bench.create(bench.pod({"command": SERVE}))
    await bench.running(other)
    agent = _kubelet_pid(bench)
    agent.kill()
    await asyncio.to_thread(agent.wait, 10)
    await bench.client.delete(PODS, other, "default", grace_period=0)
    third = await bench.create(bench.pod({"command": SERVE}))
    await bench.running(third)
    after = await bench.client.get(PODS, name, "default")
    assert after["status"] == before["status"]
    for each in (name, third):
        await bench.delete(each)


def _kubelet_pid(bench: Bench) -> Any:
    first = bench.node.first_process()
    assert first is not None
    (found,) = [each for each in psutil.Process(first).children(recursive=True) if "kubelet" in each.cmdline()]
    return found


async def test_a_driver_prepares_the_devices_of_a_pod(bench: Bench) -> None:
    claims = GVR("resource.k8s.io", "v1", "resourceclaims")
    request = {"name": "r", "exactly": {"deviceClassName": "gpu"}}
    made = {"metadata": {"name": "card", "namespace": "default"}, "spec": {"devices": {"requests": [request]}}}
    claim = await bench.client.create(claims, made)
    container = {"command": SERVE, "resources": {"claims": [{"name": "card"}]}}
    pod = bench.pod(container, resourceClaims=[{"name": "card", "resourceClaimName": "card"}])
    created = await bench.client.create(PODS, pod)
    name, user = pod["metadata"]["name"], {"resource": "pods", "name": pod["metadata"]["name"]}
    result = {"request": "r", "driver": NAME, "pool": "p", "device": "a"}
    status = {
        "allocation": {"devices": {"results": [result]}},
        "reservedFor": [{**user, "uid": created["metadata"]["uid"]}],
    }
    await bench.client.update(claims, {**claim, "status": status}, subresource="status")

    async with asyncio.timeout(30):
        async for event in bench.client.watch(GVR("", "v1", "events"), "default"):
            if event.object.get("reason") != "FailedPrepareDynamicResources":
                continue
            # The pod was bound before its claim was reserved, so the kubelet may have met it first without the claim.
            if "DRA driver gpu.example.com is not registered" in event.object["message"]:
                break
    driver = Driver(bench.node.paths.kubelet / "plugins_registry")
    await driver.start()
    try:
        await bench.running(name)
        assert driver.asked == ["registered True", "prepare default/card"]
        await bench.delete(name)
        assert driver.asked[2:] == ["release default/card"]
    finally:
        await driver.stop()
