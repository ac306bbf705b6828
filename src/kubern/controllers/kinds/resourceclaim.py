"""ResourceClaim controller: makes pods' claims from templates, and gives back the devices of claims that nobody uses any more.

A key is a claim's, or a pod's when its name begins with `pods/`. The decisions are in `deviceclaims/`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kubern.api.pod_claims import consumers, is_done, pod_claims
from kubern.base.errors import NotFound
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.deviceclaims.claim import ClaimSeen, decide_claim, is_pod, remember
from kubern.controllers.deviceclaims.pod import PodSeen, decide_pod
from kubern.controllers.owners import controller_of
from kubern.controllers.resources import CLAIM_TEMPLATES, PODS, RESOURCE_CLAIMS

POD = "pods/"
Seen = PodSeen | ClaimSeen


def _pod_key(namespace: str, name: str) -> Key:
    return namespace, f"{POD}{name}"


def _pod(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A pod is looked at while it may run; its claims are when it is done or gone."""
    pod = after if after is not None else before
    if pod is None or not pod["spec"].get("resourceClaims"):
        return ()
    namespace, uid = pod["metadata"]["namespace"], pod["metadata"]["uid"]
    keys: list[Key] = []
    if after is None or is_done(pod) or (before is not None and before["metadata"]["uid"] != uid):
        keys += [(namespace, each.claim) for one in (before, pod) if one is not None for each in pod_claims(one)]
        keys += [key_of(claim) for claim in cache.owned(RESOURCE_CLAIMS, uid)]
    if after is not None:
        keys.append(_pod_key(namespace, pod["metadata"]["name"]))
    return [key for key in keys if key[1]]


def _claim(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A claim's change is its own, and the business of the pod that it was made for and of the pods that name it."""
    keys = set()
    for claim in (before, after):
        if claim is None:
            continue
        keys.add(key_of(claim))
        owner = controller_of(claim)
        if owner is not None and owner["kind"] == "Pod":
            keys.add(_pod_key(claim["metadata"]["namespace"], owner["name"]))
        else:
            namespace, name = key_of(claim)
            keys.update(
                _pod_key(namespace, pod["metadata"]["name"])
                for pod in cache.indexed(PODS, "resource claim", _indexed, f"{namespace}/{name}")
                if pod["spec"].get("nodeName")
            )
    return keys


def _indexed(pod: Obj) -> Iterable[str]:
    return tuple(f"{pod['metadata']['namespace']}/{each.claim}" for each in pod_claims(pod) if each.claim)


def _template(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A template that has come may be what pods wait for."""
    if after is None or before is not None:
        return ()
    namespace, name = key_of(after)
    return [
        _pod_key(namespace, pod["metadata"]["name"])
        for pod in cache.list(PODS, namespace)
        if any(each.get("resourceClaimTemplateName") == name for each in pod["spec"].get("resourceClaims") or ())
    ]


WATCHES = (Watch(RESOURCE_CLAIMS, _claim), Watch(PODS, _pod), Watch(CLAIM_TEMPLATES, _template))


def observe(key: Key, cache: Cache) -> Seen | None:
    """Return a pod with its claims and templates, or a claim with the pods that it names."""
    namespace, name = key
    if name.startswith(POD):
        return _observe_pod(namespace, name.removeprefix(POD), cache)
    claim = cache.at(RESOURCE_CLAIMS, key)
    if claim is None:
        return None
    owner = controller_of(claim)
    names = {each["name"] for each in consumers(claim) if is_pod(each)} | ({owner["name"]} if owner else set())
    pods = {each: cache.get(PODS, namespace, each) for each in names}
    return ClaimSeen(claim, {each: pod for each, pod in pods.items() if pod is not None})


def _observe_pod(namespace: str, name: str, cache: Cache) -> PodSeen | None:
    pod = cache.get(PODS, namespace, name)
    if pod is None or not pod["spec"].get("resourceClaims"):
        return None
    claims = {key_of(each): each for each in cache.owned(RESOURCE_CLAIMS, pod["metadata"]["uid"])}
    for each in pod_claims(pod):
        held = cache.get(RESOURCE_CLAIMS, namespace, each.claim) if each.claim else None
        if held is not None:
            claims[key_of(held)] = held
    templates = {}
    for entry in pod["spec"]["resourceClaims"]:
        template = entry.get("resourceClaimTemplateName") or ""
        found = cache.get(CLAIM_TEMPLATES, namespace, template) if template else None
        if found is not None:
            templates[template] = found
    return PodSeen(pod, tuple(claims.values()), templates)


async def gather(seen: Seen, client: Client) -> Seen:
    """Ask for users of a claim that have not arrived here: a pod that was just made still uses it."""
    if isinstance(seen, PodSeen):
        return seen
    pods = dict(seen.pods)
    for entry in consumers(seen.claim):
        if is_pod(entry) and (entry["name"] not in pods or pods[entry["name"]]["metadata"]["uid"] != entry["uid"]):
            try:
                pods[entry["name"]] = await client.get(PODS, entry["name"], seen.claim["metadata"]["namespace"])
            except NotFound:
                pods.pop(entry["name"], None)
    return seen._replace(pods=pods)


def recall(seen: Seen, memory: bool | None, now: datetime) -> tuple[Seen, bool]:
    """Add what the last look at a claim did."""
    return remember(seen, memory, now) if isinstance(seen, ClaimSeen) else (seen, False)


def decide(seen: Seen, now: datetime) -> Plan:
    """Decide on a pod or a claim."""
    return decide_pod(seen, now) if isinstance(seen, PodSeen) else decide_claim(seen, now)


CONTROLLER = Controller(
    "resourceclaim-controller",
    Reconciler(RESOURCE_CLAIMS, WATCHES, observe, decide, "resource_claim", workers=10, gather=gather, recall=recall),
    account="resource-claim-controller",
)
