"""Is a name well-formed? One function a kind of name, each returning upstream's messages (none: it is).

Used by validation and by the metadata checks. Lengths are bytes, as upstream counts them.
Source: the Kubernetes documentation, "Object Names and IDs" and "Labels and Selectors".
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_ENDS = "must start and end with an alphanumeric character"


class _Format(NamedTuple):
    """A regular expression over the whole name, and the message of a name that it does not match."""

    pattern: re.Pattern[str]
    message: str

    def check(self, name: str) -> list[str]:
        return [] if self.pattern.fullmatch(name) else [self.message]


def regex_message(message: str, pattern: str, *examples: str) -> str:
    """Return upstream's message for a name that does not match `pattern`, with its spacing."""
    if not examples:
        return f"{message} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{pattern}')"


def _format(message: str, pattern: str, *examples: str) -> _Format:
    return _Format(re.compile(pattern, re.ASCII), regex_message(message, pattern, *examples))


_DNS1123_LABEL = _format(
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and {_ENDS}",
    _LABEL, "my-name", "123-abc",
)  # fmt: skip
_DNS1123_SUBDOMAIN = _format(
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and {_ENDS}",
    rf"{_LABEL}(\.{_LABEL})*", "example.com",
)  # fmt: skip
_WILDCARD_SUBDOMAIN = _format(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case "
    "alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    rf"\*\.{_LABEL}(\.{_LABEL})*", "*.example.com",
)  # fmt: skip
_DNS1035_LABEL = _format(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end "
    "with an alphanumeric character",
    "[a-z]([-a-z0-9]*[a-z0-9])?", "my-name", "abc-123",
)  # fmt: skip
_QUALIFIED_NAME = _format(
    f"must consist of alphanumeric characters, '-', '_' or '.', and {_ENDS}", _QUALIFIED, "MyName", "my.name", "123-abc"
)
_LABEL_VALUE = _format(
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and {_ENDS}",
    f"({_QUALIFIED})?", "MyValue", "my_value", "12345",
)  # fmt: skip
_C_IDENTIFIER = _format(
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
    "[A-Za-z_][A-Za-z0-9_]*", "my_name", "MY_NAME", "MyName",
)  # fmt: skip
_ENV_VAR = _format(
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start "
    "with a digit",
    "[-._a-zA-Z][-._a-zA-Z0-9]*", "my.env-name", "MY_ENV.NAME", "MyEnvName1",
)  # fmt: skip
_RELAXED_ENV_VAR = _Format(
    re.compile(r"[ -<>-~]+"),
    "a valid environment variable name must consist only of printable ASCII characters other than '='",
)
_CONFIG_KEY = _format(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    "[-._a-zA-Z0-9]+", "key.name", "KEY_NAME", "key-name",
)  # fmt: skip
_CONDITION_REASON = _format(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or "
    "'_,:', and must end with an alphanumeric character or '_'",
    "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", "my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB",
)  # fmt: skip
_SEARCH_LABEL = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SEARCH_DOMAIN = _format(
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or '.', and {_ENDS}",
    rf"{_SEARCH_LABEL}(\.{_SEARCH_LABEL})*", "example.com",
)  # fmt: skip
_HTTP_HEADER = _format(
    "a valid HTTP header must consist of alphanumeric characters or '-'", "[-A-Za-z0-9]+", "X-Header-Name"
)
_PERCENT = _format("a valid percent string must be a numeric string followed by an ending '%'", "[0-9]+%", "1%", "93%")
_PORT_CHARACTERS = re.compile(r"[-a-z0-9]+")
_PORT_LETTER = re.compile(r"[a-z]")


def too_long(maximum: int) -> str:
    """Return upstream's message for a name with more bytes than allowed."""
    return f"must be no more than {maximum} bytes"


def out_of_range(low: int, high: int) -> str:
    """Return upstream's message for a number outside a range."""
    return f"must be between {low} and {high}, inclusive"


def _length(name: str, maximum: int) -> list[str]:
    return [too_long(maximum)] if len(name.encode(errors="replace")) > maximum else []


def dns1123_label(name: str) -> list[str]:
    """Return what is wrong with a lowercase label of at most 63 characters: container names, namespaces."""
    messages = _length(name, 63)
    if not _DNS1123_LABEL.pattern.fullmatch(name):
        dotted = _DNS1123_SUBDOMAIN.pattern.fullmatch(name)
        messages.append("must not contain dots" if dotted else _DNS1123_LABEL.message)
    return messages


