"""The cluster's zone: all Services' names in one index, kept up to date a Service at a time, and the answer to a question."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.dns.records import Names, Record, pod_address, service_records

SPEC_VERSION = "1.1.0"
_REVERSE = (".in-addr.arpa", ".ip6.arpa")


class Answer(NamedTuple):
    """`records` are (owner name, record); `known` is whether the name exists (else NXDOMAIN); None: not our zone."""

    known: bool
    records: list[tuple[str, Record]]


class Zone:
    """Names below `domain`. One thread uses it."""

    def __init__(self, domain: str = "cluster.local", shuffle: random.Random | None = None) -> None:
        self.domain = domain.lower()
        self._by_service: dict[tuple[str, str], Names] = {}
        self._names: dict[str, dict[tuple[str, str], list[Record]]] = {}
        self._parents: dict[str, int] = {}
        self._namespaces: set[str] = set()
        self._random = shuffle or random.Random()

    def set_namespaces(self, names: Iterable[str]) -> None:
        """Say which namespaces there are; pod names are answered in these only."""
        self._namespaces = set(names)

    def update(self, key: tuple[str, str], service: Obj | None, slices: Iterable[Obj] = ()) -> None:
        """Replace everything said about the Service `key` (namespace, name); None: it is gone."""
        for name in self._by_service.pop(key, {}):
            holders = self._names[name]
            del holders[key]
            if not holders:
                del self._names[name]
                self._count_parents(name, -1)
        if service is None:
            return
        names = service_records(service, slices, self.domain)
        self._by_service[key] = names
        for name, records in names.items():
            if name not in self._names:
                self._names[name] = {}
                self._count_parents(name, 1)
            self._names[name][key] = records

    def _count_parents(self, name: str, change: int) -> None:
        """Keep the empty names above `name` known, so that a question for `svc.cluster.local` is not NXDOMAIN (RFC 8020)."""
        while "." in name:
            name = name.partition(".")[2]
            count = self._parents.get(name, 0) + change
            if count:
                self._parents[name] = count
            else:
                del self._parents[name]

    def answer(self, name: str, kind: str) -> Answer | None:
        """Answer a question for `kind` (A, AAAA, SRV, PTR, CNAME, TXT, ANY…) of `name` (without the last dot)."""
        name = name.lower()
        ours = name == self.domain or name.endswith("." + self.domain)
        if not ours and not (name.endswith(_REVERSE) and name in self._names):
            return None
        if name == f"dns-version.{self.domain}":
            return Answer(True, [(name, Record("TXT", SPEC_VERSION))] if kind in ("TXT", "ANY") else [])
        pod = pod_address(name, self.domain)
        if pod and pod[1] in self._namespaces:
            return Answer(True, [(name, Record("A", pod[0]))] if kind in ("A", "ANY") else [])
        held = self._names.get(name)
        if held is None:
            return Answer(name in self._parents or name == self.domain, [])
        records = [record for each in held.values() for record in each]
        # a client that takes the first address spreads its load by this
        found = [
            (name, r)
            for r in self._random.sample(records, len(records))
            if kind in ("ANY", r.type) or r.type == "CNAME"
        ]
        if found and found[0][1].type == "CNAME" and kind not in ("CNAME", "ANY"):
            behind = self.answer(found[0][1].value, kind)
            found += behind.records if behind else []
        return Answer(True, found)
