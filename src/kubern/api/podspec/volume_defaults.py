"""The defaults of a volume's source. Called for pods' volumes and for persistent volumes.

What always holds: a volume that named no source becomes an `emptyDir`, as upstream stores it.
"""

from __future__ import annotations

from typing import Any

from kubern.api.podspec.images import pull_policy
from kubern.api.rules.quantities import stored
from kubern.base.json import Obj

_DEFAULTS: dict[str, dict[str, Any]] = {
    "secret": {"defaultMode": 0o644},
    "configMap": {"defaultMode": 0o644},
    "downwardAPI": {"defaultMode": 0o644},
    "projected": {"defaultMode": 0o644},
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}


def default_volume(volume: Obj) -> None:
    """Fill a pod's volume, in place."""
    if not any(value is not None for name, value in volume.items() if name != "name"):
        volume["emptyDir"] = {}
    default_source(volume)
    for item in (volume.get("downwardAPI") or {}).get("items") or ():
        _default_downward_item(item)
    for source in (volume.get("projected") or {}).get("sources") or ():
        _default_projection(source)
    if volume.get("ephemeral") is not None:
        template = volume["ephemeral"].get("volumeClaimTemplate")
        if template is not None:
            template.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    image = volume.get("image")
    if image is not None and not image.get("pullPolicy"):
        image["pullPolicy"] = pull_policy(image.get("reference") or "")
    limit = (volume.get("emptyDir") or {}).get("sizeLimit")
    if limit is not None:
        volume["emptyDir"]["sizeLimit"] = stored(limit)


def default_source(holder: Obj) -> None:
    """Fill the volume source in `holder` (a pod's volume, or a persistent volume's specification), in place."""
    for name, defaults in _DEFAULTS.items():
        source = holder.get(name)
        if source is not None:
            for field, value in defaults.items():
                if source.get(field) in (None, ""):
                    source[field] = value


def _default_projection(source: Obj) -> None:
    token = source.get("serviceAccountToken")
    if token is not None and not token.get("expirationSeconds"):
        token["expirationSeconds"] = 3600
    for item in (source.get("downwardAPI") or {}).get("items") or ():
        _default_downward_item(item)


def _default_downward_item(item: Obj) -> None:
    if item.get("fieldRef") is not None and not item["fieldRef"].get("apiVersion"):
        item["fieldRef"]["apiVersion"] = "v1"
    resource = item.get("resourceFieldRef")
    if resource is not None and resource.get("divisor") is None:
        resource["divisor"] = "0"
