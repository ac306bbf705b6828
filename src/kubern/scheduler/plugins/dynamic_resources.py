"""DynamicResources: a pod goes where devices can be had for all its ResourceClaims, and has them reserved before it is bound.

What is decided for a pod counts as taken at once; it is written down when the pod is bound. A pod without claims costs one look.
Source: the Kubernetes documentation, "Dynamic Resource Allocation"; KEP-4381.
"""

from __future__ import annotations

import functools
import random
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from kubern.api.pod_claims import allocation, consumers, pod_claims
from kubern.base.duration import parse_duration
from kubern.base.errors import Conflict
from kubern.base.json import Obj
from kubern.scheduler.columns import Mask
from kubern.scheduler.framework import Binding, Cycle, Event, Helpless, Plugin, Refusal, Scores, never, scaled
from kubern.scheduler.podinfo import PodInfo

if TYPE_CHECKING:
    from kubern.scheduler.dra.session import Found, Knowledge

NAME = "DynamicResources"
_WAKING = frozenset(
    {
        "Node/Add", "Node/Label", "Node/Taint", "ResourceClaim/Add", "ResourceClaim/Update", "ResourceClaim/Delete",
        "ResourceSlice/Add", "ResourceSlice/Update", "ResourceSlice/Delete", "DeviceClass/Add", "DeviceClass/Update",
    }
)  # fmt: skip


class Limits(NamedTuple):
    """How much a search may cost on a node, in devices tried, and how many seconds devices may take to be prepared."""

    steps: int = 50_000
    binding: float = 600.0


STEPS_A_SECOND = 5_000
"""A search is bounded by steps, so that it ends the same way however busy the machine is; filterTimeout is counted in these."""


def _pre_enqueue(pod: Obj) -> str:
    """A pod whose claims are still to be made from templates is not tried; that they are there shows in its status."""
    if not pod["spec"].get("resourceClaims"):
        return ""
    meta = pod["metadata"]
    waits = any(not each.claim and not each.needless for each in pod_claims(pod))
    return f'pod "{meta.get("namespace", "")}/{meta["name"]}": ResourceClaim not created yet' if waits else ""


def _pre_filter(cycle: Cycle) -> str:
    if not cycle.pod["spec"].get("resourceClaims"):
        return ""
    # selectors need CEL, which is large: it is read with the first pod that has a claim
    from kubern.scheduler.dra import session

    known = cycle.columns.notes.get(NAME)
    if known is None:
        known = cycle.columns.notes[NAME] = session.Knowledge()
    known.refresh(cycle.listers)
    found = session.find(cycle, known)
    cycle.state[NAME] = found
    return found.problem


def _found(cycle: Cycle) -> Found | None:
    found: Found | None = cycle.state.get(NAME)
    return found


def _known(cycle: Cycle) -> Knowledge:
    known: Knowledge = cycle.columns.notes[NAME]
    return known


def _filter(cycle: Cycle, limits: Limits) -> list[Refusal]:
    found = _found(cycle)
    if found is None or not (found.ready or found.open):
        return []
    from kubern.scheduler.dra.session import refused

    return refused(cycle, _known(cycle), found, limits.steps)


def _post_filter(cycle: Cycle, plugins: Sequence[Plugin], helpable: Mask, chance: random.Random) -> Helpless:
    """Give back the devices of a claim that only this pod uses, or nobody, and that cannot be reached from where the pod could go."""
    found = _found(cycle)
    if found is None or not (found.ready or found.open):
        return Helpless("no new claims to deallocate", about="")
    uid = cycle.info.uid
    idle = [each for each in found.elsewhere.values() if all(user.get("uid") == uid for user in consumers(each))]
    if not idle:
        return Helpless("still not schedulable", about="")
    from kubern.scheduler.dra.reservation import release

    claim = idle[chance.randrange(len(idle))]
    return Helpless("deallocation of ResourceClaim completed", about="", then=release(claim))


def _score(cycle: Cycle, mask: Mask) -> Scores | None:
    found = _found(cycle)
    if found is None or not found.given:
        return None
    from kubern.scheduler.dra.session import scores

    return scores(cycle, found, mask)


