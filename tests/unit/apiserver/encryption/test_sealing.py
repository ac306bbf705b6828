"""Sealing: every provider opens what it sealed and nothing else, keys rotate, and configurations are checked."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubern.apiserver.encryption.configuration import parse, sealers_for
from kubern.apiserver.encryption.provider import Unopened
from kubern.apiserver.encryption.sealing import Encryption, Seal

KEY = b"/registry/secrets/default/one"


def secret(size: int, fill: str = "k") -> str:
    return base64.b64encode(fill.encode() * size).decode()


def provider(name: str, fill: str = "k", size: int = 32, key: str = "one") -> dict[str, Any]:
    return {name: {"keys": [{"name": key, "secret": secret(size, fill)}]}}


def config(*entries: Any) -> bytes:
    shown = [{"resources": resources, "providers": providers} for resources, providers in entries]
    return yaml.safe_dump(
        {"kind": "EncryptionConfiguration", "apiVersion": "apiserver.config.k8s.io/v1", "resources": shown}
    ).encode()


def seal(*providers: Any) -> Seal:
    return Seal(sealers_for(parse(config((["secrets"], list(providers)))), "secrets", ""))


IDENTITY: dict[str, Any] = {"identity": {}}
SEALING = ("aesgcm", "aescbc", "secretbox")


@pytest.mark.parametrize("name", SEALING)
@given(value=st.binary(max_size=200))
def test_what_is_sealed_can_be_opened_and_is_not_shown(name: str, value: bytes) -> None:
    sealed = seal(provider(name)).seal(KEY, value)
    assert sealed.startswith(f"k8s:enc:{name}:v1:one:".encode())
    assert len(value) < 8 or value not in sealed.partition(b"one:")[2]
    assert seal(provider(name)).open(KEY, sealed) == value
    assert seal(IDENTITY, provider(name)).open(KEY, sealed) == value


@pytest.mark.parametrize("name", SEALING)
def test_another_key_or_a_changed_value_does_not_open(name: str) -> None:
    sealed = seal(provider(name)).seal(KEY, b"{}" * 20)
    with pytest.raises(Unopened):
        seal(provider(name, fill="x")).open(KEY, sealed)
    with pytest.raises(Unopened, match="no matching prefix found"):
        seal(provider(name, key="other")).open(KEY, sealed)
    with pytest.raises(Unopened):
        seal(provider(name)).open(KEY, sealed[:-1])
    with pytest.raises(Unopened):
        seal(IDENTITY).open(KEY, sealed)


def test_a_value_is_bound_to_its_key_in_the_store() -> None:
    sealed = seal(provider("aesgcm")).seal(KEY, b"{}")
    with pytest.raises(Unopened, match="authentication failed"):
        seal(provider("aesgcm")).open(KEY + b"2", sealed)


def test_a_plain_value_is_read_only_where_identity_is_listed() -> None:
    assert seal(provider("aesgcm"), IDENTITY).open(KEY, b"{}") == b"{}"
    with pytest.raises(Unopened, match="no matching prefix found"):
        seal(provider("aesgcm")).open(KEY, b"{}")


def test_values_of_another_form_than_todays_are_stale() -> None:
    old = seal(provider("aesgcm", key="old")).seal(KEY, b"{}")
    now = seal(provider("aesgcm", key="new"), provider("aesgcm", key="old"), IDENTITY)
    assert now.open(KEY, old) == b"{}"
    assert [now.stale(value) for value in (old, b"{}", now.seal(KEY, b"{}"))] == [True, True, False]
    assert [seal(IDENTITY, provider("aesgcm")).stale(value) for value in (old, b"{}")] == [True, False]


@pytest.mark.parametrize(
    ("names", "plural", "group", "yes"),
    [
        (["secrets"], "secrets", "", True),
        (["secrets."], "secrets", "", True),
        (["secrets"], "secrets", "example.com", False),
        (["widgets.example.com"], "widgets", "example.com", True),
        (["*.apps"], "deployments", "apps", True),
        (["*."], "configmaps", "", True),
        (["*."], "deployments", "apps", False),
        (["*.*"], "anything", "at.all", True),
    ],
)
def test_the_resources_of_an_entry(names: list[str], plural: str, group: str, yes: bool) -> None:
    found = sealers_for(parse(config((names, [provider("aesgcm")]))), plural, group)
    assert bool(found) is yes


def test_the_first_entry_that_names_a_resource_counts() -> None:
    entries = parse(config((["secrets"], [IDENTITY]), (["*.*"], [provider("aesgcm")])))
    assert sealers_for(entries, "secrets", "")[0].marker == b""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "no YAML"),
        (b"kind: Other", "must be of kind EncryptionConfiguration"),
        (config(), "resources: Required value"),
        (config((["*"], [IDENTITY])), "resources[0].resources[0]: Invalid value"),
        (config((["secrets"], [])), "resources[0].providers: Required value"),
        (config((["secrets"], [{"rot13": {}}])), "resources[0].providers[0]: Invalid value: exactly one"),
        (config((["secrets"], [{"aesgcm": {"keys": []}}])), "aesgcm.keys: Required value"),
        (config((["secrets"], [provider("aesgcm", size=5)])), "got 5, expected one of [16 24 32]"),
        (config((["secrets"], [provider("secretbox", size=16)])), "got 16, expected one of [32]"),
        (
            config((["secrets"], [{"aescbc": {"keys": [{"name": "a", "secret": "%"}]}}])),
            "keys[0].secret: Invalid value",
        ),
        (config((["secrets"], [{"aescbc": {"keys": [{"secret": secret(16)}]}}])), "keys[0].name: Required value"),
    ],
)
def test_bad_configurations_name_the_field_and_no_secret(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        parse(text)
    assert secret(16) not in str(caught.value)


def test_a_changed_file_is_taken_over_and_a_broken_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "encryption.yaml"
    file.write_bytes(config((["secrets"], [IDENTITY])))
    encryption = Encryption(file)
    secrets = encryption.seal_for("secrets", "")
    assert secrets is not None
    assert secrets.seal(KEY, b"{}") == b"{}"
    assert not encryption.reload()
    file.write_bytes(config((["secrets"], [provider("aesgcm"), IDENTITY])))
    assert encryption.reload()
    sealed = secrets.seal(KEY, b"{}")
    assert sealed.startswith(b"k8s:enc:aesgcm:v1:one:")
    file.write_bytes(b"broken: [")
    assert not encryption.reload()
    assert secrets.open(KEY, sealed) == b"{}"


def test_nothing_is_sealed_without_a_configuration() -> None:
    assert Encryption(None).seal_for("secrets", "") is None