def dns1123_subdomain(name: str) -> list[str]:
    """Return what is wrong with lowercase labels joined by dots, at most 253 characters: most objects' names."""
    return _length(name, 253) + _DNS1123_SUBDOMAIN.check(name)


def wildcard_dns1123_subdomain(name: str) -> list[str]:
    """Return what is wrong with `*.` and a subdomain: hosts of Ingresses."""
    return _length(name, 253) + _WILDCARD_SUBDOMAIN.check(name)


def dns1035_label(name: str) -> list[str]:
    """Return what is wrong with a label that starts with a letter: Services' names."""
    return _length(name, 63) + _DNS1035_LABEL.check(name)


def qualified_name(name: str) -> list[str]:
    """Return what is wrong with a label key: a name with an optional subdomain and `/` before it."""
    *prefix, short = name.split("/")
    if len(prefix) > 1:
        return [
            f"a qualified name {_QUALIFIED_NAME.message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    messages: list[str] = []
    if prefix:
        if not prefix[0]:
            messages.append("prefix part must be non-empty")
        else:
            messages += [f"prefix part {message}" for message in dns1123_subdomain(prefix[0])]
    if not short:
        messages.append("name part must be non-empty")
    return messages + [f"name part {message}" for message in _length(short, 63) + _QUALIFIED_NAME.check(short)]


def label_value(value: str) -> list[str]:
    """Return what is wrong with a label's value."""
    return _length(value, 63) + _LABEL_VALUE.check(value)


def c_identifier(name: str) -> list[str]:
    """Return what is wrong with an identifier of letters, digits and `_`."""
    return _C_IDENTIFIER.check(name)


def env_var_name(name: str) -> list[str]:
    """Return what is wrong with an environment variable's name by the strict rule (ConfigMap keys taken over by envFrom)."""
    return _ENV_VAR.check(name) + _no_way_up(name)


def relaxed_env_var_name(name: str) -> list[str]:
    """Return what is wrong with an environment variable's name by today's rule."""
    return _RELAXED_ENV_VAR.check(name)


def config_map_key(key: str) -> list[str]:
    """Return what is wrong with a key of a ConfigMap or Secret: it must be usable as a file's name."""
    return _length(key, 253) + _CONFIG_KEY.check(key) + _no_way_up(key)


def _no_way_up(name: str) -> list[str]:
    if name in (".", ".."):
        return [f"must not be '{name}'"]
    return ["must not start with '..'"] if name.startswith("..") else []


def path_segment(name: str) -> list[str]:
    """Return what is wrong with a name that stands in a URL's path: the rule of RBAC objects."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in name]


def search_domain(name: str) -> list[str]:
    """Return what is wrong with a domain that names are looked up in; it may have underscores."""
    return _length(name, 253) + _SEARCH_DOMAIN.check(name)


def condition_reason(reason: str) -> list[str]:
    """Return what is wrong with the reason of a condition."""
    return _CONDITION_REASON.check(reason)


def http_header_name(name: str) -> list[str]:
    """Return what is wrong with the name of an HTTP header."""
    return _HTTP_HEADER.check(name)


def percent(text: str) -> list[str]:
    """Return what is wrong with a percentage such as `25%`."""
    return _PERCENT.check(text)


def port_number(port: int) -> list[str]:
    """Return what is wrong with a port's number."""
    return [] if 1 <= port <= 65535 else [out_of_range(1, 65535)]


def port_name(name: str) -> list[str]:
    """Return what is wrong with a port's name: an IANA service name."""
    messages = _length(name, 15)
    if not _PORT_CHARACTERS.fullmatch(name):
        messages.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _PORT_LETTER.search(name):
        messages.append("must contain at least one letter (a-z)")
    if "--" in name:
        messages.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        messages.append("must not begin or end with a hyphen")
    return messages


def ip_address(address: str) -> list[str]:
    """Return what is wrong with an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return [] if "%" not in address else ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]


def cidr(text: str) -> list[str]:
    """Return what is wrong with a network in CIDR notation."""
    try:
        if "/" not in text:
            raise ValueError(text)
        ipaddress.ip_interface(text)
    except ValueError:
        return ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]
    return []


def mask_trailing_dash(name: str) -> str:
    """Return a generateName as it is checked: the dash that the generated part will follow does not count."""
    return f"{name[:-2]}a" if len(name) > 1 and name.endswith("-") else name
