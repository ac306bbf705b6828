"""ComponentStatus: the older way to ask whether the control plane's parts are well."""

from __future__ import annotations

from kubern.api.resource import READ_VERBS, Resource
from kubern.api.rules.cells import NAME, column
from kubern.base.json import Obj

_WORDS = {"True": "Healthy", "False": "Unhealthy"}


def _healthy(component: Obj) -> Obj:
    for condition in component.get("conditions") or ():
        if condition.get("type") == "Healthy":
            found: Obj = condition
            return found
    return {}


RESOURCE = Resource(
    group="",
    version="v1",
    kind="ComponentStatus",
    plural="componentstatuses",
    singular="componentstatus",
    namespaced=False,
    schema="io.k8s.api.core.v1.ComponentStatus",
    deprecated="v1 ComponentStatus is deprecated in v1.19+",
    short_names=("cs",),
    verbs=READ_VERBS,
    stored=False,
    columns=(
        NAME,
        column("Status", lambda c: _WORDS.get(_healthy(c).get("status", ""), "Unknown"), "Whether it is well."),
        column("Message", lambda c: _healthy(c).get("message") or "", "What it answered."),
        column("Error", lambda c: _healthy(c).get("error") or "", "What went wrong when it was asked."),
    ),
)
