"""Checks of a pod's own name resolution. Called by the pod checks; wording is upstream's."""

from __future__ import annotations

from kubern.api import field, names
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_SEARCH = 2048


def check_dns(spec: Obj, path: str) -> list[Cause]:
    """Return what is wrong with how a pod resolves names."""
    config, here = spec.get("dnsConfig"), f"{path}.dnsConfig"
    causes: list[Cause] = []
    if spec.get("dnsPolicy") == "None":
        if config is None:
            return [field.required(here, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.get("nameservers"):
            message = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            return [field.required(f"{here}.nameservers", message)]
    servers, searches = (config or {}).get("nameservers") or [], (config or {}).get("searches") or []
    if len(servers) > 3:
        message = "must not have more than 3 nameservers"
        causes.append(field.invalid(f"{here}.nameservers", servers, message))
    for i, server in enumerate(servers):
        causes += [field.invalid(f"{here}.nameservers[{i}]", server, message) for message in names.ip_address(server)]
    if len(searches) > 32:
        causes.append(field.invalid(f"{here}.searches", searches, "must not have more than 32 search paths"))
    if len(" ".join(searches)) > _MAX_SEARCH:
        message = f"must not have more than {_MAX_SEARCH} characters (including spaces) in the search list"
        causes.append(field.invalid(f"{here}.searches", searches, message))
    for i, search in enumerate(searches):
        name = search if search == "." else search.removesuffix(".")
        causes += [field.invalid(f"{here}.searches[{i}]", name, m) for m in names.search_domain(name) if name != "."]
    for i, option in enumerate((config or {}).get("options") or ()):
        if not option.get("name"):
            causes.append(field.required(f"{here}.options[{i}]", "must not be empty"))
    return causes
