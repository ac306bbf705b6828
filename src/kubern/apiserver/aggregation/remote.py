"""What an APIService with a service reference says of the group version that it names."""

from __future__ import annotations

from typing import NamedTuple

from kubern.api.rules.conditions import find
from kubern.base.json import Obj

_DEFAULT_PORT = 443


class Remote(NamedTuple):
    """One group version that another server answers."""

    name: str
    group: str
    version: str
    group_priority: int
    version_priority: int
    namespace: str
    service: str
    port: int
    ca_bundle: str
    verify: bool
    available: bool
    """Whether its Available condition says True."""

    @property
    def key(self) -> tuple[str, str]:
        """Group and version."""
        return self.group, self.version

    @property
    def path(self) -> str:
        """The path below which its server answers, without the slash in front: `apis/GROUP/VERSION`."""
        return f"apis/{self.group}/{self.version}"


def remote_of(apiservice: Obj) -> Remote | None:
    """Return what an APIService says, None for one that this server answers itself."""
    spec = apiservice["spec"]
    service = spec.get("service")
    if not service:
        return None
    condition = find(apiservice.get("status") or {}, "Available")
    return Remote(
        apiservice["metadata"]["name"],
        spec.get("group") or "",
        spec.get("version") or "",
        spec.get("groupPriorityMinimum") or 0,
        spec.get("versionPriority") or 0,
        service.get("namespace") or "",
        service.get("name") or "",
        service.get("port") or _DEFAULT_PORT,
        spec.get("caBundle") or "",
        not spec.get("insecureSkipTLSVerify"),
        condition.get("status") == "True",
    )


def group_version_of(path: str) -> tuple[str, str]:
    """Return the group and version that a path below `/apis` names; two empty texts for any other path."""
    parts = path.split("/", 4)
    return (parts[2], parts[3]) if len(parts) > 3 and parts[1] == "apis" else ("", "")
