"""Admission webhooks: the defaults and checks that validating and mutating configurations share."""

from __future__ import annotations

from urllib.parse import urlsplit

from kubern.api import field, names
from kubern.api.rules.admission_rules import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    check_conditions,
    check_rule,
    check_selectors,
    default_rules,
)
from kubern.api.rules.checks import named, one_of
from kubern.api.rules.policies import check_expressions
from kubern.api.rules.values import fill, items
from kubern.base.errors import Cause
from kubern.base.json import Obj

_REVIEW_VERSIONS = ("v1", "v1beta1")
_SIDE_EFFECTS = ("None", "NoneOnDryRun")


def default_webhooks(obj: Obj) -> None:
    """Fill the webhooks of a configuration: one that fails refuses the request, after ten seconds."""
    for _, webhook in items(obj, "webhooks"):
        fill(webhook, failurePolicy="Fail", matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
        fill(webhook, timeoutSeconds=10)
        service = (webhook.get("clientConfig") or {}).get("service")
        if service is not None:
            fill(service, port=443)
        default_rules(webhook.get("rules"))


def check_webhooks(obj: Obj) -> list[Cause]:
    """Return what is wrong with the webhooks of a configuration."""
    causes, seen = [], set()
    for i, webhook in items(obj, "webhooks"):
        name = webhook.get("name") or ""
        causes += _check_webhook(webhook, f"webhooks[{i}]")
        if name in seen:
            causes.append(field.duplicate(f"webhooks[{i}].name", name))
        seen.add(name)
    return causes


def _check_webhook(webhook: Obj, path: str) -> list[Cause]:
    causes = _check_name(webhook.get("name") or "", f"{path}.name")
    for i, rule in items(webhook, "rules"):
        causes += check_rule(rule, f"{path}.rules[{i}]")
    causes += one_of(webhook, "failurePolicy", f"{path}.", FAILURE_POLICIES, needed=False)
    causes += one_of(webhook, "matchPolicy", f"{path}.", MATCH_POLICIES, needed=False)
    causes += one_of(webhook, "sideEffects", f"{path}.", _SIDE_EFFECTS)
    causes += one_of(webhook, "reinvocationPolicy", f"{path}.", ("IfNeeded", "Never"), needed=False)
    seconds = webhook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        message = "the timeout value must be between 1 and 30 seconds"
        causes.append(field.invalid(f"{path}.timeoutSeconds", seconds, message))
    causes += check_selectors(webhook, path)
    causes += check_client(webhook.get("clientConfig") or {}, f"{path}.clientConfig")
    causes += _check_versions(webhook.get("admissionReviewVersions") or [], f"{path}.admissionReviewVersions")
    return causes + (check_conditions(webhook, f"{path}.") or _check_expressions(webhook, path))


def _check_expressions(webhook: Obj, path: str) -> list[Cause]:
    """Return which match conditions do not compile, and why."""
    conditions = webhook.get("matchConditions")
    if not conditions:
        return []
    found = check_expressions({"matchConditions": conditions})
    return [cause._replace(field=f"{path}.{cause.field.removeprefix('spec.')}") for cause in found]


def _check_name(name: str, path: str) -> list[Cause]:
    if not name:
        return [field.required(path, "")]
    causes = named(name, path, names.dns1123_subdomain)
    if len(name.split(".")) < 3:
        causes.append(field.invalid(path, name, "should be a domain with at least three segments separated by dots"))
    return causes


def _check_versions(versions: list[str], path: str) -> list[Cause]:
    if not versions:
        return [field.required(path, f"must specify one of {', '.join(_REVIEW_VERSIONS)}")]
    causes = []
    for i, version in enumerate(versions):
        if version in versions[:i]:
            causes.append(field.invalid(f"{path}[{i}]", version, "duplicate version"))
        causes += named(version, f"{path}[{i}]", names.dns1035_label)
    if not set(versions) & set(_REVIEW_VERSIONS):
        message = f"must include at least one of {', '.join(_REVIEW_VERSIONS)}"
        causes.append(field.invalid(path, versions, message))
    return causes


def check_client(client: Obj, path: str) -> list[Cause]:
    """Return what is wrong with how a webhook is reached."""
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        return [field.required(path, "exactly one of url or service is required")]
    if service is None:
        return _check_url(url or "", f"{path}.url")
    here = f"{path}.service"
    causes = [field.required(f"{here}.{name}") for name in ("name", "namespace") if not service.get(name)]
    if names.port_number(service.get("port")):
        message = "port is not valid: must be between 1 and 65535, inclusive"
        causes.append(field.invalid(f"{here}.port", service.get("port"), message))
    return causes + _check_path(service.get("path") or "/", f"{here}.path")


def _check_path(target: str, path: str) -> list[Cause]:
    """Each segment is a subdomain, also the one that lacks its first letter where the slash is missing."""
    if target == "/":
        return []
    if target == "//":
        return [field.invalid(path, target, "segment[0] may not be empty")]
    causes = [] if target.startswith("/") else [field.invalid(path, target, "must start with a '/'")]
    for i, segment in enumerate(target[1:].removesuffix("/").split("/")):
        if segment:
            messages = [f"segment[{i}]: {message}" for message in names.dns1123_subdomain(segment)]
        else:
            messages = [f"segment[{i}] may not be empty"]
        causes += [field.invalid(path, target, message) for message in messages]
    return causes


def _check_url(url: str, path: str) -> list[Cause]:
    form = "; desired format: https://host[/path]"
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return [field.required(path, f"url must be a valid URL: {error}{form}")]
    causes = []
    if parts.scheme != "https":
        causes.append(field.invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{form}"))
    if not parts.netloc:
        causes.append(field.invalid(path, parts.netloc, f"host must be specified{form}"))
    user = parts.netloc.rpartition("@")[0]
    for part, what in (
        (user, "user information is"),
        (parts.fragment, "fragments are"),
        (parts.query, "query parameters are"),
    ):
        if part:
            causes.append(field.invalid(path, part, f"{what} not permitted in the URL"))
    return causes
