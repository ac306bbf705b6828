"""Requests that a server may never answer with 5xx: made from its own OpenAPI document, and by spoiling sound objects.

Everything is drawn from seeds, so that the same build gets the same requests. What would change the server's own course
(webhooks, definitions, quotas) is only ever written as a dry run, and connections into pods and nodes go to none that exist.
"""

from __future__ import annotations

import copy
import json
import random
import zlib
from collections.abc import Iterator
from http.client import HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.samples import CORE, SAMPLES

NAMESPACE = "fuzz"
NAMES = ("one", "two", "three")
LIMIT = 15
"""Seconds without a byte after which a request hangs."""
DRY = (
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "resourcequotas",
    "limitranges",
    "servicecidrs",
)
CONNECTING = ("proxy", "exec", "attach", "portforward", "log")
APPLY = "application/apply-patch+yaml"
PATCHES = (
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/json-patch+json",
    APPLY,
)
ODD: tuple[Any, ...] = (
    None, "", " ", "-", "/", "..", "a/b", "\x00", "é" * 300, "x" * 70_000, "${x}", "%s", "1e400", "0x10", "1.5.", "null", "None",
    True, False, 0, -1, 1, 1.5, -0.0, 2**31, 2**63, -(2**63) - 1, 1e300, 10**40, [], {}, [None], [[]], [{}],
    {"": None}, {"a": {}}, ["a", "a"],
    "2026-13-01T00:00:00Z", "9999999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1Gi", "-1",
    "100%", "1000000%", "1000000000000000000000Ei", "1e-30",
    "10.0.0.0/33", "::ffff:1.2.3.4", "fe80::1%eth0", "(", "[a-", "a in (", "!", "=", "* * * * *", "@every 1ns", "TZ=x 1 * * * *",
)  # fmt: skip
"""Values that are the wrong type, too long, too large or hard to parse where something else is expected."""


class Request(NamedTuple):
    """One request: what it is of, for messages, and what is sent."""

    method: str
    path: str
    body: bytes | None = None
    content_type: str = "application/json"


class Target:
    """A kept connection to the server; counts what it got."""

    def __init__(self, api: Any) -> None:
        self._host, _, port = api.url.removeprefix("https://").partition(":")
        self._port, self._tls = int(port), api.tls
        self._connection = self._dial()
        self.codes: dict[int, int] = {}

    def _dial(self) -> HTTPSConnection:
        return HTTPSConnection(self._host, self._port, context=self._tls, timeout=LIMIT)

    def close(self) -> None:
        self._connection.close()

    def send(self, request: Request) -> tuple[int, str]:
        """Return code and text of the answer; a watch is left after its head. TimeoutError if the server hangs."""
        headers = {"content-type": request.content_type} if request.body is not None else {}
        self._connection.request(request.method, request.path, request.body, headers)
        answer = self._connection.getresponse()
        self.codes[answer.status] = self.codes.get(answer.status, 0) + 1
        if answer.status == 200 and _is_watch(answer):
            self._connection.close()
            return 200, ""
        text = answer.read().decode(errors="replace")
        if answer.will_close:
            self._connection.close()
        return answer.status, text


def _is_watch(answer: HTTPResponse) -> bool:
    return answer.getheader("transfer-encoding") == "chunked"


# --- from the document


def from_document(document: dict[str, Any], examples: int) -> Iterator[Request]:
    """Requests of every operation of the server's OpenAPI document, `examples` of each."""
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = result.ok()
        for case in _cases(operation, examples):
            yield _request(case)


def _cases(operation: Any, examples: int) -> list[Any]:
    drawn: list[Any] = []

    @seed(zlib.crc32(f"{operation.method} {operation.path}".encode()))
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def draw(case: Any) -> None:
        drawn.append(case)

    draw()
    return drawn


def _request(case: Any) -> Request:
    chance = random.Random(zlib.crc32(repr((case.method, case.path, case.path_parameters, case.query)).encode()))
    parameters = {key: str(value) for key, value in (case.path_parameters or {}).items()}
    path = case.path
    if "name" in parameters and chance.random() < 0.8:
        parameters["name"] = chance.choice(NAMES)
    if "namespace" in parameters and chance.random() < 0.9:
        parameters["namespace"] = NAMESPACE
    if any(f"/{each}" in path for each in CONNECTING):
        parameters["name"] = "none"
    for key, value in parameters.items():
        path = path.replace(f"{{{key}}}", quote(value, safe=""))
    query = {key: value for key, value in (case.query or {}).items() if value is not None}
    if any(each in path for each in DRY):
        query["dryRun"] = "All"
    body = None
    content_type = "application/json"
    if isinstance(case.body, dict | list):
        body = _dumps(_named(case.body, chance))
    if case.method == "PATCH":
        content_type = chance.choice(PATCHES)
        query |= {"fieldManager": "fuzz"} if content_type == APPLY else {}
    text = urlencode(query, doseq=True, errors="replace")
    return Request(case.method, f"{path}?{text}" if text else path, body, content_type)


def _named(body: Any, chance: random.Random) -> Any:
    """The body with a name that may exist, mostly: what is refused for its name gets no further."""
    if isinstance(body, dict) and chance.random() < 0.9:
        metadata = body.get("metadata")
        body = body | {"metadata": (metadata if isinstance(metadata, dict) else {}) | {"name": chance.choice(NAMES)}}
        for own in ("namespace", "resourceVersion"):  # upstream answers 500 to a resourceVersion in what is created
            body["metadata"].pop(own, None)
        for head in ("apiVersion", "kind"):
            body.pop(head, None)
    return body


def _dumps(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=True).encode()


# --- from sound objects


