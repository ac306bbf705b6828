"""Checks of projected volumes: several sources whose files must not meet. Called by the volume checks; wording is upstream's."""

from __future__ import annotations

from typing import Any

from kubern.api import field, names
from kubern.api.podspec.check_keys import check_downward_item, check_item, check_mode
from kubern.api.podspec.paths import local_path
from kubern.api.rules.signers import check_signer
from kubern.api.selectors import check_label_selector
from kubern.base.errors import Cause
from kubern.base.json import Obj

_KINDS = ("secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate")
_SHORTEST, _LONGEST = 600, 1 << 32
_KEYS = ("ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519", "RSA3072", "RSA4096")
_FILES = ("credentialBundlePath", "keyPath", "certificateChainPath")
_HOUR, _QUARTER = 3600, 91 * 24 * 3600


def check_projected(volume: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a `projected` volume."""
    causes = check_mode(volume.get("defaultMode"), f"{path}.defaultMode")
    taken: set[str] = set()
    for i, source in enumerate(volume.get("sources") or ()):
        here = f"{path}.sources[{i}]"
        given = [kind for kind in _KINDS if source.get(kind) is not None]
        for kind in given:
            causes += _check_source(kind, source[kind], f"{here}.{kind}", path, taken)
        if len(given) > 1:
            causes.append(field.forbidden(here, "may not specify more than 1 volume type per source"))
    return causes


def _check_source(kind: str, source: Obj, path: str, volume: str, taken: set[str]) -> list[Cause]:
    """Check one source at `path`; what is said of meeting files stands at the `volume` itself."""
    if kind in ("secret", "configMap"):
        causes = [] if source.get("name") else [field.required(f"{path}.name")]
        for i, item in enumerate(source.get("items") or ()):
            causes += check_item(item, f"{path}.items[{i}]")
            causes += _meets(item.get("path"), source.get("name") or "", volume, taken)
        return causes
    if kind == "downwardAPI":
        causes = []
        for item in source.get("items") or ():
            causes += check_downward_item(item, path) + _meets(item.get("path"), item.get("path"), volume, taken)
        return causes
    if kind == "serviceAccountToken":
        return _check_token(source, path, volume)
    if kind == "clusterTrustBundle":
        target = source.get("path") or ""
        return _check_bundle(source, path) + _meets(target, target, volume, taken)
    return _check_certificate(source, path, volume, taken)


def _meets(file: str | None, shown: Any, volume: str, taken: set[str]) -> list[Cause]:
    if not file:
        return []
    if file in taken:
        return [field.invalid(volume, shown, "conflicting duplicate paths")]
    taken.add(file)
    return []


def _check_token(source: Obj, path: str, volume: str) -> list[Cause]:
    seconds, target = source.get("expirationSeconds") or 0, source.get("path") or ""
    causes: list[Cause] = []
    if seconds < _SHORTEST:
        message = "may not specify a duration less than 10 minutes"
        causes.append(field.invalid(f"{path}.expirationSeconds", seconds, message))
    if seconds > _LONGEST:
        message = "may not specify a duration larger than 2^32 seconds"
        causes.append(field.invalid(f"{path}.expirationSeconds", seconds, message))
    # upstream says of the volume what is the token's
    return causes + (local_path(target, f"{volume}.path") if target else [field.required(f"{volume}.path")])


def _check_bundle(source: Obj, path: str) -> list[Cause]:
    name, signer, selector = source.get("name"), source.get("signerName"), source.get("labelSelector")
    causes: list[Cause] = []
    if name is not None and signer is not None:
        causes.append(field.invalid(path, source, "only one of name and signerName may be used"))
    elif name is not None:
        causes += _check_bundle_name(name, f"{path}.name")
        if selector is not None:
            message = "labelSelector must be unset if name is specified"
            causes.append(field.invalid(f"{path}.labelSelector", selector, message))
    elif signer is not None:
        if not signer:
            causes.append(field.required(f"{path}.signerName", "must be a valid signer name"))
        causes += check_signer(signer, f"{path}.signerName")
        causes += check_label_selector(selector, f"{path}.labelSelector")
    else:
        causes.append(field.required(path, "either name or signerName must be specified"))
    target = source.get("path") or ""
    causes += [] if target else [field.required(f"{path}.path")]
    return causes + local_path(target, f"{path}.path")


def _check_bundle_name(name: str, path: str) -> list[Cause]:
    """Check the name of a ClusterTrustBundle: after a signer's name with colons for slashes, if it has one."""
    causes = [] if name else [field.required(path, "must be a valid object name")]
    own = name.rpartition(":")[2]
    return causes + [
        field.invalid(path, name, f"not a valid clustertrustbundlename: {message}")
        for message in names.dns1123_subdomain(own)
    ]


def _check_certificate(source: Obj, path: str, volume: str, taken: set[str]) -> list[Cause]:
    causes = check_signer(source.get("signerName") or "", f"{path}.signerName")
    kind, seconds = source.get("keyType") or "", source.get("maxExpirationSeconds")
    if kind not in _KEYS:
        causes.append(field.not_supported(f"{path}.keyType", kind, _KEYS))
    if seconds is not None:
        here = f"{path}.maxExpirationSeconds"
        if seconds < _HOUR:
            causes.append(field.invalid(here, seconds, f"if provided, maxExpirationSeconds must be >= {_HOUR}"))
        elif seconds > _QUARTER:
            causes.append(field.invalid(here, seconds, f"if provided, maxExpirationSeconds must be <= {_QUARTER}"))
    given = [name for name in _FILES if source.get(name)]
    if not given:
        message = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
        causes.append(field.required(path, message))
    for name in given:
        causes += local_path(source[name], f"{path}.{name}") + _meets(source[name], source[name], volume, taken)
    return causes
