"""Two apiservers on one etcd that seal Secrets with different keys: what one cannot open it says so, and serves all the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.conftest import Api, Apiserver
from tests.api.test_encryption import configure, make, provider
from tests.etcd import Etcd

SECRETS = "/api/v1/namespaces/default/secrets"
MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def pair(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> Iterator[list[Apiserver]]:
    with Etcd() as etcd:
        made = []
        for name in ("red", "green"):
            directory = tmp_path / name
            directory.mkdir()
            file = directory / "e.json"
            configure(file, provider("aesgcm", name))
            flags = (f"--etcd-servers={etcd.urls[0]}", f"--encryption-provider-config={file}")
            made.append(own_apiserver(*flags, directory=directory))
        yield made
        for apiserver in made:
            apiserver.stop()


def said(name: str) -> str:
    return (
        f'Internal error occurred: unable to transform key "/registry/secrets/default/{name}": no matching prefix found'
    )


def refused(api: Api, method: str, path: str, name: str) -> None:
    answer = api(method, path, {"metadata": {"name": name}} if method == "PUT" else None)
    assert (answer.code, answer.body["message"]) == (500, said(name))


def test_what_another_key_seals_is_told_and_harms_nothing_else(pair: list[Apiserver]) -> None:
    red, green = (apiserver.start() for apiserver in pair)
    stream = red.watch(f"{SECRETS}?watch=1")
    maps = red.watch(f"{MAPS}?watch=1&fieldSelector=metadata.name=after")
    make(red, "mine")
    assert json.loads(next(stream))["object"]["metadata"]["name"] == "mine"
    assert [item["metadata"]["name"] for item in red("GET", SECRETS).body["items"]] == ["mine"]
    make(green, "strange")
    assert green("GET", f"{SECRETS}/strange").code == 200
    refused(red, "GET", f"{SECRETS}/strange", "strange")
    for path in (SECRETS, "/api/v1/secrets", f"{SECRETS}?limit=500", f"{SECRETS}?resourceVersion=0"):
        refused(red, "GET", path, "strange")
    refused(red, "PUT", f"{SECRETS}/strange", "strange")
    refused(red, "DELETE", f"{SECRETS}/strange", "strange")
    refused(green, "GET", SECRETS, "mine")
    assert red("GET", f"{SECRETS}/mine").code == 200
    make(red, "more")
    assert (
        json.loads(next(stream))["object"]["metadata"]["name"] == "more"
    )  # the watch goes on, without what nobody can open
    stream.close()
    assert red("POST", MAPS, {"metadata": {"name": "after"}}).code == 201
    assert json.loads(next(maps))["object"]["metadata"]["name"] == "after"
    maps.close()
    assert green("DELETE", f"{SECRETS}/strange").code == 200
    assert red("GET", f"{SECRETS}/strange").code == 404
    assert sorted(item["metadata"]["name"] for item in red("GET", SECRETS).body["items"]) == ["mine", "more"]
    pair[0].stop()
    make(green, "again")
    red = pair[0].start()  # a server that finds such a Secret when it starts serves the others too
    refused(red, "GET", SECRETS, "again")
    assert red("GET", f"{SECRETS}/more").code == 200
    assert "Traceback" not in pair[0].log.read_text()
