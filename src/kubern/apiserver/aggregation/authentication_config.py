"""The ConfigMap kube-system/extension-apiserver-authentication: by what other servers know our users and our front proxy.

Written at start; a server that is aggregated reads it to decide whom to believe.
"""

from __future__ import annotations

import orjson

from kubern.apiserver.bootstrap import replace_always
from kubern.apiserver.core import Core
from kubern.base.json import Obj

NAME, NAMESPACE = "extension-apiserver-authentication", "kube-system"


def configmap(client_ca: str, core: Core, front_proxy_ca: str) -> Obj:
    """Return the ConfigMap; `client_ca` and `front_proxy_ca` are PEM."""
    data: dict[str, str] = {}
    if client_ca:
        data["client-ca-file"] = client_ca
    settings = core.config.request_header
    if settings is not None:
        lists = {
            "username-headers": settings.username_headers,
            "uid-headers": settings.uid_headers,
            "group-headers": settings.group_headers,
            "extra-headers-prefix": settings.extra_headers_prefix,
            "allowed-names": settings.allowed_names,
        }
        data["requestheader-client-ca-file"] = front_proxy_ca
        data |= {f"requestheader-{key}": orjson.dumps(list(values)).decode() for key, values in lists.items()}
    return {"metadata": {"name": NAME, "namespace": NAMESPACE}, "data": data}


async def publish_authentication(core: Core) -> None:
    """Write the ConfigMap. Raises `OSError` for a CA file that cannot be read."""
    config = core.config
    client_ca = config.client_ca_file.read_text() if config.client_ca_file else ""
    front_proxy_ca = config.request_header.client_ca_file.read_text() if config.request_header else ""
    if client_ca or front_proxy_ca:
        await replace_always(core, "", "v1", "configmaps", configmap(client_ca, core, front_proxy_ca))
