"""Events about Services whose addresses or ports had to be repaired, in upstream's words. Losing one hurts nobody."""

from __future__ import annotations

import logging

from kubern.apiserver.bootstrap import ensure
from kubern.apiserver.core import Core
from kubern.base.clock import rfc3339
from kubern.base.errors import StatusError
from kubern.base.json import Obj

ADDRESSES, PORTS = "ipallocator-repair-controller", "portallocator-repair-controller"
_log = logging.getLogger(__name__)


async def warn(core: Core, component: str, service: Obj, reason: str, message: str) -> None:
    """Record a warning about a Service."""
    meta, now = service["metadata"], core.clock.now()
    event = {
        "metadata": {"name": f"{meta['name']}.{core.rng.getrandbits(64):016x}", "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": "v1", "kind": "Service", "namespace": meta["namespace"], "name": meta["name"],
            "uid": meta.get("uid", ""), "resourceVersion": meta.get("resourceVersion", ""),
        },
        "type": "Warning", "reason": reason, "message": message, "count": 1,
        "firstTimestamp": rfc3339(now), "lastTimestamp": rfc3339(now),
        "source": {"component": component}, "reportingComponent": component,
    }  # fmt: skip
    try:
        await ensure(core, "", "v1", "events", event)
    except StatusError as error:
        _log.warning("service %s/%s: %s (%s)", meta["namespace"], meta["name"], message, error)
