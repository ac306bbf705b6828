"""Service-account tokens: fills the Secrets that ask for a lasting token of an account, and deletes them with their account."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.api.legacy_token import ACCOUNT, ACCOUNT_UID, TYPE, legacy_token
from kubern.base.errors import NotFound
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Delete, Plan, Update
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.resources import SECRETS, SERVICE_ACCOUNTS
from kubern.controllers.token_secrets import account_name, account_of, notes


class Observed(NamedTuple):
    """A Secret (None: it is gone), its account, and who refers to it."""

    key: Key
    secret: Obj | None
    account: Obj | None
    referring: Sequence[Obj]
    signing_key: str
    root_ca: str


def _token(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    obj = after or before
    return (key_of(obj),) if obj and obj.get("type") == TYPE else ()


def _of_account(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """An account that came or went concerns the Secrets that name it."""
    if before is not None and after is not None and before["metadata"]["uid"] == after["metadata"]["uid"]:
        return ()
    obj = after or before
    if obj is None:
        return ()
    meta = obj["metadata"]
    return [
        key_of(each)
        for each in cache.list(SECRETS, meta["namespace"])
        if each.get("type") == TYPE and account_name(each) == meta["name"]
    ]


WATCHES = (Watch(SECRETS, _token), Watch(SERVICE_ACCOUNTS, _of_account))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a token's Secret, or one that is gone while an account still refers to it; nothing without a key to sign with."""
    if not cache.options.service_account_key:
        return None
    secret = cache.at(SECRETS, key)
    if secret is not None:
        account = account_of(secret, cache.get(SERVICE_ACCOUNTS, key[0], account_name(secret)))
        return Observed(key, secret, account, (), cache.options.service_account_key, cache.options.root_ca)
    referring = [
        each
        for each in cache.list(SERVICE_ACCOUNTS, key[0])
        if any(reference.get("name") == key[1] for reference in each.get("secrets") or ())
    ]
    return Observed(key, None, None, referring, "", "") if referring else None


async def gather(observed: Observed, client: Client) -> Observed:
    """Ask for an account that the cache does not have: it may have been made together with its Secret."""
    secret = observed.secret
    name = account_name(secret) if secret is not None else ""
    if secret is None or observed.account is not None or not name:
        return observed
    try:
        found = await client.get(SERVICE_ACCOUNTS, name, observed.key[0])
    except NotFound:
        return observed
    return observed._replace(account=account_of(secret, found))


def decide(observed: Observed, now: datetime) -> Plan:
    """Fill in what is missing, delete what has no account, take away references to what is gone."""
    secret, account = observed.secret, observed.account
    if secret is None:
        return Plan(tuple(_without(each, observed.key[1]) for each in observed.referring))
    meta = secret["metadata"]
    if account is None:
        return Plan((Delete(SECRETS, meta["namespace"], meta["name"], meta["uid"]),))
    data = dict(secret.get("data") or {})
    if observed.root_ca:
        data["ca.crt"] = base64.b64encode(observed.root_ca.encode()).decode()
    if not data.get("namespace"):
        data["namespace"] = base64.b64encode(meta["namespace"].encode()).decode()
    if not data.get("token"):
        data["token"] = _signed(observed.signing_key, account, meta["name"])
    if data == (secret.get("data") or {}):
        return Plan()
    named = notes(secret) | {ACCOUNT: account["metadata"]["name"], ACCOUNT_UID: account["metadata"]["uid"]}
    return Plan((Update(SECRETS, {**secret, "metadata": {**meta, "annotations": named}, "data": data}),))


def _signed(signing_key: str, account: Obj, secret_name: str) -> str:
    from kubern.api.token_keys import load_signing_key

    token = legacy_token(load_signing_key(signing_key.encode()), account, secret_name)
    return base64.b64encode(token.encode()).decode()


def _without(account: Obj, name: str) -> Update:
    kept = [reference for reference in account["secrets"] if reference.get("name") != name]
    return Update(SERVICE_ACCOUNTS, {**account, "secrets": kept})


CONTROLLER = Controller(
    "serviceaccount-token-controller",
    Reconciler(SECRETS, WATCHES, observe, decide, "tokens-controller", gather=gather),
    account="",
)
