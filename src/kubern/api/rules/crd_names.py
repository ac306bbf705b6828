"""What a CustomResourceDefinition may be called, and how its objects are converted between versions. Wording and paths are upstream's.

Called by the definition's validation. The paths of a conversion are those of upstream's own form of the object, in which a webhook's
client and review versions stand beside the strategy.
"""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.rules.checks import one_of
from kubern.api.rules.values import at, items
from kubern.api.rules.webhooks import check_client
from kubern.base.errors import Cause
from kubern.base.json import Obj

_ACCEPTED = ("v1", "v1beta1")
_MIXED = "may have mixed case, but should otherwise match: "
_ONLY_WEBHOOK = "should not be set when strategy is not set to Webhook"


def check_names(given: Obj, path: str) -> list[Cause]:
    """Return what is wrong with the names of a resource."""
    causes = [
        field.required(f"{path}.{name}", "")
        for name in ("plural", "singular", "kind", "listKind")
        if not given.get(name)
    ]
    for name in ("plural", "singular", "kind", "listKind"):
        value = given.get(name) or ""
        mixed = name in ("kind", "listKind")
        if value and (wrong := names.dns1035_label(value.lower() if mixed else value)):
            causes.append(field.invalid(f"{path}.{name}", value, (_MIXED if mixed else "") + ",".join(wrong)))
    causes += _labels(given, "shortNames", path)
    if given.get("kind") and given.get("kind") == given.get("listKind"):
        causes.append(field.invalid(f"{path}.listKind", given["listKind"], "kind and listKind may not be the same"))
    return causes + _labels(given, "categories", path)


def _labels(given: Obj, key: str, path: str) -> list[Cause]:
    return [
        field.invalid(f"{path}.{key}[{i}]", value, ",".join(wrong))
        for i, value in items(given, key)
        if (wrong := names.dns1035_label(value))
    ]


def check_conversion(conversion: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a conversion."""
    causes = one_of(conversion, "strategy", f"{path}.", ("None", "Webhook"))
    client = at(conversion, "webhook.clientConfig")
    reviewed = at(conversion, "webhook.conversionReviewVersions") or []
    here, versions = f"{path}.webhookClientConfig", f"{path}.conversionReviewVersions"
    if conversion.get("strategy") != "Webhook":
        causes += [field.forbidden(here, _ONLY_WEBHOOK)] if client is not None else []
        return causes + ([field.forbidden(versions, _ONLY_WEBHOOK)] if reviewed else [])
    if client is None:
        causes.append(field.required(here, "required when strategy is set to Webhook"))
    else:
        causes += check_client(client, here)
    return causes + _check_reviewed(reviewed, versions)


def _check_reviewed(versions: list[str], path: str) -> list[Cause]:
    if not versions:
        return [field.required(path, "")]
    causes: list[Cause] = []
    for i, version in enumerate(versions):
        if version in versions[:i]:
            causes.append(field.invalid(f"{path}[{i}]", version, "duplicate version"))
        else:
            causes += [field.invalid(f"{path}[{i}]", version, wrong) for wrong in names.dns1035_label(version)]
    if not set(_ACCEPTED) & set(versions):
        causes.append(field.invalid(path, versions, f"must include at least one of {', '.join(_ACCEPTED)}"))
    return causes
