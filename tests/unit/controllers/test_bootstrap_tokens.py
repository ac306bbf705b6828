"""Bootstrap tokens: what is signed with them, and when they go."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import jwt
import pytest

from kubern.api.bootstrap_token import groups
from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.controllers.actions import Delete
from kubern.controllers.kinds import bootstrapsigner, tokencleaner
from kubern.controllers.resources import CONFIG_MAPS, SECRETS
from kubern.controllers.runner import load
from tests.unit.controllers.world import START, World

SIGNER, CLEANER = bootstrapsigner.CONTROLLER.reconciler, tokencleaner.CONTROLLER.reconciler
assert SIGNER is not None
assert CLEANER is not None
SECRET = "0123456789abcdef"


def token(name: str = "abcdef", **changes: str) -> Obj:
    values = {"token-id": name, "token-secret": SECRET, "usage-bootstrap-signing": "true"} | {
        key.replace("_", "-"): value for key, value in changes.items()
    }
    return {
        "metadata": {"name": f"bootstrap-token-{name}", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def info(**data: str) -> Obj:
    return {"metadata": {"name": "cluster-info", "namespace": "kube-public"}, "data": {"kubeconfig": "K"} | data}


def signed(world: World) -> set[str]:
    world.settle(SIGNER, bootstrapsigner.KEY)
    return set(world.get(CONFIG_MAPS, "cluster-info", "kube-public")["data"]) - {"kubeconfig"}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_cluster_info_is_signed_as_jose_does() -> None:
    world = World()
    world.put(CONFIG_MAPS, info())
    world.put(SECRETS, token())
    assert signed(world) == {"jws-kubeconfig-abcdef"}
    signature = world.get(CONFIG_MAPS, "cluster-info", "kube-public")["data"]["jws-kubeconfig-abcdef"]
    header, payload, code = signature.split(".")
    assert payload == ""
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "HS256", "kid": "abcdef"}
    whole = ".".join((header, base64.urlsafe_b64encode(b"K").rstrip(b"=").decode(), code))
    assert jwt.PyJWS().decode(whole, SECRET, algorithms=["HS256"]) == b"K"


@pytest.mark.parametrize(
    "other",
    [
        token(usage_bootstrap_signing="false"),
        token(expiration=rfc3339(START)),
        token(expiration="soon"),
        token(token_secret="short"),
        token() | {"type": "Opaque"},
        token() | {"metadata": {"name": "bootstrap-token-fedcba", "namespace": "kube-system"}},
    ],
    ids=["not for signing", "expired", "no time", "bad secret", "another type", "another name"],
)
def test_what_signs_nothing(other: Obj) -> None:
    world = World()
    world.put(CONFIG_MAPS, info(**{"jws-kubeconfig-abcdef": "old"}))
    world.put(SECRETS, other)
    assert signed(world) == set()


def test_a_signature_goes_with_its_token() -> None:
    world = World()
    world.put(CONFIG_MAPS, info())
    world.put(SECRETS, token(expiration=rfc3339(START + timedelta(minutes=1))))
    assert signed(world) == {"jws-kubeconfig-abcdef"}
    assert world.plan(SIGNER, bootstrapsigner.KEY).requeue_after == 60
    world.pass_time(60)
    assert signed(world) == set()


def test_without_cluster_info_there_is_nothing_to_do() -> None:
    world = World()
    world.put(SECRETS, token())
    assert world.settle(SIGNER, bootstrapsigner.KEY) == 0


@pytest.mark.parametrize(
    ("expiration", "after", "deleted"), [("", None, False), ("in an hour", 3600, False), ("x", None, True)]
)
def test_expired_tokens_are_deleted(expiration: str, after: float | None, deleted: bool) -> None:
    world = World()
    text = rfc3339(START + timedelta(hours=1)) if expiration == "in an hour" else expiration
    world.put(SECRETS, token(expiration=text))
    plan = world.plan(CLEANER, ("kube-system", "bootstrap-token-abcdef"))
    assert plan.requeue_after == after
    assert [type(each) for each in plan.actions] == [Delete] * deleted
    if after:
        world.pass_time(after)
        assert world.settle(CLEANER, ("kube-system", "bootstrap-token-abcdef")) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ("system:bootstrappers",)),
        ("system:bootstrappers:b,system:bootstrappers:a",
         ("system:bootstrappers", "system:bootstrappers:a", "system:bootstrappers:b")),
        ("system:masters", None),
        ("system:bootstrappers:A", None),
    ],
)  # fmt: skip
def test_the_groups_of_a_token(text: str, found: tuple[str, ...] | None) -> None:
    secret = token(auth_extra_groups=text)
    if found is None:
        with pytest.raises(ValueError, match="is invalid"):
            groups(secret)
    else:
        assert groups(secret) == found


def test_they_run_when_they_are_named() -> None:
    ours = {"bootstrap-signer-controller", "token-cleaner-controller"}
    assert not ours & {each.name for each in load()}
    assert not ours & {each.name for each in load(["*"])}
    assert ours <= {each.name for each in load(["*", *ours])}
    assert {each.name for each in load(list(ours))} == ours
