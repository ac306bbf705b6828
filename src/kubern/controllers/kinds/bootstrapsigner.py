"""Bootstrap signer: signs the ConfigMap `cluster-info` with every bootstrap token, so that who knows a token can trust it.

The signature is a JSON Web Signature (HS256) without its payload, kept beside it as `jws-kubeconfig-ID`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.api.bootstrap_token import NAMESPACE, TYPE, seconds_left, valid_for
from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Plan, Update
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.resources import CONFIG_MAPS, SECRETS

KEY: Key = ("kube-public", "cluster-info")
SIGNED, SIGNATURE = "kubeconfig", "jws-kubeconfig-"


class Observed(NamedTuple):
    """The ConfigMap and the Secrets of tokens."""

    config_map: Obj
    tokens: Sequence[Obj]


def _the_one(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    obj = after or before
    return (KEY,) if obj and (obj["metadata"]["namespace"], obj["metadata"]["name"]) == KEY else ()


def _signs(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    obj = after or before
    return (KEY,) if obj and obj.get("type") == TYPE and obj["metadata"]["namespace"] == NAMESPACE else ()


WATCHES = (Watch(CONFIG_MAPS, _the_one), Watch(SECRETS, _signs))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return the ConfigMap, if there is one that holds what is to be signed."""
    config_map = cache.at(CONFIG_MAPS, KEY)
    if config_map is None or SIGNED not in (config_map.get("data") or {}):
        return None
    return Observed(config_map, [each for each in cache.list(SECRETS, NAMESPACE) if each.get("type") == TYPE])


def decide(observed: Observed, now: datetime) -> Plan:
    """Write the signatures that are missing or wrong, and take those away whose token is gone."""
    held = observed.config_map["data"]
    wanted = {name: value for name, value in held.items() if not name.startswith(SIGNATURE)}
    ends = []
    for token in observed.tokens:
        pair = valid_for(token, "signing", now)
        if pair is not None:
            wanted[SIGNATURE + pair[0]] = detached(held[SIGNED], *pair)
            left = seconds_left(token, now)
            ends += [left] if left is not None else []
    actions = (Update(CONFIG_MAPS, {**observed.config_map, "data": wanted}),) if wanted != held else ()
    return Plan(actions, requeue_after=min(ends, default=None))


def detached(content: str, token_id: str, token_secret: str) -> str:
    """Return the signature of `content` by a token, as a compact JWS whose payload is left out."""
    header = _coded(json.dumps({"alg": "HS256", "kid": token_id}, separators=(",", ":")).encode())
    signed = f"{header}.{_coded(content.encode())}".encode()
    return f"{header}..{_coded(hmac.digest(token_secret.encode(), signed, hashlib.sha256))}"


def _coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


CONTROLLER = Controller(
    "bootstrap-signer-controller",
    Reconciler(CONFIG_MAPS, WATCHES, observe, decide, "bootstrap-signer", workers=1),
    by_default=False,
    account="bootstrap-signer",
)
