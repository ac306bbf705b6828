"""Priority, for its classes: at most one of them is the default of pods that name none."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes, refused

GROUP = "scheduling.k8s.io"


def check(attributes: Attributes) -> None:
    """Refuse a second default. Raises `Forbidden`."""
    if not (attributes.obj or {}).get("globalDefault"):
        return
    for entry in attributes.core.select("priorityclasses", group=GROUP):
        if b'"globalDefault":true' in entry.item and entry.name != attributes.name:
            text = f"PriorityClass {entry.name} is already marked as default. Only one default can exist"
            raise refused(attributes, text)


ADMISSION = Admission(
    "PriorityDefault", 51, ("CREATE", "UPDATE"), ("priorityclasses.scheduling.k8s.io",), validate=check
)
