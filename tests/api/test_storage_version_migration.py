"""A storage version migration from end to end: the bytes of custom objects in the store change their version."""

import subprocess
import sys
import time

import pytest

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MIGRATIONS = "/apis/storagemigration.k8s.io/v1beta1/storageversionmigrations"
SERVED = "--runtime-config=storagemigration.k8s.io/v1beta1=true"
MERGE = {"content-type": "application/merge-patch+json"}


def eventually(check):
    deadline = time.monotonic() + 30
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


@pytest.fixture
def cluster(own_apiserver, tmp_path):
    api = own_apiserver(SERVED).start()
    command = [
        sys.executable, "-m", "kubern", "controller-manager", "--kubeconfig", str(api.kubeconfig), "--no-leader-elect",
        "--secure-port=0",
        "--controllers", "storage-version-migrator-controller",
    ]  # fmt: skip
    with (tmp_path / "controllers").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    yield api
    process.terminate()
    assert process.wait(20) == 0, (tmp_path / "controllers").read_text()


def versions(stored):
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return [{"name": name, "served": True, "storage": name == stored, "schema": schema} for name in ("v1", "v2")]


def condition(api, name, kind):
    found = api("GET", f"{MIGRATIONS}/{name}").body.get("status", {}).get("conditions", [])
    return next((each for each in found if each["type"] == kind and each["status"] == "True"), None)


def migrate(api, name, resource):
    body = {"metadata": {"name": name}, "spec": {"resource": {"group": "example.com", "resource": resource}}}
    made = api("POST", MIGRATIONS, body)
    assert made.code == 201, made.body


def test_objects_are_stored_in_the_new_version(cluster):
    api = cluster
    spec = {
        "group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
        "versions": versions("v1"),
    }  # fmt: skip
    assert api("POST", CRDS, {"metadata": {"name": "things.example.com"}, "spec": spec}).code == 201
    path = "/apis/example.com/v2/namespaces/default/things"
    eventually(lambda: api("GET", path).code == 200)
    for number in range(20):
        assert (
            api(
                "POST", path, {"metadata": {"name": f"t{number}"}, "kind": "Thing", "apiVersion": "example.com/v2"}
            ).code
            == 201
        )
    before = {each["metadata"]["name"]: each["metadata"] for each in api("GET", path).body["items"]}
    changed = api("PATCH", f"{CRDS}/things.example.com", {"spec": {"versions": versions("v2")}}, headers=MERGE)
    assert changed.code == 200
    migrate(api, "m", "things")
    done = eventually(lambda: condition(api, "m", "Succeeded"))
    assert done["reason"] == "StorageVersionMigrationSucceeded"
    assert api("GET", f"{MIGRATIONS}/m").body["status"]["resourceVersion"]
    after = {each["metadata"]["name"]: each["metadata"] for each in api("GET", path).body["items"]}
    assert all(after[name]["resourceVersion"] != before[name]["resourceVersion"] for name in before)
    assert all(after[name]["uid"] == before[name]["uid"] for name in before)
    # once more there is nothing to write
    migrate(api, "again", "things")
    eventually(lambda: condition(api, "again", "Succeeded"))
    assert {e["metadata"]["name"]: e["metadata"] for e in api("GET", path).body["items"]} == after


def test_what_is_to_be_migrated_cannot_be_changed(own_apiserver):
    api = own_apiserver(SERVED).start()
    migrate(api, "m", "things")
    other = {"spec": {"resource": {"group": "example.com", "resource": "others"}}}
    refused = api("PATCH", f"{MIGRATIONS}/m", other, headers=MERGE)
    assert refused.code == 422
    assert "field is immutable" in refused.body["message"]
    nothing = api("POST", MIGRATIONS, {"metadata": {"name": "n"}, "spec": {"resource": {"group": "apps"}}})
    assert nothing.code == 422
    assert "spec.resource.resource" in nothing.body["message"]
