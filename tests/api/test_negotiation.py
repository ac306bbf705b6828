"""Which encoding and form an answer has, by Accept, Accept-Encoding, `pretty` and the method; and what is refused, in upstream's words."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import yaml

from kubern.api.codec import protobuf
from tests.api.conftest import Api

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
TABLE = "as=Table;g=meta.k8s.io;v=v1"
ONE, MANY = (f"as=PartialObjectMetadata{many};g=meta.k8s.io;v=v1" for many in ("", "List"))
ACCEPTED = f"only the following media types are accepted: {JSON}, {YAML}, {PROTOBUF}"
STREAMED = f"only the following media types are accepted: {JSON};stream=watch, {PROTOBUF};stream=watch"
BODIES = f"the body of the request was in an unknown format - accepted media types include: {JSON}, {YAML}, {PROTOBUF}"
PATCHES = (
    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
    "application/merge-patch+json, application/strategic-merge-patch+json"
)
NOT_MANY = "you requested PartialObjectMetadataList, but the requested object is not a list type"
NOT_ONE = "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)"


class Got(NamedTuple):
    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The kind in the body, whatever it is encoded in."""
        if self.body.startswith(b"k8s\0"):
            # field 2 of the TypeMeta, which is field 1 of the envelope
            meta = self.body[6 : 6 + self.body[5]]
            return meta[meta.index(b"\x12") + 2 :].decode()
        if self.headers["content-type"] == YAML:
            return next(line.split(": ")[1] for line in self.body.decode().splitlines() if line.startswith("kind: "))
        return str(json.loads(self.body)["kind"])


class Client:
    """Sends the headers that it is given, and no others."""

    def __init__(self, api: Api, path: str) -> None:
        self._api, self.path = api, path

    def __call__(self, method: str, path: str = "", body: bytes | None = None, **headers: str) -> Got:
        connection = http.client.HTTPSConnection(urlsplit(self._api.url).netloc, context=self._api.tls, timeout=20)
        with contextlib.closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, self.path + path, body, named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            whole = answer.readline() if "watch=" in path and answer.status == 200 else answer.read()
            return Got(answer.status, found, whole)


@pytest.fixture(scope="module")
def client(api: Api) -> Iterator[Client]:
    """On the ConfigMaps of one namespace, of which `a` comes first and nobody changes it, and `large` is large."""
    assert api("POST", "/api/v1/namespaces", {"metadata": {"name": "negotiation"}}).code == 201
    path = "/api/v1/namespaces/negotiation/configmaps"
    assert api("POST", path, {"metadata": {"name": "a"}, "data": {"k": "v"}}).code == 201
    assert api("POST", path, {"metadata": {"name": "large"}, "data": {"k": "v" * 200_000}}).code == 201
    yield Client(api, path)
    api("DELETE", "/api/v1/namespaces/negotiation")


ACCEPTS = [
    # several media ranges: the heaviest that is served, of equals the first, the particular before the wild
    ("/a", "", JSON, "ConfigMap"),
    ("/a", f"{JSON};q=0.5,{YAML};q=0.9", YAML, "ConfigMap"),
    ("/a", f"{YAML}, {JSON}", YAML, "ConfigMap"),
    ("/a", f"*/*,{YAML}", YAML, "ConfigMap"),
    ("/a", f"{JSON};q=0", JSON, "ConfigMap"),
    ("/a", f"{PROTOBUF};q=0.1,text/plain", PROTOBUF, "ConfigMap"),
    ("/a", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON, "ConfigMap"),
    ("/a", "*", JSON, "ConfigMap"),
    ("/a", "application/*", JSON, "ConfigMap"),
    ("/a", f"nonsense,;,{JSON}", JSON, "ConfigMap"),
    # tables and metadata
    ("/a", f"{JSON};{TABLE}", JSON, "Table"),
    ("", f"{JSON};{TABLE}", JSON, "Table"),
    ("/a", f"*/*;{TABLE}", JSON, "Table"),
    ("/a", f"{YAML};{TABLE}", YAML, "Table"),
    ("/a", f"{PROTOBUF};{TABLE},{JSON};{TABLE}", JSON, "Table"),
    ("/a", f"{JSON};as=Table;g=meta.k8s.io;v=v7,{JSON};{TABLE},{JSON}", JSON, "Table"),
    ("/a", f"{JSON};as=Table;v=v1,{YAML}", YAML, "ConfigMap"),
    ("/a", f"{JSON};{ONE}", JSON, "PartialObjectMetadata"),
    ("/a", f"{PROTOBUF};{ONE}", PROTOBUF, "PartialObjectMetadata"),
    ("", f"{JSON};{MANY}", JSON, "PartialObjectMetadataList"),
    ("", f"{PROTOBUF};{MANY}", PROTOBUF, "PartialObjectMetadataList"),
    ("", f"{YAML};{MANY}", YAML, "PartialObjectMetadataList"),
    ("/a", f"{JSON};stream=watch", JSON, "ConfigMap"),
    ("/a", f"{JSON};sv=v1", JSON, "ConfigMap"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "accept", "encoding", "kind"), ACCEPTS)
