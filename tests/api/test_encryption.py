"""Encryption at rest through a real apiserver: nothing readable in its files, keys rotated with kubectl, errors in upstream's words."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.api.conftest import Api, Apiserver

WORD = "correct-horse-battery-staple"


def configure(file: Path, *providers: dict[str, Any]) -> None:
    entry = {"resources": ["secrets", "widgets.example.com"], "providers": list(providers)}
    config = {"kind": "EncryptionConfiguration", "apiVersion": "apiserver.config.k8s.io/v1", "resources": [entry]}
    file.write_text(json.dumps(config))


def provider(kind: str, name: str) -> dict[str, Any]:
    return {kind: {"keys": [{"name": name, "secret": base64.b64encode(name.encode().ljust(32, b"*")).decode()}]}}


IDENTITY: dict[str, Any] = {"identity": {}}


def stored(directory: Path) -> bytes:
    return b"".join(
        file.read_bytes()
        for file in sorted(directory.rglob("*"))
        if file.is_file() and file.name not in ("log", "e.json")
    )


def make(api: Api, name: str) -> None:
    made = api("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": name}, "stringData": {"word": WORD}})
    assert made.code == 201, made.body


def words(api: Api) -> list[str]:
    listed = api("GET", "/api/v1/namespaces/default/secrets").body["items"]
    return [base64.b64decode(item["data"]["word"]).decode() for item in listed]


def rewrite(api: Api) -> None:
    """The way that the Kubernetes documentation gives for sealing everything anew."""
    everything = api.kubectl("get", "secrets", "-A", "-o", "json").stdout
    replaced = api.kubectl("replace", "-f", "-", stdin=everything)
    assert replaced.returncode == 0, replaced.stderr


def test_secrets_are_sealed_and_keys_rotate(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> None:
    file, encoded = tmp_path / "e.json", base64.b64encode(WORD.encode())
    configure(file, provider("aesgcm", "first"), IDENTITY)
    plain, sealed = own_apiserver(), own_apiserver(f"--encryption-provider-config={file}")
    api = plain.start()
    make(api, "before")
    plain.stop()
    assert encoded in stored(tmp_path)

    api = sealed.start()
    make(api, "after")
    assert words(api) == [WORD, WORD]
    rewrite(api)
    sealed.stop()
    assert stored(tmp_path).count(b"k8s:enc:aesgcm:v1:first:") >= 2

    configure(file, provider("secretbox", "second"), provider("aesgcm", "first"))
    api = sealed.start()
    assert words(api) == [WORD, WORD]
    rewrite(api)
    sealed.stop()
    configure(file, provider("secretbox", "second"))
    api = sealed.start()
    assert words(api) == [WORD, WORD]
    watched = json.loads(next(iter(api.watch("/api/v1/namespaces/default/secrets?watch=1&resourceVersion=0"))))
    assert watched["object"]["metadata"]["name"] == "after"


def test_only_sealed_bytes_reach_the_disk(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> None:
    file = tmp_path / "e.json"
    configure(file, provider("aescbc", "only"))
    apiserver = own_apiserver(f"--encryption-provider-config={file}")
    api = apiserver.start()
    make(api, "one")
    merge = {"content-type": "application/merge-patch+json"}
    path = "/api/v1/namespaces/default/secrets/one"
    changed = api("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, headers=merge)
    assert changed.code == 200
    assert words(api) == [WORD]
    apiserver.kill()
    held = stored(tmp_path)
    assert b"k8s:enc:aescbc:v1:only:" in held
    assert WORD.encode() not in held
    assert base64.b64encode(WORD.encode()) not in held


def test_a_lost_key_is_told_and_harms_nothing_else(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> None:
    file = tmp_path / "e.json"
    configure(file, provider("aesgcm", "first"))
    apiserver = own_apiserver(f"--encryption-provider-config={file}")
    make(apiserver.start(), "one")
    apiserver.stop()
    configure(file, provider("aesgcm", "other"))
    api = apiserver.start()
    text = 'Internal error occurred: unable to transform key "/registry/secrets/default/one": no matching prefix found'
    for path in ("/api/v1/namespaces/default/secrets/one", "/api/v1/secrets"):
        refused = api("GET", path)
        assert (refused.code, refused.body["message"]) == (500, text)
    make(api, "two")
    assert api("GET", "/api/v1/namespaces/default/secrets/two").code == 200
    assert api("GET", "/api/v1/namespaces/default/configmaps").code == 200


def test_a_bad_configuration_ends_the_start_with_one_line(
    own_apiserver: Callable[..., Apiserver], tmp_path: Path
) -> None:
    file = tmp_path / "e.json"
    configure(file, {"aesgcm": {"keys": [{"name": "a", "secret": "c2hvcnQ="}]}})
    apiserver = own_apiserver(f"--encryption-provider-config={file}")
    try:
        apiserver.start()
    except AssertionError:
        said = apiserver.log.read_text()
        assert "resources[0].providers[0].aesgcm.keys[0].secret: Invalid value" in said
        assert "Traceback" not in said
        assert "c2hvcnQ=" not in said
    else:
        raise AssertionError("the apiserver started")
