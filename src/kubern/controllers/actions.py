"""What a plan may ask for. The loop carries these out in order; a controller's decision only names them."""

from __future__ import annotations

from typing import Any, NamedTuple

from kubern.base.json import Obj
from kubern.client.contract import GVR

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Told(NamedTuple):
    """The Events that go with an action: `{name}` is the written object's name, `{error}` what went wrong."""

    regarding: Obj
    done_reason: str
    done: str
    failed_reason: str = ""
    failed: str = ""


class Create(NamedTuple):
    """Create an object; with `name` and `subresource`, post to that instead. `exists_ok`: one that is there already will do;
    `missing_ok`: so will nothing to post to."""

    gvr: GVR
    obj: Obj
    namespace: str = ""
    told: Told | None = None
    exists_ok: bool = False
    name: str = ""
    subresource: str = ""
    missing_ok: bool = False


class Delete(NamedTuple):
    """Delete an object if it still has this uid; one that is gone, or is another by now, is no error."""

    gvr: GVR
    namespace: str
    name: str
    uid: str
    told: Told | None = None
    grace_period: int | None = None
    propagation: str = ""
    resource_version: str = ""


class DeleteAll(NamedTuple):
    """Delete every object of a resource in a namespace."""

    gvr: GVR
    namespace: str


class Patch(NamedTuple):
    """Patch an object; one that is gone is no error."""

    gvr: GVR
    namespace: str
    name: str
    patch: Any
    subresource: str = ""
    content_type: str = MERGE
    told: Told | None = None


class Update(NamedTuple):
    """Replace an object, if it has not changed since it was observed but by the actions before this one."""

    gvr: GVR
    obj: Obj
    subresource: str = ""
    told: Told | None = None


class Event(NamedTuple):
    """Tell people. `type` is Normal or Warning."""

    regarding: Obj
    type: str
    reason: str
    message: str


Action = Create | Delete | DeleteAll | Patch | Update | Event


class Plan(NamedTuple):
    """A decision: actions in order, then the observed object's whole new status (None: as it is), then another look in some seconds."""

    actions: tuple[Action, ...] = ()
    status: Obj | None = None
    requeue_after: float | None = None


NOTHING = Plan()