def test_the_best_that_is_served_is_chosen(client: Client, path: str, accept: str, encoding: str, kind: str) -> None:
    got = client("GET", path, Accept=accept)
    assert (got.code, got.headers["content-type"], got.kind) == (200, encoding, kind)


OLD = [
    ("/a", f"{JSON};as=Table;v=v1beta1;g=meta.k8s.io", "Table"),
    ("", f"{YAML};as=Table;v=v1beta1;g=meta.k8s.io", "Table"),
    ("/a", f"{JSON};as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io", "PartialObjectMetadata"),
    ("", f"{JSON};as=PartialObjectMetadataList;v=v1beta1;g=meta.k8s.io,{JSON}", "PartialObjectMetadataList"),
    ("?watch=1&timeoutSeconds=1", f"{JSON};as=Table;v=v1beta1;g=meta.k8s.io", "Table"),
    ("?watch=1&timeoutSeconds=1", f"{JSON};as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io", "PartialObjectMetadata"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "accept", "kind"), OLD)
def test_tables_and_metadata_in_the_version_before(client: Client, path: str, accept: str, kind: str) -> None:
    got = client("GET", path, Accept=accept)
    assert got.code == 200
    found = yaml.safe_load(got.body)
    found = found["object"] if "watch=" in path else found
    assert (found["kind"], found["apiVersion"]) == (kind, "meta.k8s.io/v1beta1")
    inner = [row["object"] for row in found["rows"]] if kind == "Table" else found.get("items", [found])
    assert {each["apiVersion"] for each in inner} == {"meta.k8s.io/v1beta1"}
    assert {each["kind"] for each in inner} == {"PartialObjectMetadata"}
    assert inner[0]["metadata"]["name"] == "a"


def test_metadata_in_the_version_before_in_protobuf(client: Client) -> None:
    one = client("GET", "/a", Accept=f"{PROTOBUF};as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io")
    many = client("GET", "", Accept=f"{PROTOBUF};as=PartialObjectMetadataList;v=v1beta1;g=meta.k8s.io")
    assert (one.kind, many.kind) == ("PartialObjectMetadata", "PartialObjectMetadataList")
    found = protobuf().decode(many.body)
    assert found["apiVersion"] == "meta.k8s.io/v1beta1"
    assert next(each["metadata"]["name"] for each in found["items"]) == "a"
    assert protobuf().decode(one.body)["metadata"]["name"] == "a"


REFUSED = [
    ("/a", "text/plain", ACCEPTED),
    ("/a", "application/vnd.kubernetes.unknown", ACCEPTED),
    ("/a", f"{PROTOBUF};{TABLE}", ACCEPTED),
    ("/a", f"{JSON};as=Table;v=v1", ACCEPTED),
    ("/a", f"{JSON};as=Chair;g=meta.k8s.io;v=v1", ACCEPTED),
    ("/a", f"{JSON};stream=tape", ACCEPTED),
    ("/a", f"{JSON};sv=v9", ACCEPTED),
    ("/a", f"{JSON};{MANY}", NOT_MANY),
    ("", f"{JSON};{ONE}", NOT_ONE),
    ("?watch=1", "text/plain", ACCEPTED),
    ("?watch=1", YAML, STREAMED),
]  # fmt: skip


@pytest.mark.parametrize(("path", "accept", "said"), REFUSED)
def test_what_nobody_serves_is_refused(client: Client, path: str, accept: str, said: str) -> None:
    got = client("GET", path, Accept=accept)
    assert got.code == 406
    status = yaml.safe_load(got.body)  # JSON is YAML too
    assert (status["reason"], status["code"], status["message"]) == ("NotAcceptable", 406, said)


WATCHES = [
    (JSON, JSON, "ConfigMap"),
    (f"{JSON};stream=watch", JSON, "ConfigMap"),
    (f"{JSON};{TABLE}", JSON, "Table"),
    (f"{JSON};{ONE}", JSON, "PartialObjectMetadata"),
    (PROTOBUF, f"{PROTOBUF};stream=watch", ""),
    (f"{PROTOBUF};stream=watch;{ONE}", f"{PROTOBUF};stream=watch", ""),
]  # fmt: skip