def spoiled(resources: list[tuple[str, dict[str, Any]]], examples: int) -> Iterator[Request]:
    """For each resource (its path prefix and entry in discovery) writes of its sample with one or more parts spoiled."""
    for prefix, resource in resources:
        name, _, subresource = resource["name"].partition("/")
        group = prefix.split("/")[2] if prefix.startswith("/apis/") else ""
        found = SAMPLES.get(f"{group} {name}") if group else CORE.get(name)
        if found is None or subresource in CONNECTING:
            continue
        middle = f"/namespaces/{NAMESPACE}" if resource["namespaced"] else ""
        chance = random.Random(zlib.crc32(f"{prefix} {resource['name']}".encode()))
        dry = "?dryRun=All" if group in DRY or name in DRY else ""
        version = prefix.split("/", 2)[2]
        head = {"apiVersion": version, "kind": resource["kind"]}
        for _ in range(examples):
            yield from _writes(chance, f"{prefix}{middle}/{name}", subresource, found, head, resource["verbs"], dry)


def _writes(
    chance: random.Random,
    collection: str,
    subresource: str,
    sound: dict[str, Any],
    head: dict[str, str],
    verbs: list[str],
    dry: str,
) -> Iterator[Request]:
    name = chance.choice(NAMES)
    metadata = {"name": name, "labels": {"a": "b"}, "finalizers": ["example.com/f"], "annotations": {"a": "b"}}
    sound = copy.deepcopy(sound) | {"metadata": sound.get("metadata", {}) | metadata}
    one = f"{collection}/{name}" + (f"/{subresource}" if subresource else "")
    if "create" in verbs:
        yield Request(
            "POST",
            (one if subresource else collection) + dry,
            _dumps(sound if chance.random() < 0.2 else spoil(sound, chance)),
        )
    if "update" in verbs:
        yield Request("PUT", one + dry, _dumps(spoil(sound, chance)))
    if "patch" in verbs:
        kind = chance.choice(PATCHES)
        body = _json_patch(sound, chance) if "json-patch" in kind else spoil(sound | head, chance)
        how = f"{dry}{'&' if dry else '?'}fieldManager={chance.choice(NAMES)}&force=true" if kind == APPLY else dry
        yield Request("PATCH", one + how, _dumps(body), kind)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all that is inside `value`."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, item in inside:
        found += [(*at, key), *_places(item, (*at, key))]
    return found


def spoil(sound: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A copy with one to three of its parts exchanged for something odd, doubled or gone."""
    made = copy.deepcopy(sound)
    for _ in range(chance.randint(1, 3)):
        places = [place for place in _places(made) if place != ("metadata", "name")]
        if not places:
            return made
        *to, last = chance.choice(places)
        holder: Any = made
        for key in to:
            holder = holder[key]
        what = chance.random()
        if what < 0.7:
            holder[last] = copy.deepcopy(chance.choice(ODD))
        elif what < 0.8:
            del holder[last]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        else:
            holder[str(chance.choice(ODD))[:300]] = holder[last]
    return made


def _json_patch(sound: dict[str, Any], chance: random.Random) -> list[Any]:
    places = [
        "/" + "/".join(str(key).replace("~", "~0").replace("/", "~1") for key in place) for place in _places(sound)
    ]
    places += [
        "",
        "/",
        "/-",
        "/spec/-",
        "/~2",
        "/metadata/labels/~01",
        "/spec/containers/99",
        "/spec/containers/-1",
        "spec",
    ]
    operations: list[Any] = []
    for _ in range(chance.randint(1, 4)):
        kind = chance.choice(("add", "remove", "replace", "move", "copy", "test", "odd"))
        operation = {"op": kind, "path": chance.choice(places)}
        if kind in ("move", "copy"):
            operation["from"] = chance.choice(places)
        elif kind != "remove":
            operation["value"] = chance.choice(ODD)
        operations.append(operation if chance.random() < 0.95 else chance.choice(ODD))
    return operations


# --- reading


def readings(resources: list[tuple[str, dict[str, Any]]], examples: int) -> Iterator[Request]:
    """Reads and deletions of each resource with odd parameters and forms of answer."""
    for prefix, resource in resources:
        if "/" in resource["name"] or "list" not in resource["verbs"]:
            continue
        chance = random.Random(zlib.crc32(f"read {prefix} {resource['name']}".encode()))
        middle = f"/namespaces/{NAMESPACE}" if resource["namespaced"] else ""
        for _ in range(examples):
            query = {}
            for _ in range(chance.randint(0, 3)):
                key = chance.choice(PARAMETERS)
                query[key] = chance.choice(VALUES) if chance.random() < 0.6 else str(chance.choice(ODD))[:3000]
            yield Request("GET", f"{prefix}{middle}/{resource['name']}?{urlencode(query)}")
        if "delete" in resource["verbs"] and resource["name"] not in ("namespaces", "servicecidrs"):
            body = {chance.choice(DELETE_OPTIONS): chance.choice(ODD)}
            yield Request("DELETE", f"{prefix}{middle}/{resource['name']}/{chance.choice(NAMES)}", _dumps(body))


PARAMETERS = (
    "labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "resourceVersionMatch", "watch", "timeoutSeconds",
    "sendInitialEvents", "allowWatchBookmarks", "pretty",
)  # fmt: skip
VALUES = (
    "a=b",
    "a in (b,c)",
    "!a",
    "metadata.name=one",
    "metadata.name!=one",
    "1",
    "0",
    "true",
    "Exact",
    "NotOlderThan",
    "eyJ2IjoxfQ",
    "500",
)
DELETE_OPTIONS = (
    "gracePeriodSeconds",
    "propagationPolicy",
    "preconditions",
    "orphanDependents",
    "dryRun",
    "kind",
    "odd",
)
