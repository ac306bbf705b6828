"""Which class is the cluster's default: what DefaultStorageClass and DefaultIngressClass share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubern.apiserver.encoding import Entry


def default_class(entries: Iterable[Entry], annotations: Sequence[str]) -> str:
    """Return the name of the class that one of the annotations marks as the default: of several the newest, of equally old
    ones the first by name; empty when there is none."""
    marked = [entry.obj()["metadata"] for entry in entries if b"is-default-class" in entry.item]
    defaults = [meta for meta in marked if "true" in map((meta.get("annotations") or {}).get, annotations)]
    defaults.sort(key=lambda meta: str(meta["name"]))
    defaults.sort(key=lambda meta: str(meta["creationTimestamp"]), reverse=True)
    return str(defaults[0]["name"]) if defaults else ""
