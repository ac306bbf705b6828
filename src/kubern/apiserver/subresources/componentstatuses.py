"""`componentstatuses`: whether the control plane's parts are well; worked out when it is asked, never kept.

The store is asked; scheduler and controllers, when they run as programs of their own, are judged by the lease that they renew.
Registered like a subresource without a name, as everything is that is answered and not stored.
"""

from __future__ import annotations

from datetime import timedelta

from kubern.api.codec import PROTOBUF
from kubern.apiserver.answers import Media, body_response
from kubern.apiserver.call import Call
from kubern.apiserver.conversion import same
from kubern.apiserver.core import Core
from kubern.apiserver.encoding import Entry, Layout
from kubern.apiserver.forms import Form, FullForm, ListMeta, PartialForm, TableForm
from kubern.apiserver.options import list_options
from kubern.apiserver.protobuf_form import ProtobufForm
from kubern.apiserver.selection import matcher
from kubern.apiserver.storage import not_found
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.http.contract import Answer
from kubern.store.contract import StoreError

STORE, COMPONENTS = "etcd-0", {"controller-manager": "kube-controller-manager", "scheduler": "kube-scheduler"}


async def serve(core: Core, call: Call) -> Answer:
    """Answer with one status or with all. Raises `NotFound`."""
    layout = Layout("ComponentStatus", "v1", False, call.resource.fields)
    entries = [_entry(layout, name, why) for name, why in (await _found(core)).items()]
    media = core.negotiator.choose(call.request.headers.get("accept", ""))
    form = _form(core, call, media)
    if media.encoding == PROTOBUF:
        form = ProtobufForm(form)
    if call.info.name:
        entry = next((each for each in entries if each.name == call.info.name), None)
        if entry is None:
            raise not_found(call.resource, call.info.name)
        return body_response(200, form.encode(entry), media)
    match = matcher(call.resource, list_options(call.info, watch=False))
    chosen = [entry for entry in entries if match is None or match(entry)]
    return body_response(200, form.encode_list(chosen, ListMeta(core.feed.revision)), media)


def _form(core: Core, call: Call, media: Media) -> Form:
    if media.transform == "Table":
        return TableForm(call.resource, core.clock, call.info.first("includeObject"), same, media.version)
    return PartialForm(media.version) if media.transform else FullForm("ComponentStatus", "v1")


def _entry(layout: Layout, name: str, why: str) -> Entry:
    condition: Obj = {"type": "Healthy", "status": "False" if why else "True"}
    condition |= {"message": why, "error": why} if why else {"message": "ok"}
    entry = layout.entry(name, layout.encode({"metadata": {"name": name}, "conditions": [condition]}), 0)
    entry.item = entry.item.replace(b'"resourceVersion":"0",', b"", 1)
    return entry


async def _found(core: Core) -> dict[str, str]:
    """Return what is wrong with each component; an empty text when it is well."""
    leases = {entry.name: entry for entry in core.select("leases", "kube-system", "coordination.k8s.io")}
    found = {name: _stale(core, leases[holder].obj()) for name, holder in COMPONENTS.items() if holder in leases}
    try:
        await core.store.revision()
        found[STORE] = ""
    except StoreError as error:
        found[STORE] = str(error)
    return found


def _stale(core: Core, lease: Obj) -> str:
    spec = lease.get("spec") or {}
    renewed, lasts = spec.get("renewTime"), timedelta(seconds=spec.get("leaseDurationSeconds") or 15)
    if renewed and core.clock.now() - parse_time(renewed) <= lasts:
        return ""
    return f"its lease was last renewed at {renewed}" if renewed else "its lease was never renewed"


SUBRESOURCE = SubresourceHandler("", serve, ("componentstatuses",))
