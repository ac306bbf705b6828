"""Admission of what is asked and not stored: what a subresource takes, a review, a connection to a pod.

Called by subresources and reviews before they act. What always holds: nothing is done for such a request before every plug-in has agreed.
"""

from __future__ import annotations

from kubern.apiserver.admission_chain import Attributes, Kind
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.options import WriteOptions
from kubern.base.json import Obj


async def admit(
    core: Core, call: Call, obj: Obj, kind: Kind | None, options: WriteOptions, warnings: list[str]
) -> None:  # fmt: skip
    """Let the plug-ins change and judge what is posted to a path. `kind` is what `obj` is when it is not of the resource's own.

    Raises their refusals."""
    if kind is not None:
        obj |= {"kind": kind.kind, "apiVersion": f"{kind.group}/{kind.version}" if kind.group else kind.version}
    name = call.info.name or (obj.get("metadata") or {}).get("name") or ""
    attributes = Attributes(
        core, "CREATE", call.resource, call.namespace, name, obj, None, call.user, call.info.subresource, options.dry_run,
        warnings, kind, options.obj("CreateOptions"),
    )  # fmt: skip
    await core.admission.mutate(attributes)
    await core.admission.validate(attributes)


async def admit_connection(core: Core, call: Call, kind: str, fields: Obj) -> None:
    """Let the plug-ins judge a connection: exec, attach, port-forward and proxy. `kind` and `fields` make its options
    (`PodExecOptions`). Raises their refusals."""
    resource = call.resource
    obj: Obj = {"kind": kind, "apiVersion": "v1"} | {key: value for key, value in fields.items() if value}
    attributes = Attributes(
        core, "CONNECT", resource, call.namespace, call.info.name, obj, None, call.user, call.info.subresource, False,
        None, Kind("", "v1", kind),
    )  # fmt: skip
    if core.admission.concerns(attributes):
        await core.admission.mutate(attributes)
        await core.admission.validate(attributes)
