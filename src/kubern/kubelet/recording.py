"""Events about pods and the node, as the kubelet needs them; the client's recorder fits."""

from __future__ import annotations

from typing import Protocol

from kubern.base.json import Obj

NORMAL, WARNING = "Normal", "Warning"


class Recorder(Protocol):
    """Tells the cluster what happened. Never waits and never fails: events are best effort."""

    def event(self, regarding: Obj, kind: str, reason: str, message: str, *, field_path: str = "") -> None:
        """Record one event (NORMAL or WARNING) about an object; `field_path` names the container: `spec.containers{web}`."""
        ...
