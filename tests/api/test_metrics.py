"""/metrics of a real apiserver: what its text says after requests whose count is known."""

from __future__ import annotations

import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from .conftest import Api, Apiserver

PATH = "/api/v1/namespaces/default/configmaps"
_LABEL = r'[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"'
_SAMPLE = re.compile(rf"([a-z_]+)(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (\+Inf|-?[0-9.e+-]+)")


def samples(text: str) -> dict[str, float]:
    """Read the exposition format strictly: every series once, below the HELP and TYPE of its metric."""
    found: dict[str, float] = {}
    name = kind = ""
    named = set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in named, line
            named.add(name)
        elif line.startswith("# TYPE "):
            _, _, typed, kind = line.split(" ")
            assert typed == name
            assert kind in ("counter", "gauge", "histogram")
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample, line
            suffix = sample[1].removeprefix(name)
            assert suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",)), line
            series = line.rpartition(" ")[0]
            assert series not in found, line
            found[series] = float(sample[3])
    return found


@pytest.fixture
def own(own_apiserver: Callable[..., Apiserver]) -> Api:
    return own_apiserver().start()


def test_what_was_asked_is_counted(own: Api) -> None:
    before = samples(own("GET", "/metrics").body)
    watch = own.watch(f"{PATH}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Done")
    assert own("POST", PATH, {"metadata": {"name": "one"}}).code == 201
    assert own("POST", "/api/v1/namespaces/none-such/configmaps", {"metadata": {"name": "one"}}).code == 404
    assert own("GET", f"{PATH}/one", headers={"authorization": "Bearer wrong"}).code == 200
    assert b"ADDED" in watch.readline()
    found = samples(own("GET", "/metrics").body)

    def more(series: str) -> float:
        return found.get(series, 0) - before.get(series, 0)

    target = 'group="",version="v1",resource="configmaps"'
    created = f'verb="POST",{target},subresource="",scope="resource",component="apiserver"'
    assert more(f'apiserver_request_total{{{created},dry_run="",code="201"}}') == 1
    assert more(f"apiserver_request_duration_seconds_count{{{created}}}") == 2
    assert more(f"apiserver_watch_events_total{{{target}}}") == 1
    assert more(f'apiserver_watch_events_sizes_bucket{{{target},le="1024"}}') == 1
    assert more('authentication_attempts{result="success"}') == 5
    assert more('authenticated_user_requests{username="admin"}') == 5
    assert more('authorization_attempts_total{result="allowed"}') == 5
    plugin = 'name="NamespaceLifecycle",type="admit",operation="CREATE"'
    duration = "apiserver_admission_controller_admission_duration_seconds_count"
    assert more(f'{duration}{{{plugin},rejected="false"}}') == 1
    assert more(f'{duration}{{{plugin},rejected="true"}}') == 1
    refused = 'type="admit",operation="CREATE",rejected="true"'
    assert more(f"apiserver_admission_step_admission_duration_seconds_count{{{refused}}}") == 1
    assert more('apiserver_resource_objects{group="",resource="configmaps"}') == 1
    running = (
        f'apiserver_longrunning_requests{{verb="WATCH",{target},subresource="",scope="resource",component="apiserver"}}'
    )
    scopes = [running.replace('"resource",comp', f'"{scope}",comp') for scope in ("resource", "namespace")]
    assert sum(more(series) for series in scopes) == 1
    watch.close()
    deadline = time.monotonic() + 20
    while any(samples(own("GET", "/metrics").body).get(series) for series in scopes):
        assert time.monotonic() < deadline


def test_wrong_credentials_and_refusals_are_counted(own: Api) -> None:
    assert own("GET", PATH).code == 200
    tls = ssl.create_default_context(cafile=str(own.ca))
    for token, code in (("wrong", 401), (None, 403)):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(own.url + PATH, headers=headers), context=tls, timeout=20)
        refused.value.close()
        assert refused.value.code == code
    found = samples(own("GET", "/metrics").body)
    assert found['authentication_attempts{result="error"}'] == 1
    assert found['authorization_attempts_total{result="denied"}'] == 1


def test_the_size_of_the_store_and_versions_that_are_to_go_are_shown(own: Api) -> None:
    series = 'apiserver_requested_deprecated_apis{group="",version="v1",resource="endpoints",subresource="",removed_release=""}'
    before = samples(own("GET", "/metrics").body)
    assert series not in before
    assert before['apiserver_storage_size_bytes{storage_cluster_id="etcd-0"}'] > 0
    answer = own("GET", "/api/v1/namespaces/default/endpoints")
    assert answer.headers["warning"] == (
        '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'
    )
    assert samples(own("GET", "/metrics").body)[series] == 1


def test_the_checks_are_shown_as_indicators(own: Api) -> None:
    found = samples(own("GET", "/metrics/slis").body)
    assert found['kubernetes_healthcheck{name="etcd",type="readyz"}'] == 1
    assert found['kubernetes_healthchecks_total{name="ping",type="livez",status="success"}'] == 1
    again = samples(own("GET", "/metrics/slis").body)
    assert again['kubernetes_healthchecks_total{name="ping",type="livez",status="success"}'] == 2
