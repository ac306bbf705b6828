"""Names of signers, `example.com/name`: who makes certificates. Called by the checks of what refers to one; wording is upstream's."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.rules.checks import NameCheck
from kubern.base.errors import Cause

_FORM = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
_MAX_DOMAIN, _MAX_PATH = 253, 253 + 63 + 1


def check_signer(signer: str, path: str) -> list[Cause]:
    """Return what is wrong with a signer's name: a domain of at least two labels, a slash and a name."""
    causes = [] if signer else [field.required(path)]
    domain, _, rest = signer.partition("/")
    if signer.count("/") != 1:
        return [*causes, field.invalid(path, signer, _FORM)]
    if len(domain) > _MAX_DOMAIN:
        causes.append(field.too_long(path, _MAX_DOMAIN))
    causes += _check_labels(domain, path, names.dns1123_label)
    if "." not in domain:
        message = "should be a domain with at least two segments separated by dots"
        causes.append(field.invalid(path, domain, message))
    causes += _check_labels(rest, path, names.dns1123_subdomain)
    return causes + ([field.too_long(path, _MAX_PATH)] if len(rest) > _MAX_PATH else [])


def _check_labels(text: str, path: str, check: NameCheck) -> list[Cause]:
    """Return what is wrong with the first label that is wrong."""
    for label in text.split("."):
        wrong = check(label)
        if wrong:
            return [field.invalid(path, text, f"validating label {field.quote(label)}: {each}") for each in wrong]
    return []