def _reserve(cycle: Cycle, node: str, limits: Limits) -> None:
    """Count what the pod's claims get on the node as taken."""
    found = _found(cycle)
    if found is None or not found.open:
        return
    from kubern.scheduler.dra.result import allocation as written
    from kubern.scheduler.dra.session import again

    given = again(cycle, found, node, limits.steps)
    if given is None:
        return
    known = _known(cycle)
    asking = known.asking(cycle.listers)
    for claim, picks in zip(found.open, given.picks, strict=True):
        decided = written(claim, picks, node, asking.device_class, lambda: str(uuid.uuid4()))
        taken = {**claim, "status": {**(claim.get("status") or {}), "allocation": decided}}
        known.ledger.expect(taken)
        found.written.append(taken)


def _unreserve(cycle: Cycle, node: str) -> None:
    found = _found(cycle)
    if found is None:
        return
    ledger = _known(cycle).ledger
    for claim in found.written:
        if ledger.pending(claim["metadata"]["uid"]):
            ledger.withdraw(claim["metadata"]["uid"])


async def _pre_bind(binding: Binding, limits: Limits) -> None:
    """Write down what was decided. Raises `StatusError`."""
    found = _found(binding.cycle)
    if found is None or not (found.ready or found.open):
        return
    if len(found.written) != len(found.open):
        raise Conflict("the devices were given to somebody else in the meantime")
    from kubern.scheduler.dra.reservation import prepared, reserve

    ledger = _known(binding.cycle).ledger
    claims = []
    for claim, decided in [
        *zip(found.open, map(allocation, found.written), strict=True),
        *((each, None) for each in found.ready),
    ]:
        done = await reserve(binding, claim, decided)
        ledger.expect(done, written=True)
        claims.append(done)
    for claim in claims:
        await prepared(binding, claim, limits.binding)


def _hint(info: PodInfo, event: Event) -> bool:
    """Devices that become free help everybody, a claim that comes or changes the pods that name it; so do new devices and classes."""
    if not event.name.startswith("ResourceClaim/"):
        return True
    before, after = event.before, event.after
    if before is not None and allocation(before) is not None and (after is None or allocation(after) is None):
        return True
    if after is None or after["metadata"].get("namespace") != info.namespace:
        return False
    return any(each.claim == after["metadata"]["name"] for each in pod_claims(info.pod))


def configured(args: Obj) -> Plugin:
    """Return the plug-in with `filterTimeout` and `bindingTimeout`. Raises `ValueError`."""
    unknown = sorted(args.keys() - {"filterTimeout", "bindingTimeout"})
    if unknown:
        raise ValueError(f"{unknown[0]}: unknown field")
    limits = Limits()
    search, binding = _seconds(args, "filterTimeout"), _seconds(args, "bindingTimeout")
    if search is not None:
        # none at all means no bound
        limits = limits._replace(steps=int(search * STEPS_A_SECOND) or 2**62)
    if binding is not None:
        if binding < 1:
            raise ValueError(f"bindingTimeout: Invalid value: {binding:g}s: must be at least 1 second")
        limits = limits._replace(binding=binding)
    return _plugin(limits)


def _seconds(args: Obj, name: str) -> float | None:
    if args.get(name) is None:
        return None
    try:
        return parse_duration(str(args[name]))
    except ValueError as error:
        raise ValueError(f"{name}: Invalid value: {error}") from error


def _plugin(limits: Limits) -> Plugin:
    return Plugin(
        NAME,
        pre_enqueue=_pre_enqueue,
        pre_filter=_pre_filter,
        filter=functools.partial(_filter, limits=limits),
        refuses=never,
        skips=lambda cycle: not cycle.pod["spec"].get("resourceClaims"),
        post_filter=_post_filter,
        score=_score,
        normalize=scaled,
        reserve=functools.partial(_reserve, limits=limits),
        unreserve=_unreserve,
        pre_bind=functools.partial(_pre_bind, limits=limits),
        events=_WAKING,
        hint=_hint,
        configure=configured,
    )


PLUGIN = _plugin(Limits())
