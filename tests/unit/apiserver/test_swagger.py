"""Swagger documents of several servers in one."""

from __future__ import annotations

import pytest

from kubern.apiserver.aggregation.swagger import KINDS, joined, part_of


def ref(name):
    return {"$ref": f"#/definitions/{name}"}


def answers(name):
    return {"get": {"responses": {"200": {"schema": ref(name)}}}}


OWN = {
    "swagger": "2.0",
    "info": {"title": "t"},
    "paths": {"/apis/a/v1/things": answers("Thing")},
    "definitions": {"Thing": {"properties": {"meta": ref("Meta")}}, "Meta": {"type": "object", KINDS: [{"kind": "A"}]}},
}
PREFIX = "/apis/b/v1"


def other(definitions, name="Other", path=f"{PREFIX}/others"):
    return {"paths": {path: answers(name)}, "definitions": definitions}


def test_only_a_group_versions_paths_are_taken_with_what_they_lead_to():
    document = {
        "swagger": "2.0",
        "parameters": {"pretty-1": {"name": "pretty", "in": "query", "type": "string"}},
        "paths": {
            f"{PREFIX}/": answers("Deep"),
            f"{PREFIX}/others": {"parameters": [{"$ref": "#/parameters/pretty-1"}]},
            "/apis/b/v1beta1/others": answers("Unused"),
            "/version/": answers("Unused"),
        },
        "definitions": {"Deep": {"items": ref("Deeper")}, "Deeper": {"x": [ref("Deep")]}, "Unused": {}},
    }
    part = part_of(document, PREFIX)
    assert sorted(part["paths"]) == [f"{PREFIX}/", f"{PREFIX}/others"]
    assert part["paths"][f"{PREFIX}/others"]["parameters"] == [{"name": "pretty", "in": "query", "type": "string"}]
    assert sorted(part["definitions"]) == ["Deep", "Deeper"]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param([], id="no object"),
        pytest.param({"openapi": "3.0.0"}, id="another version"),
        pytest.param({"swagger": "2.0", "paths": []}, id="paths are a list"),
        pytest.param({"swagger": "2.0", "paths": {f"{PREFIX}/x": answers("None")}}, id="a missing definition"),
    ],
)
def test_what_is_no_swagger_document_is_refused(document):
    with pytest.raises(ValueError):
        part_of(document, PREFIX)


def test_definitions_of_one_name_that_differ_are_renamed_with_their_references():
    one = other({"Other": {"properties": {"meta": ref("Meta")}}, "Meta": {"type": "string"}})
    whole, added = joined(OWN, [one])
    assert whole["definitions"]["Meta"] == OWN["definitions"]["Meta"]
    assert added["definitions"] == {"Other": {"properties": {"meta": ref("Meta_v2")}}, "Meta_v2": {"type": "string"}}
    assert whole["paths"][f"{PREFIX}/others"] == answers("Other")
    again, more = joined(whole, [one | {"paths": {"/apis/c/v1/others": answers("Meta")}}])
    assert more == {"paths": {"/apis/c/v1/others": answers("Meta_v2")}, "definitions": {}}
    third, _ = joined(again, [other({"Meta": {"type": "number"}}, "Meta", "/apis/d/v1/others")])
    assert third["paths"]["/apis/d/v1/others"] == answers("Meta_v3")


def test_a_definition_that_is_renamed_avoids_those_of_its_own_document():
    part = other(
        {"Other": {"a": ref("Meta"), "b": ref("Meta_v2")}, "Meta": {"type": "string"}, "Meta_v2": {"type": "null"}}
    )
    _, added = joined(OWN, [part])
    assert sorted(added["definitions"]) == ["Meta_v2", "Meta_v3", "Other"]
    assert added["definitions"]["Other"] == {"a": ref("Meta_v3"), "b": ref("Meta_v2")}


def test_one_that_says_the_same_is_shared_and_of_the_kinds_of_both():
    part = other({"Meta": {"type": "object", KINDS: [{"kind": "B"}]}}, "Meta")
    whole, added = joined(OWN, [part])
    assert whole["definitions"]["Meta"][KINDS] == [{"kind": "A"}, {"kind": "B"}]
    assert added["definitions"] == {"Meta": whole["definitions"]["Meta"]}
    assert OWN["definitions"]["Meta"][KINDS] == [{"kind": "A"}], "the input was changed"


def test_a_path_that_is_there_is_not_answered_by_another_server():
    part = other({"Other": {"type": "object"}}, path="/apis/a/v1/things")
    whole, added = joined(OWN, [part])
    assert whole == OWN
    assert added == {"paths": {}, "definitions": {}}
