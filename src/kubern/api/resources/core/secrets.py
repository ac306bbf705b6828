"""Secret: its types with what each must hold, a bound on the size, and an immutable form."""

from __future__ import annotations

import base64
import binascii

from kubern.api import field, names
from kubern.api.codec.json_body import problem_of_map
from kubern.api.resource import Resource
from kubern.api.resources.core.configmaps import MOST_BYTES, check_frozen
from kubern.api.rules.cells import AGE, NAME, column, text
from kubern.base.errors import BadRequest, Cause
from kubern.base.json import Obj

_ACCOUNT = "kubernetes.io/service-account.name"
# the keys that a type's data cannot do without
_NEEDED = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON = (".dockercfg", ".dockerconfigjson")


def _default(secret: Obj) -> None:
    """Fill the type, and fold `stringData`, which is written and never kept, into `data`."""
    if not secret.get("type"):
        secret["type"] = "Opaque"
    plain = secret.pop("stringData", None)
    if plain:
        data = secret["data"] = dict(secret.get("data") or {})
        for key, value in plain.items():
            data[key] = base64.b64encode((value or "").encode()).decode()


def _decoded(value: str | None) -> bytes:
    try:
        return base64.b64decode(value or "", validate=True)
    except binascii.Error as error:
        raise BadRequest('Secret in version "v1" cannot be handled as a Secret: illegal base64 data') from error


def _validate(secret: Obj) -> list[Cause]:
    data = secret.get("data") or {}
    causes: list[Cause] = []
    for key in data:
        causes += [field.invalid(f"data[{key}]", key, message) for message in names.config_map_key(key)]
    if sum(len(_decoded(value)) for value in data.values()) > MOST_BYTES:
        causes.append(field.too_long("data", MOST_BYTES))
    return causes + _check_type(secret, data)


def _check_type(secret: Obj, data: Obj) -> list[Cause]:
    kind = secret.get("type") or ""
    causes = [
        field.required(f"data[{key}]")
        for key in _NEEDED.get(kind, ())
        if key not in data or (kind == "kubernetes.io/ssh-auth" and not data[key])
    ]
    if kind == "kubernetes.io/service-account-token":
        annotations = (secret.get("metadata") or {}).get("annotations") or {}
        if not annotations.get(_ACCOUNT):
            causes.append(field.required(f"metadata.annotations[{_ACCOUNT}]"))
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        causes += [field.required(f"data[{key}]") for key in ("username", "password")]
    for key in _NEEDED.get(kind, ()):
        if key in _JSON and key in data:
            problem = problem_of_map(_decoded(data[key]))
            causes += [field.invalid(f"data[{key}]", "<secret contents redacted>", problem)] if problem else []
    return causes


def _validate_update(new: Obj, old: Obj) -> list[Cause]:
    causes = field.immutable("type", new.get("type"), old.get("type"))
    return causes + check_frozen(new, old, ("data",))


def _fields(secret: Obj) -> dict[str, str]:
    return {"type": secret.get("type") or ""}


RESOURCE = Resource(
    group="",
    version="v1",
    kind="Secret",
    plural="secrets",
    singular="secret",
    namespaced=True,
    schema="io.k8s.api.core.v1.Secret",
    columns=(
        NAME,
        text("Type", "type", "What kind of secret it is."),
        column("Data", lambda secret: len(secret.get("data") or ()), "How many values it holds."),
        AGE,
    ),
    default=_default,
    validate=_validate,
    validate_update=_validate_update,
    fields=_fields,
)
