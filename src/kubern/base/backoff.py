"""Exponential back-off, per key, as the work queue and the kubelet use it."""

from __future__ import annotations

from collections.abc import Hashable


class Backoff:
    """Delays that double from `base` to `cap` seconds each time the same key fails, until `reset`."""

    def __init__(self, base: float, cap: float) -> None:
        self._base = base
        self._cap = cap
        self._failures: dict[Hashable, int] = {}

    def next(self, key: Hashable) -> float:
        """Return the seconds to wait before the next try of `key`, and count one failure more."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # 2**64 is past every cap; the bound keeps the power small for keys that fail for days
        return min(self._base * 2.0 ** min(failures, 64), self._cap)

    def failures(self, key: Hashable) -> int:
        """Return how often `key` has failed since its last reset."""
        return self._failures.get(key, 0)

    def reset(self, key: Hashable) -> None:
        """Forget the failures of `key`."""
        self._failures.pop(key, None)
