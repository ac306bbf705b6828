"""Secrets with service-account tokens: filled, deleted with their account, cleaned up when nobody uses them."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kubern.api.legacy_token import ACCOUNT, ACCOUNT_UID, INVALID_SINCE, LAST_USED, TRACKING, TYPE
from kubern.base.clock import rfc3339
from kubern.base.errors import NotFound
from kubern.base.json import Obj
from kubern.controllers.actions import Delete, Patch, Update
from kubern.controllers.cache import Options
from kubern.controllers.kinds import legacy_token_cleaner, serviceaccount_token
from kubern.controllers.kinds.legacy_token_cleaner import secret_names
from kubern.controllers.resources import CONFIG_MAPS, PODS, SECRETS, SERVICE_ACCOUNTS
from tests.unit.controllers.world import START, World, pod

FILLING, CLEANING = serviceaccount_token.CONTROLLER.reconciler, legacy_token_cleaner.CONTROLLER.reconciler
assert FILLING is not None
assert CLEANING is not None
PRIVATE = ec.generate_private_key(ec.SECP256R1())
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
KEY = ("ns", "s")
YEAR = timedelta(days=365)


def account(*secrets: str) -> Obj:
    listed = {"secrets": [{"name": name} for name in secrets]} if secrets else {}
    return {"metadata": {"name": "robot", "namespace": "ns", "uid": "u1"}, **listed}


def secret(uid: str = "", labels: Any = None, age: timedelta = timedelta()) -> Obj:
    notes = {ACCOUNT: "robot"} | ({ACCOUNT_UID: uid} if uid else {})
    meta = {"name": "s", "namespace": "ns", "annotations": notes, "creationTimestamp": rfc3339(START - age)}
    return {"metadata": meta | ({"labels": labels} if labels else {}), "type": TYPE}


def world_with(*accounts: Obj, root_ca: str = "CA") -> World:
    world = World(Options(service_account_key=PEM, root_ca=root_ca))
    for each in accounts:
        world.put(SERVICE_ACCOUNTS, each)
    return world


def test_a_secret_is_filled() -> None:
    world = world_with(account())
    world.put(SECRETS, secret())
    assert world.settle(FILLING, KEY) == 1
    filled = world.get(SECRETS, "s")
    values = {key: base64.b64decode(value).decode() for key, value in filled["data"].items()}
    assert (values["ca.crt"], values["namespace"]) == ("CA", "ns")
    claims = jwt.decode(values["token"], PRIVATE.public_key(), ["ES256"])
    assert claims == {
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": "ns",
        "kubernetes.io/serviceaccount/secret.name": "s",
        "kubernetes.io/serviceaccount/service-account.name": "robot",
        "kubernetes.io/serviceaccount/service-account.uid": "u1",
        "sub": "system:serviceaccount:ns:robot",
    }
    assert filled["metadata"]["annotations"] == {ACCOUNT: "robot", ACCOUNT_UID: "u1"}


def test_a_new_authority_is_written_and_the_token_kept() -> None:
    world = world_with(account())
    made = secret(uid="u1")
    made["data"] = {"token": "dG9r", "namespace": "bnM=", "ca.crt": "b2xk", "mine": "bQ=="}
    world.put(SECRETS, made)
    assert world.settle(FILLING, KEY) == 1
    assert world.get(SECRETS, "s")["data"] == made["data"] | {"ca.crt": base64.b64encode(b"CA").decode()}


class Live:
    """An API that has the account, or not."""

    def __init__(self, found: Obj | None) -> None:
        self.found = found

    async def get(self, *_: Any) -> Obj:
        if self.found is None:
            raise NotFound("no such account")
        return self.found


@pytest.mark.parametrize(
    ("live", "uid", "action"),
    [(None, "", Delete), (account(), "", Update), (account(), "another", Delete)],
    ids=["no account", "account is there", "another account of the name"],
)
async def test_an_account_that_is_not_known_yet_is_asked_for(live: Obj | None, uid: str, action: type) -> None:
    world = world_with()
    world.put(SECRETS, secret(uid))
    observed = serviceaccount_token.observe(KEY, world.cache)
    assert observed is not None
    observed = await serviceaccount_token.gather(observed, Live(live))  # type: ignore[arg-type]
    (made,) = serviceaccount_token.decide(observed, START).actions
    assert isinstance(made, action)


def test_references_to_a_lost_secret_are_taken_away() -> None:
    world = world_with(account("s", "t"))
    assert world.settle(FILLING, KEY) == 1
    assert world.get(SERVICE_ACCOUNTS, "robot")["secrets"] == [{"name": "t"}]


def test_a_lost_account_concerns_its_secrets() -> None:
    world = world_with()
    world.put(SECRETS, secret())
    to_keys = serviceaccount_token.WATCHES[1].keys
    assert list(to_keys(account(), None, world.cache)) == [KEY]
    assert list(to_keys(account(), account("s"), world.cache)) == []


def test_without_a_key_secrets_are_left_alone() -> None:
    world = World()
    world.put(SECRETS, secret())
    assert world.settle(FILLING, KEY) == 0


def old_world(
    labels: Any = None, *, age: timedelta = 3 * YEAR, refer: bool = True, since: timedelta = 3 * YEAR
) -> World:
    world = World()
    world.put(SERVICE_ACCOUNTS, account(*(["s"] if refer else [])))
    data = {"since": (START - since).strftime("%Y-%m-%d")}
    world.put(CONFIG_MAPS, {"metadata": {"name": TRACKING, "namespace": "kube-system"}, "data": data})
    world.put(SECRETS, secret("u1", labels, age))
    return world


def day(ago: timedelta) -> str:
    return (START - ago).strftime("%Y-%m-%d")


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (old_world(), "marked"),
        (old_world({LAST_USED: day(2 * YEAR)}), "marked"),
        (old_world({LAST_USED: day(YEAR)}), "kept"),
        (old_world({LAST_USED: "yesterday"}), "kept"),
        (old_world(age=YEAR / 2), "kept"),
        (old_world(since=YEAR), "kept"),
        (old_world(refer=False), "kept"),
        (old_world({INVALID_SINCE: day(YEAR)}), "kept"),
        (old_world({INVALID_SINCE: "long ago"}), "marked"),
        (old_world({INVALID_SINCE: day(YEAR + timedelta(days=1))}), "deleted"),
    ],
    ids=["never used", "used long ago", "used", "unreadable", "young", "tracked too short", "made by hand", "marked",
         "marked wrongly", "marked long ago"],
)  # fmt: skip
def test_unused_tokens_are_marked_and_then_deleted(world: World, expected: str) -> None:
    plan = world.plan(CLEANING, KEY)
    assert [type(each) for each in plan.actions] == {"kept": [], "marked": [Patch], "deleted": [Delete]}[expected]
    if expected != "deleted":
        assert plan.requeue_after == 24 * 3600
    if expected == "marked":
        world.settle(CLEANING, KEY)
        assert world.get(SECRETS, "s")["metadata"]["labels"][INVALID_SINCE] == day(timedelta())


def test_a_token_that_a_pod_mounts_is_kept() -> None:
    world = old_world()
    world.put(PODS, pod("p", volumes=[{"name": "v", "secret": {"secretName": "s"}}]))
    assert world.settle(CLEANING, KEY) == 0


def test_every_way_to_refer_to_a_secret_is_seen() -> None:
    spec = {
        "imagePullSecrets": [{"name": "a"}],
        "initContainers": [
            {"name": "x", "env": [{"name": "y", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}}]}
        ],
        "containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "d"}}, {"configMapRef": {"name": "no"}}]}],
        "volumes": [
            {"name": "v", "projected": {"sources": [{"secret": {"name": "e"}}]}},
            {"name": "w", "csi": {"nodePublishSecretRef": {"name": "f"}}},
            {"name": "secret", "secret": {"secretName": "g", "items": [{"key": "name", "path": "name"}]}},
        ],
    }
    assert sorted(secret_names(spec)) == ["a", "b", "d", "e", "f", "g"]
