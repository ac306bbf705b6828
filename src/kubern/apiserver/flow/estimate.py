"""How many seats a request takes. Called by `control.FlowControl`."""

from __future__ import annotations

import math

from kubern.apiserver.request_info import RequestInfo

OBJECTS_A_SEAT = 100
MOST = 10


def list_width(info: RequestInfo, stored: int) -> int:
    """Return the seats of a list over `stored` objects: one a hundred objects looked at, ten at most."""
    objects = 1 if info.name else stored
    limit = info.first("limit")
    if limit.isdecimal() and int(limit) > 0 and "labelSelector" not in info.query and "fieldSelector" not in info.query:
        objects = min(objects, int(limit))
    return min(max(math.ceil(objects / OBJECTS_A_SEAT), 1), MOST)
