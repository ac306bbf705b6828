"""/statusz, /flagz and /debug/pprof/ of a real apiserver, and who may see them."""

from __future__ import annotations

import gzip
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from .conftest import Api, Apiserver

PAGES = ("/statusz", "/flagz", "/debug/pprof/", "/debug/pprof/profile?seconds=0.1", "/debug/pprof/cmdline", "/metrics")


def test_the_status_page_tells_when_it_began_and_what_it_serves(api: Api) -> None:
    text = api("GET", "/statusz", headers={"accept": "text/plain"}).body
    assert text.startswith("\nkube-apiserver statusz\nWarning: ")
    assert "\nStarted: " in text
    assert "\nUp: 0 hr 0" in text
    assert "\nBinary version: 1.36.0\n" in text
    paths = text.partition("Paths: ")[2].split()
    assert {"/healthz", "/metrics", "/statusz", "/flagz", "/version"} <= set(paths)


def test_the_pages_come_structured_too(api: Api) -> None:
    def get(path: str, kind: str) -> dict[str, object]:
        accept = f"application/json;v=v1alpha1;g=config.k8s.io;as={kind}"
        found: dict[str, object] = api("GET", path, headers={"accept": accept}).body
        assert (found["kind"], found["apiVersion"]) == (kind, "config.k8s.io/v1alpha1")
        assert found["metadata"] == {"name": "kube-apiserver"}
        return found

    assert get("/statusz", "Statusz")["binaryVersion"] == "1.36.0"
    flags = get("/flagz", "Flagz")["flags"]
    assert isinstance(flags, dict)
    assert flags["max-requests-inflight"] == "400"
    assert flags["service-node-port-range"] == "30000-32767"
    assert flags["profiling"] == "true"
    assert api("GET", "/flagz", headers={"accept": "application/json"}).code == 406


def test_the_flags_page_shows_what_was_set(own_apiserver: Callable[..., Apiserver]) -> None:
    api = own_apiserver("--max-requests-inflight=123", "--no-profiling").start()
    lines = api("GET", "/flagz", headers={"accept": "*/*"}).body.splitlines()
    assert "max-requests-inflight=123" in lines
    assert "profiling=false" in lines
    assert api("GET", "/debug/pprof/profile?seconds=0.1").code == 404


def test_the_other_pages_answer(api: Api) -> None:
    assert api("GET", "/debug/pprof/").body.startswith("<html>")
    assert "apiserver" in api("GET", "/debug/pprof/cmdline").body
    assert "thread MainThread:" in api("GET", "/debug/pprof/goroutine?debug=2").body
    for wrong in ("0", "x", "-1", "nan", "1e9"):
        assert api("GET", f"/debug/pprof/profile?seconds={wrong}").code == 400
    assert api("GET", "/debug/pprof/none").code == 404


def test_a_profile_is_pprofs_protobuf(api: Api) -> None:
    with urllib.request.urlopen(api.url + "/debug/pprof/profile?seconds=0.3", context=api.tls, timeout=20) as reply:
        data = reply.read()
    assert b"nanoseconds" in gzip.decompress(data)


@pytest.mark.parametrize("path", PAGES)
def test_only_those_who_are_authorized_see_it(api: Api, path: str) -> None:
    nobody = ssl.create_default_context(cafile=str(api.ca))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(api.url + path, context=nobody, timeout=20)
    refused.value.close()
    assert refused.value.code == 403
