from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.api import names

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with "
    "an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
QUALIFIED = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
WHOLE = f"a qualified name {QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
CASES: list[tuple[Callable[[str], list[str]], str, list[str]]] = [
    (names.dns1123_subdomain, "a.b-c", []),
    (names.dns1123_subdomain, "A", [SUBDOMAIN]),
    (names.dns1123_subdomain, "", [SUBDOMAIN]),
    (names.dns1123_subdomain, "a\n", [SUBDOMAIN]),
    (names.dns1123_subdomain, "a" * 254, ["must be no more than 253 bytes"]),
    (names.dns1123_label, "web-0", []),
    (names.dns1123_label, "a.b", ["must not contain dots"]),
    (names.dns1123_label, "-a", [LABEL]),
    (names.dns1123_label, "a" * 64, ["must be no more than 63 bytes"]),
    (names.dns1035_label, "a1", []),
    (names.wildcard_dns1123_subdomain, "*.example.com", []),
    (names.qualified_name, "app", []),
    (names.qualified_name, "example.com/App_1", []),
    (names.qualified_name, "/a", ["prefix part must be non-empty"]),
    (names.qualified_name, "a b", [f"name part {QUALIFIED}"]),
    (names.qualified_name, "a/", ["name part must be non-empty", f"name part {QUALIFIED}"]),
    (names.qualified_name, "A/b", [f"prefix part {SUBDOMAIN}"]),
    (names.qualified_name, "a/b/c", [WHOLE]),
    (names.label_value, "", []),
    (names.label_value, "x" * 64, ["must be no more than 63 bytes"]),
    (names.config_map_key, "app.conf", []),
    (names.config_map_key, "..", ["must not be '..'"]),
    (names.config_map_key, "..a", ["must not start with '..'"]),
    (names.relaxed_env_var_name, "A B!", []),
    (names.path_segment, "system:node/x", ["may not contain '/'"]),
    (names.path_segment, "..", ["may not be '..'"]),
    (names.port_name, "http-web", []),
    (names.port_name, "-a--b", ["must not contain consecutive hyphens", "must not begin or end with a hyphen"]),
    (names.port_name, "80", ["must contain at least one letter (a-z)"]),
    (names.ip_address, "::1", []),
    (names.ip_address, "1.2.3", ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]),
    (names.cidr, "10.0.0.0/8", []),
    (names.cidr, "10.0.0.0", ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]),
    (names.percent, "25%", []),
]


@pytest.mark.parametrize(("check", "name", "messages"), CASES, ids=[f"{c[0].__name__}-{c[1][:20]!r}" for c in CASES])
def test_a_name_is_judged_in_upstreams_words(check: Callable[[str], list[str]], name: str, messages: list[str]) -> None:
    assert check(name) == messages


@pytest.mark.parametrize(
    "check", [names.dns1035_label, names.c_identifier, names.env_var_name, names.http_header_name, names.percent, names.label_value]
)  # fmt: skip
def test_a_space_is_refused_with_the_pattern(check: Callable[[str], list[str]]) -> None:
    (message,) = check("a b")
    assert "regex used for validation is '" in message


@pytest.mark.parametrize(("port", "good"), [(0, False), (1, True), (65535, True), (65536, False)])
def test_ports_have_bounds(port: int, good: bool) -> None:
    assert names.port_number(port) == ([] if good else ["must be between 1 and 65535, inclusive"])


@pytest.mark.parametrize(("base", "masked"), [("web-", "wea"), ("web", "web"), ("-", "-"), ("", "")])
def test_the_dash_of_a_generated_name_does_not_count(base: str, masked: str) -> None:
    assert names.mask_trailing_dash(base) == masked


@given(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True))
def test_a_label_is_also_a_subdomain_and_a_label_value(name: str) -> None:
    assert names.dns1123_label(name) == names.dns1123_subdomain(name) == names.label_value(name) == []
