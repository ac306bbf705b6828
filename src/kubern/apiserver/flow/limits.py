"""What keeps an apiserver's requests from piling up, put together from its configuration. Made by `ApiServer`, used by `edge.Edge`."""

from __future__ import annotations

from typing import NamedTuple

from kubern.apiserver.core import Core
from kubern.apiserver.flow.control import FlowControl
from kubern.apiserver.flow.inflight import Inflight
from kubern.apiserver.request_info import RequestInfo

_WAIT = 0.25
"""The part of its time that a request may wait in a queue."""


class Limits(NamedTuple):
    """Exactly one of the first two is in force."""

    flow: FlowControl | None
    inflight: Inflight | None
    timeout: float
    """Seconds that a request which is not long-running may take."""


def limits_of(core: Core) -> Limits:
    """Return what the configuration asks for; before the feed starts. Raises `ValueError` when there would be no seats at all."""
    config = core.config
    reading, mutating = config.max_requests_inflight, config.max_mutating_requests_inflight
    if reading < 0 or mutating < 0:
        raise ValueError("--max-requests-inflight and --max-mutating-requests-inflight can not be negative value")
    if config.request_timeout <= 0:
        raise ValueError("--request-timeout must be positive")
    if not config.enable_priority_and_fairness:
        return Limits(None, Inflight(reading, mutating), config.request_timeout)
    if reading + mutating == 0:
        raise ValueError("--max-requests-inflight and --max-mutating-requests-inflight must not both be 0")

    def stored(info: RequestInfo) -> int:
        resource = core.resources.get((info.group, info.version, info.resource))
        return len(core.storage(resource).cache.entries) if resource and resource.stored else 0

    flow = FlowControl(reading + mutating, config.request_timeout * _WAIT, core.clock, stored)
    flow.follow(core.feed)
    return Limits(flow, None, config.request_timeout)
