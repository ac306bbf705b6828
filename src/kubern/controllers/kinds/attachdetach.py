"""attach/detach: lets CSI drivers attach the volumes of a node's pods to it, and take them away afterwards.

A key is a node's. The decisions are in `volumes/attaching`. Drivers whose CSIDriver says `attachRequired: false` are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.kinds.pvc_protection import claims_of
from kubern.controllers.pods import is_finished
from kubern.controllers.resources import ATTACHMENTS, CLAIMS, CSI_DRIVERS, NODES, PODS, VOLUMES
from kubern.controllers.volumes.attaching import Seen, Wanted, decide_node, is_held_elsewhere, unique_name


def _pod(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    pods = [pod for pod in (before, after) if pod is not None and any(claims_of(pod))]
    return {("", pod["spec"]["nodeName"]) for pod in pods if pod["spec"].get("nodeName")}


def _claim(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A claim that is bound is attached where pods wait for it."""
    if after is None or (before is not None and before["spec"].get("volumeName") == after["spec"].get("volumeName")):
        return ()
    return _users(key_of(after), cache)


def _users(claim: Key, cache: Cache) -> Iterable[Key]:
    pods = cache.indexed(PODS, "claim", _indexed, f"{claim[0]}/{claim[1]}")
    return {("", pod["spec"]["nodeName"]) for pod in pods if pod["spec"].get("nodeName")}


def _indexed(pod: Obj) -> Iterable[str]:
    return [f"{pod['metadata']['namespace']}/{name}" for name, _ in claims_of(pod)]


def _volume(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    ref = (after or {}).get("spec", {}).get("claimRef") or {}
    return _users((ref["namespace"], ref["name"]), cache) if before is None and ref.get("name") else ()


def _attachment(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """An attachment concerns its node, and one that is gone those that wait for the volume."""
    obj = after or before
    if obj is None:
        return ()
    keys: set[Key] = {("", obj["spec"]["nodeName"])}
    if after is None:
        volume = cache.get(VOLUMES, "", obj["spec"]["source"].get("persistentVolumeName") or "")
        ref = (volume or {}).get("spec", {}).get("claimRef") or {}
        keys.update(_users((ref["namespace"], ref["name"]), cache) if ref.get("name") else ())
    return keys


def _node(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    obj = after or before
    same = before is not None and after is not None and _facts(before) == _facts(after)
    return [key_of(obj)] if obj is not None and not same else ()


def _facts(node: Obj) -> tuple[object, ...]:
    status = node.get("status") or {}
    return status.get("volumesInUse"), status.get("volumesAttached"), (node.get("spec") or {}).get("taints")


def _driver(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    return {key for pod in cache.list(PODS) for key in _pod(None, pod, cache)}


WATCHES = (
    Watch(PODS, _pod),
    Watch(CLAIMS, _claim),
    Watch(VOLUMES, _volume),
    Watch(ATTACHMENTS, _attachment),
    Watch(NODES, _node),
    Watch(CSI_DRIVERS, _driver),
)


def observe(key: Key, cache: Cache) -> Seen | None:
    """Return a node with what its pods want attached and what is attached to it; None when that is nothing at all."""
    name = key[1]
    node = cache.get(NODES, "", name)
    here = {_volume_of(each): each for each in cache.indexed(ATTACHMENTS, "node", _attached_to, name)}
    wanted = _wanted(name, cache)
    if not here and not wanted and not ((node or {}).get("status") or {}).get("volumesAttached"):
        return None
    elsewhere = {
        volume: [
            each for each in cache.indexed(ATTACHMENTS, "volume", _attached, volume) if each["spec"]["nodeName"] != name
        ]
        for volume in wanted
    }
    found = ((volume, cache.get(VOLUMES, "", volume)) for volume in {*here, *wanted})
    unique = {volume: unique_name(obj) for volume, obj in found if obj is not None and obj["spec"].get("csi")}
    return Seen(name, node, wanted, here, elsewhere, unique)


def _wanted(node: str, cache: Cache) -> dict[str, Wanted]:
    pods: dict[str, list[Obj]] = {}
    volumes: dict[str, Obj] = {}
    for pod in cache.on_node(PODS, node):
        if is_finished(pod):
            continue
        for name, _ in claims_of(pod):
            claim = cache.get(CLAIMS, pod["metadata"]["namespace"], name)
            volume = cache.get(VOLUMES, "", ((claim or {}).get("spec") or {}).get("volumeName") or "")
            if volume is not None and _needs_attaching(volume, cache):
                volumes[volume["metadata"]["name"]] = volume
                pods.setdefault(volume["metadata"]["name"], []).append(pod)
    return {name: Wanted(volume, pods[name], _others(volume, node, cache)) for name, volume in volumes.items()}


def _others(volume: Obj, node: str, cache: Cache) -> list[Obj]:
    """Return the pods of other nodes that use a volume."""
    ref = volume["spec"].get("claimRef") or {}
    users = cache.indexed(PODS, "claim", _indexed, f"{ref.get('namespace')}/{ref.get('name')}")
    return [pod for pod in users if pod["spec"].get("nodeName") not in (None, "", node) and not is_finished(pod)]


def _needs_attaching(volume: Obj, cache: Cache) -> bool:
    csi = volume["spec"].get("csi")
    if not csi:
        return False
    driver = cache.get(CSI_DRIVERS, "", csi["driver"])
    return driver is None or driver["spec"].get("attachRequired") is not False


def _volume_of(attachment: Obj) -> str:
    return str(attachment["spec"]["source"].get("persistentVolumeName") or "")


def _attached(attachment: Obj) -> Iterable[str]:
    return (_volume_of(attachment),)


def _attached_to(attachment: Obj) -> Iterable[str]:
    return (attachment["spec"]["nodeName"],)


class Memory(NamedTuple):
    """Of a node: since when what is attached is not wanted, and the pods whose volumes were seen to be held elsewhere."""

    idle: dict[str, datetime]
    refused: dict[str, frozenset[str]]
    """uids of pods by the volume's name."""


def recall(seen: Seen, memory: Memory | None, now: datetime) -> tuple[Seen, Memory]:
    """Add since when what is attached is not wanted, and of what the pods were told: once, for as long as one of them wants it."""
    before = memory or Memory({}, {})
    idle = {name: before.idle.get(name, now) for name in seen.here.keys() - seen.wanted.keys()}
    users = {name: frozenset(pod["metadata"]["uid"] for pod in each.pods) for name, each in seen.wanted.items()}
    told = frozenset(name for name, pods in users.items() if pods & before.refused.get(name, frozenset()))
    refused = {name: pods for name, pods in users.items() if name in told or is_held_elsewhere(seen, name)}
    return seen._replace(idle=idle, refused=told), Memory(idle, refused)


def decide(seen: Seen, now: datetime) -> Plan:
    """Decide on a node."""
    return decide_node(seen, now)


CONTROLLER = Controller(
    "persistentvolume-attach-detach-controller",
    Reconciler(NODES, WATCHES, observe, decide, "attachdetach-controller", recall=recall),
    account="attachdetach-controller",
)
