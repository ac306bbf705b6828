"""The taints of devices are dated by the server where who published them did not; from then on tolerations count their seconds.

Upstream does so where a ResourceSlice is stored; here it is a plug-in because strategies know no time.
"""

from __future__ import annotations

from typing import Any

from kubern.api.rules.values import items
from kubern.apiserver.admission_chain import Admission, Attributes
from kubern.base.clock import rfc3339
from kubern.base.json import Obj


def date(attributes: Attributes) -> None:
    """Fill in timeAdded: the old one of a taint that was there before."""
    before = dict(_taints(attributes.old or {}))
    now = ""
    for key, taint in _taints(attributes.obj or {}):
        if not taint.get("timeAdded"):
            now = now or rfc3339(attributes.core.clock.now())
            taint["timeAdded"] = (before.get(key) or {}).get("timeAdded") or now


def _taints(obj: Obj) -> list[tuple[tuple[Any, ...], Obj]]:
    """Return the taints of a slice's devices with what tells them apart."""
    return [
        ((device.get("name"), taint.get("key"), taint.get("value"), taint.get("effect")), taint)
        for _, device in items(obj, "spec.devices")
        for _, taint in items(device, "taints")
    ]


ADMISSION = Admission("DeviceTaintTime", 7, ("CREATE", "UPDATE"), ("resourceslices.resource.k8s.io",), mutate=date)
