"""Requests that once broke the apiserver, each found by fuzzing: they are refused, or mean what they mean upstream."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from kubern.api.resources import load
from kubern.apiserver.answers import warning_headers
from kubern.apiserver.config import Config
from kubern.apiserver.server import ApiServer
from kubern.base.clock import FakeClock, rfc3339
from kubern.store.embedded import EmbeddedStore
from tests.unit.apiserver.test_server import Local

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SCALERS = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
JOBS = "/apis/batch/v1/namespaces/default/jobs/j"
MERGE = "application/merge-patch+json"


@pytest.fixture
async def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def local(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Local]:
    store = await EmbeddedStore.open(tmp_path, clock=clock)
    server = ApiServer(store, load(), Config(), clock, random.Random(1))
    await server.start()
    yield Local(server)
    await server.close()
    await store.close()


def _said(answer: Any) -> tuple[int, str]:
    return answer.status, orjson.loads(answer.body).get("message", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"preconditions": -1}, "cannot be handled as a DeleteOptions", id="preconditions"),
        pytest.param({"preconditions": {"uid": 1}}, "cannot be handled as a DeleteOptions", id="uid"),
        pytest.param({"dryRun": 1e40}, "cannot be handled as a DeleteOptions", id="dryRun"),
        pytest.param({"propagationPolicy": []}, "cannot be handled as a DeleteOptions", id="propagationPolicy"),
        pytest.param({"gracePeriodSeconds": "1"}, "cannot be handled as a DeleteOptions", id="gracePeriodSeconds"),
    ],
)
async def test_options_of_a_deletion_have_types(local: Local, options: dict[str, Any], words: str) -> None:
    for path in (f"{CONFIG_MAPS}/one", CONFIG_MAPS):
        code, message = _said(await local("DELETE", path, options))
        assert code == 400
        assert words in message


async def test_a_grace_period_has_an_end(local: Local, clock: FakeClock) -> None:
    spec = {"containers": [{"name": "c", "image": "i"}], "nodeName": "n", "serviceAccountName": "s"}
    created = await local("POST", PODS, {"metadata": {"name": "p", "finalizers": ["example.com/f"]}, "spec": spec})
    if created.status != 201:  # without the account
        account = {"metadata": {"name": "s"}}
        assert (await local("POST", "/api/v1/namespaces/default/serviceaccounts", account)).status == 201
        created = await local("POST", PODS, {"metadata": {"name": "p", "finalizers": ["example.com/f"]}, "spec": spec})
    assert created.status == 201, created.body
    deleted = await local("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 2**62})
    assert deleted.status == 200, deleted.body
    when = orjson.loads(deleted.body)["metadata"]["deletionTimestamp"]
    assert when == rfc3339(clock.now() + timedelta(days=36600))


async def test_a_negative_limit_is_none(local: Local) -> None:
    await local.make("one")
    await local.make("two")
    answer = await local("GET", CONFIG_MAPS, query="limit=-3734")
    assert [each["metadata"]["name"] for each in orjson.loads(answer.body)["items"]] == ["one", "two"]


@pytest.mark.parametrize("patch", [{"spec": 7}, {"metadata": "x"}, {"spec": {"replicas": [1]}}], ids=str)
async def test_a_patched_scale_is_still_one(local: Local, patch: dict[str, Any]) -> None:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    assert (await local("POST", DEPLOYMENTS, {"metadata": {"name": "d"}, "spec": spec})).status == 201
    code, message = _said(await local("PATCH", f"{DEPLOYMENTS}/d/scale", patch, content_type=MERGE))
    assert code == 422
    assert "patch: Invalid value" in message


SCALER = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}, "maxReplicas": 3}


@pytest.mark.parametrize("path", [f"{SCALERS}/h/status", JOBS, f"{JOBS}/status"])
async def test_an_object_to_convert_or_default_may_lack_metadata(local: Local, path: str) -> None:
    code, message = _said(await local("PUT", path, {"spec": SCALER if path.startswith(SCALERS) else {}}))
    assert code in (400, 404), message


@pytest.mark.parametrize("revision", [str(1 << 64), "9" * 5000])
async def test_a_revision_has_64_bits(local: Local, revision: str) -> None:
    code, message = _said(await local("GET", CONFIG_MAPS, query=f"resourceVersion={revision}"))
    assert code == 400
    assert "value out of range" in message


@pytest.mark.parametrize("key", ["metrics", "current-metrics", "conditions", "behavior"])
@pytest.mark.parametrize(
    "text",
    ["[1]", "{", "[[]]", '[{"type": 1}]', '[{"type": "Object", "object": "x"}]', "[null]", '"x"', "7", '{"a": 1}'],
)
async def test_annotations_that_conversion_reads_may_hold_anything(local: Local, key: str, text: str) -> None:
    metadata = {"name": "h", "annotations": {f"autoscaling.alpha.kubernetes.io/{key}": text}}
    code, message = _said(await local("POST", SCALERS, {"metadata": metadata, "spec": SCALER}))
    assert code in (201, 400, 422), message


async def test_warnings_may_name_any_letter(local: Local) -> None:
    answer = await local("POST", CONFIG_MAPS, {"metadata": {"name": "one"}, "é𠍕": 1})
    assert answer.status == 201
    [warning] = [value for name, value in answer.headers if name == "warning"]
    assert warning.encode("latin-1").decode() == '299 - "unknown field \\"é𠍕\\""'


def test_warnings_are_bounded_and_on_one_line() -> None:
    assert warning_headers(["a\r\nb: c"]) == ()
    headers = warning_headers(["x" * 3000, *("y" * 200 for _ in range(100))])
    assert headers[0][1] == f'299 - "{"x" * 253}..."'
    assert 2 < len(headers) < 25
