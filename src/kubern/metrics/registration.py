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


def api_service(group: str, version: str, service: str) -> Obj:
    """Return the APIService of a group's version that a Service of kube-system answers."""
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{version}.{group}"},
        "spec": {
            "group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 200,
            "insecureSkipTLSVerify": True, "service": {"namespace": "kube-system", "name": service, "port": 443},
        },
    }  # fmt: skip


async def register(client: ApiClient, made: Obj) -> None:
    """Make an APIService, unless there is one of the name."""
    try:
        await client.create(APISERVICES, made)
    except AlreadyExists:
        _log.debug("the APIService %s exists", made["metadata"]["name"])
