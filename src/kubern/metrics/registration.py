"""The APIServices under which the metrics of this folder are found. Each is made once and never put back: whoever points it elsewhere
has another server in this one's place."""

from __future__ import annotations

import logging

from kubern.base.errors import AlreadyExists
from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.client.contract import GVR

APISERVICES = GVR("apiregistration.k8s.io", "v1", "apiservices")
_log = logging.getLogger(__name__)


def api_service(group: str, version: str, service: str, priority: int = 200) -> Obj:
    """Return the APIService of a group's version that a Service of kube-system answers: by its name only, as nothing is behind it but
    the handler of the same process. `priority` is the version's, that upstream's server of the group has."""
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{version}.{group}"},
        "spec": {
            "group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": priority,
            "insecureSkipTLSVerify": True, "service": {"namespace": "kube-system", "name": service, "port": 443},
        },
    }  # fmt: skip


async def register(client: ApiClient, made: Obj, gvr: GVR = APISERVICES) -> None:
    """Make an APIService, or what else belongs to one, unless there is one of the name: it may be somebody else's by now."""
    try:
        await client.create(gvr, made)
    except AlreadyExists:
        _log.debug("%s %s exists", gvr.plural, made["metadata"]["name"])