@pytest.mark.parametrize(("accept", "encoding", "kind"), WATCHES)
def test_watches_in_each_form(client: Client, accept: str, encoding: str, kind: str) -> None:
    got = client("GET", "?watch=1&timeoutSeconds=1", Accept=accept)
    assert (got.code, got.headers["content-type"]) == (200, encoding)
    if kind:
        event = json.loads(got.body)
        assert (event["type"], event["object"]["kind"]) == ("ADDED", kind)
        if kind == "Table":
            assert [row["cells"][0] for row in event["object"]["rows"]] == ["a"]
            assert event["object"]["columnDefinitions"][0]["name"] == "Name"


WRITES = [
    ("POST", "", "text/plain", BODIES),
    ("POST", "", "text/yaml", BODIES),
    ("POST", "", "application/xml", BODIES),
    ("POST", "", "application/merge-patch+json", BODIES),
    ("PUT", "/a", "application/json-patch+json", BODIES),
    ("PATCH", "/a", JSON, PATCHES),
    ("PATCH", "/a", "text/plain", PATCHES),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "encoding", "said"), WRITES)
def test_bodies_that_nobody_reads(client: Client, method: str, path: str, encoding: str, said: str) -> None:
    got = client(method, path, b'{"metadata":{"name":"a"}}', Content_Type=encoding)
    status = json.loads(got.body)
    assert (got.code, status["reason"]) == (415, "UnsupportedMediaType")
    assert status["message"].startswith(said)


@pytest.mark.parametrize("encoding", [JSON, f"{JSON}; charset=utf-8", "Application/JSON", "", YAML])
def test_bodies_that_are_read(client: Client, encoding: str) -> None:
    assert client("POST", "", b'{"metadata":{"generateName":"b"}}', Content_Type=encoding).code == 201


def test_a_write_whose_answer_nobody_could_read_is_not_made(client: Client) -> None:
    body = b'{"metadata":{"name":"unseen"}}'
    for accept in ("text/plain", f"{JSON};{MANY}"):
        assert client("POST", "", body, Content_Type=JSON, Accept=accept).code == 406
    assert client("GET", "/unseen").code == 404


COMPRESSED = [
    ("gzip", True),
    ("deflate, gzip;q=0.5", True),
    ("gzip, identity;q=0", True),
    ("gzip;q=0", False),
    ("identity;q=0", False),
    ("br", False),
    ("", False),
]  # fmt: skip


@pytest.mark.parametrize(("accept", "small"), COMPRESSED)
def test_only_large_answers_are_compressed_for_those_who_can_read_it(client: Client, accept: str, small: bool) -> None:
    got = client("GET", "/large", Accept_Encoding=accept)
    assert got.headers.get("content-encoding") == ("gzip" if small else None)
    assert got.headers.get("vary") == ("Accept-Encoding" if small else None)
    body = gzip.decompress(got.body) if small else got.body
    assert json.loads(body)["data"] == {"k": "v" * 200_000}
    assert int(got.headers["content-length"]) == len(got.body)
    assert "content-encoding" not in client("GET", "/a", Accept_Encoding=accept).headers


PRETTY = [
    ("/a?pretty=true", "tool/1", True),
    ("/a?pretty=1", "tool/1", True),
    ("/a?pretty", "curl/8.0", True),
    ("/a?pretty=false", "curl/8.0", False),
    ("/a?pretty=maybe", "curl/8.0", False),
    ("/a", "curl/8.0", True),
    ("/a", "Wget/1.2", True),
    ("/a", "Mozilla/5.0 (X11)", True),
    ("/a", "tool/1", False),
    ("/none?pretty=true", "tool/1", True),
    ("?pretty=true", "tool/1", True),
    ("?pretty=true&watch=1&timeoutSeconds=1", "tool/1", False),
]  # fmt: skip


@pytest.mark.parametrize(("path", "agent", "pretty"), PRETTY)
def test_who_reads_it_themselves_gets_lines(client: Client, path: str, agent: str, pretty: bool) -> None:
    got = client("GET", path, User_Agent=agent)
    assert got.headers["content-type"] == JSON
    assert (b'{\n  "kind": "' in got.body) is pretty
    assert json.loads(got.body)


def test_pretty_as_a_parameter_of_the_media_type(client: Client) -> None:
    assert client("GET", "/a", Accept=f"{JSON};pretty=1").body.startswith(b'{\n  "kind": "ConfigMap",\n  "apiVersion"')
    assert client("GET", "/a?pretty=true", Accept=YAML).kind == "ConfigMap"


@pytest.mark.parametrize("path", ["/a", "/none", "", "?watch=true"])
def test_head_is_no_method_of_a_resource(client: Client, path: str) -> None:
    told = client("HEAD", path)
    assert (told.code, told.body) == (405, b"")
