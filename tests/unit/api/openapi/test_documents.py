from collections import Counter
from functools import cache
from typing import Any

import orjson
import pytest

from kubern.api.openapi import OpenAPI
from kubern.api.resource import STATUS, Resource
from kubern.api.resources import load
from kubern.api.schema.definitions import Definitions

METHODS = ("get", "post", "put", "patch", "delete")
WIDGETS = Resource("apps", "v1", "Deployment", "deployments", "deployment", True, "io.k8s.api.apps.v1.Deployment")


@cache
def api() -> OpenAPI:
    return OpenAPI(Definitions(), load(), "v1.36.0")


@cache
def document(path: str) -> dict[str, Any]:
    return orjson.loads(api().document(path))  # type: ignore[no-any-return]


@cache
def swagger() -> dict[str, Any]:
    return orjson.loads(api().swagger())  # type: ignore[no-any-return]


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()


def resolve(node: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


@pytest.mark.parametrize(
    "path", ["api/v1", "apis/apps/v1", "apis/rbac.authorization.k8s.io/v1", "apis/apiextensions.k8s.io/v1"]
)
def test_every_reference_leads_somewhere(path: str) -> None:
    for reference in references(document(path)):
        assert resolve(document(path), reference)


def test_every_reference_of_the_swagger_document_leads_somewhere() -> None:
    for reference in references(swagger()):
        assert resolve(swagger(), reference)


def test_operation_ids_are_unique() -> None:
    ids = [item[method]["operationId"] for item in swagger()["paths"].values() for method in METHODS if method in item]
    assert [id for id, count in Counter(ids).items() if count > 1] == []


@pytest.mark.parametrize(
    ("group_version", "path", "method", "id", "action", "kind"),
    [
        ("api/v1", "/api/v1/namespaces/{namespace}/pods", "get", "listCoreV1NamespacedPod", "list", "Pod"),
        ("api/v1", "/api/v1/namespaces/{namespace}/pods", "delete", "deleteCoreV1CollectionNamespacedPod", "deletecollection", "Pod"),
        ("api/v1", "/api/v1/pods", "get", "listCoreV1PodForAllNamespaces", "list", "Pod"),
        ("api/v1", "/api/v1/nodes/{name}", "get", "readCoreV1Node", "get", "Node"),
        ("api/v1", "/api/v1/namespaces/{namespace}/pods/{name}/log", "get", "readCoreV1NamespacedPodLog", "get", "Pod"),
        ("api/v1", "/api/v1/namespaces/{namespace}/pods/{name}/exec", "post",
         "connectCoreV1PostNamespacedPodExec", "connect", "PodExecOptions"),
        ("api/v1", "/api/v1/namespaces/{namespace}/pods/{name}/eviction", "post", "createCoreV1NamespacedPodEviction", "post", "Eviction"),
        ("apis/apps/v1", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale", "put", "replaceAppsV1NamespacedDeploymentScale",
         "put", "Scale"),
        ("apis/rbac.authorization.k8s.io/v1", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "post",
         "createRbacAuthorizationV1ClusterRole", "post", "ClusterRole"),
    ],
)  # fmt: skip
def test_an_operation_has_upstreams_id_and_marks(
    group_version: str, path: str, method: str, id: str, action: str, kind: str
) -> None:
    operation = document(group_version)["paths"][path][method]
    assert (operation["operationId"], operation["x-kubernetes-action"]) == (id, action)
    assert operation["x-kubernetes-group-version-kind"]["kind"] == kind


@pytest.mark.parametrize("method", ["post", "put", "patch"])
def test_writes_offer_field_validation_and_dry_run(method: str) -> None:
    base = "/apis/apps/v1/namespaces/{namespace}/deployments"
    operation = document("apis/apps/v1")["paths"][base if method == "post" else f"{base}/{{name}}"][method]
    assert {"dryRun", "fieldValidation"} <= {parameter["name"] for parameter in operation["parameters"]}


def test_schemas_keep_the_marks_that_clients_merge_by() -> None:
    schemas = document("apis/apps/v1")["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["type"] == "array"
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-patch-strategy"] == "merge"
    deployment = schemas["io.k8s.api.apps.v1.Deployment"]
    assert deployment["x-kubernetes-group-version-kind"] == [{"group": "apps", "kind": "Deployment", "version": "v1"}]
    assert "enum" not in deployment["properties"]["kind"]
    assert deployment["properties"]["spec"]["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec"}
    ]


def test_a_version_two_schema_is_plain() -> None:
    definitions = swagger()["definitions"]
    assert definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] == {
        "type": "string",
        "format": "int-or-string",
    }
    assert (
        definitions["io.k8s.api.core.v1.Pod"]["properties"]["spec"]["$ref"]
        == "#/definitions/io.k8s.api.core.v1.PodSpec"
    )
    assert swagger()["parameters"]["namespace"]["type"] == "string"


def test_a_document_holds_what_it_needs_and_no_more() -> None:
    schemas = document("apis/rbac.authorization.k8s.io/v1")["components"]["schemas"]
    assert "io.k8s.api.rbac.v1.ClusterRoleList" in schemas
    assert "io.k8s.api.core.v1.Pod" not in schemas


def test_the_index_names_each_document_by_its_hash() -> None:
    paths = orjson.loads(api().index())["paths"]
    assert set(paths) == set(api().group_versions())
    assert paths["api/v1"]["serverRelativeURL"] == f"/openapi/v3/api/v1?hash={api().hash('api/v1')}"


def test_a_hash_follows_what_is_served() -> None:
    definitions = Definitions()
    one, same = (OpenAPI(definitions, [WIDGETS], "v1") for _ in range(2))
    more = OpenAPI(
        definitions,
        [
            Resource(
                "apps", "v1", "Deployment", "deployments", "deployment", True, WIDGETS.schema, subresources=(STATUS,)
            )
        ],
        "v1",
    )
    assert one.hash("apis/apps/v1") == same.hash("apis/apps/v1")
    assert one.hash("apis/apps/v1") != more.hash("apis/apps/v1")
    assert one.hash() != OpenAPI(definitions, [WIDGETS], "v2").hash()


def test_an_unknown_group_has_no_document() -> None:
    with pytest.raises(KeyError):
        api().document("apis/none/v1")
