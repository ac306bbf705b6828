"""Runs the controllers of this folder together: for their own program, and for the control plane that hosts them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Iterator

from kubern.base.clock import Clock
from kubern.base.introspection import Introspection
from kubern.base.json import Obj
from kubern.base.metrics import Family
from kubern.base.scan import scan
from kubern.client.contract import Client
from kubern.client.event_counts import EventCounts
from kubern.client.informer import Informers
from kubern.client.leaderelection import Elector, LeaseSettings, candidate
from kubern.client.queue_counts import QueueCounts, queue_families
from kubern.controllers import kinds
from kubern.controllers.cache import DEFAULTS, Cache, Options
from kubern.controllers.controller import Context, Controller
from kubern.controllers.counters import Counters
from kubern.controllers.loop import Loop
from kubern.controllers.resources import followed

log = logging.getLogger(__name__)

LEASE = LeaseSettings("kube-controller-manager")

AsAccount = Callable[[str], Client]
"""Gives the client that acts as an account of kube-system."""


def load(names: Collection[str] | None = None) -> list[Controller]:
    """Return all that run by default, or those named (`*` is all of the former, `-name` all but that one).

    Raises `LookupError` for an unknown name.
    """
    every = scan(kinds, "CONTROLLER", Controller)
    found = {controller.name: controller for controller in every}
    if len(found) != len(every):
        raise LookupError("two controllers have one name")
    if names is None:
        return [controller for controller in found.values() if controller.by_default]
    unknown = {name.removeprefix("-") for name in names if name != "*"} - set(found)
    if unknown:
        raise LookupError(f"no such controller: {', '.join(sorted(unknown))}; there are {', '.join(sorted(found))}")
    return [c for n, c in found.items() if f"-{n}" not in names and (n in names or ("*" in names and c.by_default))]


async def run_controllers(
    client: Client,
    clock: Clock,
    informers: Informers | None = None,
    names: Collection[str] | None = None,
    options: Options = DEFAULTS,
    introspection: Introspection | None = None,
    as_account: AsAccount | None = None,
) -> None:
    """Run controllers until cancelled. `informers` are shared with others of the process; without them own ones are started. With
    `as_account` each controller writes as the account that it names; what they follow, they follow as `client`.
    """
    controllers = load(names)
    queues: list[QueueCounts] = []
    counters, told = Counters(), EventCounts()
    if introspection is not None:
        introspection.sources.append(lambda: queue_families(queues, clock.monotonic()))
        introspection.sources.append(lambda: _started(controllers))
        introspection.sources += [counters.families, told.families]
        introspection.configuration["kubecontrollermanager.config.k8s.io"] = lambda: _shown(options, names)
    own = Informers(client, clock) if informers is None else informers
    context = Context(client, clock, own, Cache(lambda gvr: followed(own, gvr), options), queues, counters, told)
    for controller in controllers:
        # before anything runs: who wants metadata alone then shares these whole copies
        for reconciler in controller.reconcilers:
            for watch in reconciler.watches:
                followed(own, watch.gvr)
    async with asyncio.TaskGroup() as group:
        if informers is None:
            own.start(group)
        for controller in controllers:
            acting = as_account(controller.account) if as_account is not None and controller.account else client
            group.create_task(_run(controller, context._replace(client=acting)), name=controller.name)


async def _run(controller: Controller, context: Context) -> None:
    if controller.reconciler is not None:
        async with asyncio.TaskGroup() as group:
            for name, reconciler in {controller.name: controller.reconciler, **controller.beside}.items():
                group.create_task(Loop(name, reconciler, context).run(), name=name)
    elif controller.run is not None:
        await controller.run(context)


def _shown(options: Options, names: Collection[str] | None) -> Obj:
    from kubern.controllers.configz import shown

    return shown(options, names)


def _started(controllers: Collection[Controller]) -> Iterator[Family]:
    series: dict[tuple[str, ...], float] = {
        (controller.name, "kube-controller-manager"): 1.0 for controller in controllers
    }
    yield Family(
        "running_managed_controllers", "gauge",
        "[ALPHA] Indicates where instances of a controller are currently running", ("name", "manager"), series,
    )  # fmt: skip


async def run_elected(
    client: Client,
    clock: Clock,
    names: Collection[str] | None,
    options: Options,
    lease: LeaseSettings = LEASE,
    introspection: Introspection | None = None,
    as_account: AsAccount | None = None,
) -> None:
    """Run controllers while holding the Lease that upstream's controller manager holds. Raises `LeadershipLost`.

    As upstream's, it lets the Lease run out when it is told to end.
    """
    elector = Elector(client, clock, lease, candidate(LEASE.name, release=False), random.Random())
    if introspection is not None:
        elector.join(introspection)
    await elector.lead(
        lambda: run_controllers(
            client, clock, names=names, options=options, introspection=introspection, as_account=as_account
        )
    )
