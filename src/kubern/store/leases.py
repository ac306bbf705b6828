"""Which lease ends when, and which keys it holds. Used by `embedded`; knows time only as seconds that it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubern.store.index import Change


class Leases:
    """The granted leases. A lease found in the file at start lives its whole ttl once more, as in etcd after an election."""

    def __init__(self, ttls: Mapping[int, int], now: float) -> None:
        self._ttls = dict(ttls)
        self._deadlines = {lease: now + ttl for lease, ttl in ttls.items()}
        self._keys: dict[int, set[bytes]] = {lease: set() for lease in ttls}
        self._next = max(ttls, default=0) + 1

    def __contains__(self, lease: int) -> bool:
        return lease in self._deadlines

    def grant(self, ttl: int, now: float) -> int:
        """Make a lease and return its id."""
        lease, self._next = self._next, self._next + 1
        self._ttls[lease] = ttl
        self._deadlines[lease] = now + ttl
        self._keys.setdefault(lease, set())
        return lease

    def renew(self, lease: int, now: float) -> int:
        """Let the lease live its ttl again; returns it. Raises `KeyError`."""
        ttl = self._ttls[lease]
        self._deadlines[lease] = now + ttl
        return ttl

    def attach(self, changes: Iterable[Change]) -> None:
        """Follow writes: a key belongs to the lease of its last write."""
        for current, previous in changes:
            if previous and previous.lease:
                self._keys.get(previous.lease, set()).discard(current.key)
            if current.lease:
                self._keys.setdefault(current.lease, set()).add(current.key)

    def keys(self, lease: int) -> list[bytes]:
        """Return the keys that end with the lease, in order."""
        return sorted(self._keys.get(lease, ()))

    def due(self, now: float) -> list[int]:
        """Return the leases whose time is over."""
        return [lease for lease, deadline in self._deadlines.items() if deadline <= now]

    def end(self, lease: int) -> None:
        """Take no more keys. Its keys are known until `forget`. Raises `KeyError`."""
        del self._deadlines[lease]

    def forget(self, lease: int) -> None:
        """Drop a lease that ended and whose keys are gone."""
        self._ttls.pop(lease, None)
        self._keys.pop(lease, None)

    def retry(self, lease: int, now: float) -> None:
        """Its keys could not be deleted: it is due again."""
        self._deadlines[lease] = now
