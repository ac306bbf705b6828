"""Checks and hooks of a container: which type a handler is, and carrying it out."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.base.scan import scan
from kubern.kubelet import probes
from kubern.kubelet.probe import Outcome, Probe, Target
from kubern.kubelet.runtime.contract import Runtime

HOOK_TIMEOUT = 3600.0
"""A postStart hook may take as long as it likes; preStop is cut off by the grace period."""


class Handlers:
    """Carries out probe and hook handlers."""

    def __init__(self, runtime: Runtime, http: aiohttp.ClientSession, clock: Clock) -> None:
        self._runtime = runtime
        self._http = http
        self._clock = clock
        self._types: Mapping[str, Probe] = {found.field: found for found in scan(probes, "PROBE", Probe)}

    async def check(self, probe: Obj, container: Obj, container_id: str, ip: str, timeout: float) -> Outcome:
        """Carry out a probe or a hook once. A handler of no known type counts as well."""
        if "sleep" in probe:
            await self._clock.sleep(float(probe["sleep"]["seconds"]))
            return Outcome(True)
        for field, kind in self._types.items():
            if probe.get(field) is not None:
                target = Target(probe[field], container, container_id, ip, timeout, self._runtime, self._http)
                try:
                    return await kind.check(target)
                except LookupError as error:
                    return Outcome(False, str(error.args[0]), errored=True)
        return Outcome(True)
