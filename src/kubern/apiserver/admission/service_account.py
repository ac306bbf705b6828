"""ServiceAccount: every pod has an identity, and its token is mounted where client libraries look for it."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission, Attributes
from kubern.apiserver.metadata import ALPHABET
from kubern.base.errors import Forbidden
from kubern.base.json import Obj

PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
MIRROR = "kubernetes.io/config.mirror"
TOKEN_SECONDS = 3607
"""Just over an hour, so that it is told from a token whose lifetime a user asked for."""


def give_identity(attributes: Attributes) -> None:
    """Set the service account, its image pull secrets and its token's volume. Raises `Forbidden` when the account is missing."""
    pod = attributes.obj or {}
    spec = pod.get("spec")
    if not isinstance(spec, dict) or MIRROR in (pod["metadata"].get("annotations") or {}):
        return
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = attributes.core.find("serviceaccounts", attributes.namespace, name)
    if account is None:
        raise Forbidden(
            f'pods "{attributes.name}" is forbidden: error looking up service account {attributes.namespace}/{name}: '
            f'serviceaccount "{name}" not found',
            kind="pods",
            name=attributes.name,
        )
    found = account.obj()
    if not spec.get("imagePullSecrets") and found.get("imagePullSecrets"):
        spec["imagePullSecrets"] = found["imagePullSecrets"]
    if _wants_token(spec, found):
        _mount(attributes, spec)


def _wants_token(spec: Obj, account: Obj) -> bool:
    for holder in (spec, account):
        if holder.get("automountServiceAccountToken") is not None:
            return bool(holder["automountServiceAccountToken"])
    return True


def _mount(attributes: Attributes, spec: Obj) -> None:
    """Mount the token in every container that mounts nothing there itself."""
    volumes = spec.get("volumes") or []
    present = next((v["name"] for v in volumes if str(v.get("name", "")).startswith("kube-api-access-")), "")
    name = present or "kube-api-access-" + "".join(attributes.core.rng.choices(ALPHABET, k=5))
    mounted = False
    for kind in ("containers", "initContainers"):
        for container in spec.get(kind) or ():
            mounts = container.get("volumeMounts") or []
            if not any(mount.get("mountPath") == PATH for mount in mounts):
                container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": PATH}]
                mounted = True
    if mounted and not present:
        spec["volumes"] = [*volumes, token_volume(name)]


def token_volume(name: str) -> Obj:
    """Return the volume with a bound token, the cluster's CA and the pod's namespace."""
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "name": name,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
            ],
            "defaultMode": 420,
        },
    }


ADMISSION = Admission("ServiceAccount", 40, ("CREATE",), ("pods",), mutate=give_identity)
