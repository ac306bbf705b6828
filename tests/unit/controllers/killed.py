"""Stories of controllers, told again and again: each time the process dies before another one of its writes, and a new one takes over.

Whatever it died before, all comes to the same end as if it had lived, but for generated names, uids and versions. What a model (`chaos`)
tries at random, this does for every write of every controller, with copies that are never late.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import orjson

from kubern.base.json import Obj
from kubern.controllers.cache import DEFAULTS, Options
from kubern.controllers.controller import Controller
from kubern.controllers.pods import is_active, is_ready
from kubern.controllers.resources import PODS
from tests.unit.controllers.late import Asked, Killed, Process, Server, conditions

Act = Callable[[Server], None]
ROUNDS = 300
VERSION = re.compile(r'"(resourceVersion":"\d+"|(generation|observedGeneration)":\d+)')
GONE = re.compile(r"uid-\d+")
TIME = re.compile(r'"\d{4}-\d\d-\d\dT[\d:.]+Z"')


class Story(NamedTuple):
    """Controllers, and what others do to the cluster: each act once all has come to rest after the one before it."""

    controllers: tuple[Controller, ...]
    acts: tuple[Act, ...]
    options: Options = DEFAULTS


class Ending(NamedTuple):
    """What a story came to: what is on the server, how many writes it took, and what each reconciler asked the last process for."""

    objects: Sequence[str]
    writes: int
    asked: frozenset[Asked]


def told(story: Story, kill: int | None = None) -> Ending:
    """Tell a story to its end; the process dies instead of making write number `kill`, counted from 0."""
    found = [reconciler for each in story.controllers for reconciler in each.reconcilers]
    server = Server()
    process = Process(server, found, story.options)
    process.writer.left = kill
    with asyncio.Runner() as runner:
        for act in story.acts:
            act(server)
            for _ in range(ROUNDS):
                try:
                    if not _round(process, runner):
                        break
                except Killed:
                    process = Process(server, found, story.options)
            else:
                raise AssertionError("it never comes to rest")
    return Ending(plain(server), process.writer.written, frozenset(process.writer.asked))


def _round(process: Process, runner: asyncio.Runner) -> bool:
    """Let everything arrive, everybody work and every pod get on, once; says whether that changed anything."""
    server, before = process.server, _length(process.server)
    for gvr in process.behind():
        process.deliver(gvr, 1000)
    process.wake()
    worked = bool(process.todo)
    for todo in [*process.todo]:
        process.work(todo, runner)
    for pod in server.list(PODS):
        _kubelet(server, pod)
    return worked or before != _length(server)


def _kubelet(server: Server, pod: Obj) -> None:
    if pod["metadata"].get("deletionTimestamp"):
        if not pod["metadata"].get("finalizers"):
            server.remove(PODS, pod)
    elif is_active(pod) and not is_ready(pod) and "schedulingGates" not in pod["spec"]:
        status = {**(pod.get("status") or {}), **conditions(ready=True, now=server.now)}
        server.change(PODS, pod, spec={"nodeName": _chosen(pod), **pod["spec"]}, status=status)


def _chosen(pod: Obj) -> str:
    """Return the node that the scheduler chooses: the one that a DaemonSet's pod is for."""
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity")
    if not affinity:
        return "n1"
    terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return str(terms[0]["matchFields"][0]["values"][0])


def plain(server: Server) -> list[str]:
    """Return all objects as text, without what differs from one telling to the next: uids, versions, times, generated names."""
    objects = [(gvr, obj) for gvr, held in server.objects.items() for obj in held.values()]
    text = [f"{gvr.plural} {orjson.dumps(obj, option=orjson.OPT_SORT_KEYS).decode()}" for gvr, obj in objects]
    for _, obj in objects:
        meta = obj["metadata"]
        name = meta["generateName"] + "*" if "generateName" in meta else meta["name"]
        text = [re.sub(rf'"{re.escape(meta["name"])}"', f'"{name}"', each) for each in text]
        text = [re.sub(rf"{meta['uid']}(?!\d)", f"uid of {name}", each) for each in text]
    return sorted(GONE.sub("uid of what is gone", VERSION.sub("", TIME.sub("", each))) for each in text)


def _length(server: Server) -> int:
    return sum(map(len, server.log.values()))
