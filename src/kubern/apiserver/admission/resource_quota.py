"""ResourceQuota: what a namespace may use in all.

Charged before the object is stored, so that writers at the same moment cannot pass it together. What always holds: an object is
stored only after every quota that covers it has been charged, each by compare-and-swap. A charge for an object that is not
stored in the end is taken back by the quota controller's next count.
"""

from __future__ import annotations

from kubern.api.quota import counts_for_pods, has_scopes, in_scope, object_usage, unstated
from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.apiserver.encoding import Entry
from kubern.base import quantity
from kubern.base.json import Obj
from kubern.base.quantity import Quantity

_UPDATED = ("services", "persistentvolumeclaims", "pods")
"""Whose use may change by an update."""
Usage = dict[str, Quantity]


async def charge(attributes: Attributes) -> None:
    """Charge each quota of the namespace. Raises `Forbidden` for what goes beyond one."""
    resource, obj = attributes.resource, attributes.obj
    if obj is None or not resource.namespaced or not resource.stored or resource.group_resource == "resourcequotas":
        return
    if attributes.operation == "UPDATE" and resource.group_resource not in _UPDATED:
        return
    quotas = attributes.core.select("resourcequotas", attributes.namespace)
    if not quotas:
        return
    usage = object_usage(resource.plural, resource.group, obj)
    if attributes.operation == "UPDATE" and attributes.old is not None:
        if resource.plural == "pods" and not counts_for_pods(attributes.old):
            return
        before = object_usage(resource.plural, resource.group, attributes.old)
        usage = {name: amount - before[name] if name in before else amount for name, amount in usage.items()}
    usage = {name: amount for name, amount in usage.items() if amount.nano > 0}
    covering = [entry for entry in quotas if _covers(entry.obj(), attributes, usage)]
    for entry in covering:
        _check(attributes, entry.obj(), usage)
    if not attributes.dry_run:
        for entry in covering:
            await _charge(attributes, entry, usage)


def _covers(quota: Obj, attributes: Attributes, usage: Usage) -> bool:
    hard = _hard(quota)
    is_pod = attributes.resource.group_resource == "pods"
    kind = attributes.resource.group_resource
    if has_scopes(quota) and not (attributes.obj and in_scope(quota, kind, attributes.obj)):
        return False
    return any(name in usage for name in hard) or (is_pod and attributes.operation == "CREATE" and bool(hard))


def _check(attributes: Attributes, quota: Obj, usage: Usage) -> None:
    name, hard = quota["metadata"]["name"], _hard(quota)
    if attributes.resource.group_resource == "pods" and attributes.operation == "CREATE" and attributes.obj:
        missing = unstated(hard, attributes.obj)
        if missing:
            raise refused(attributes, f"failed quota: {name}: must specify {missing}")
    used = (quota.get("status") or {}).get("used") or {}
    unknown = sorted(each for each in hard if each in usage and each not in used)
    if unknown:
        raise refused(attributes, f"status unknown for quota: {name}, resources: {','.join(unknown)}")
    beyond = sorted(
        each
        for each, limit in hard.items()
        if each in usage and quantity.parse(used[each]) + usage[each] > quantity.parse(limit)
    )
    if beyond:
        requested = ",".join(f"{each}={usage[each]}" for each in beyond)
        in_use = ",".join(f"{each}={used[each]}" for each in beyond)
        limited = ",".join(f"{each}={hard[each]}" for each in beyond)
        raise refused(attributes, f"exceeded quota: {name}, requested: {requested}, used: {in_use}, limited: {limited}")


async def _charge(attributes: Attributes, entry: Entry, usage: Usage) -> None:
    async def change(old: Obj) -> Obj:
        _check(attributes, old, usage)
        status = old.get("status") or {}
        used = status.get("used") or {}
        charged = {
            name: str(quantity.parse(used[name]) + usage[name]) for name in _hard(old) if name in usage and name in used
        }
        return {**old, "status": {**status, "used": {**used, **charged}}}

    if any(name in usage for name in _hard(entry.obj())):
        await attributes.core.storage_of("resourcequotas").update(entry.namespace, entry.name, change)


def _hard(quota: Obj) -> dict[str, str]:
    return (quota.get("status") or {}).get("hard") or quota["spec"].get("hard") or {}


ADMISSION = Admission("ResourceQuota", 1000, ("CREATE", "UPDATE"), validate=charge)
