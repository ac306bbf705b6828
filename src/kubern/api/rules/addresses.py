"""Addresses that no other host can reach. Called by the checks of endpoints and services; wording is upstream's."""

from __future__ import annotations

import ipaddress


def special_address(ip: str) -> list[str]:
    """Return why a well-formed address can be no endpoint: it is not a host's, or only the host's own."""
    address = ipaddress.ip_address(ip)
    if address.is_unspecified:
        return [f"may not be unspecified ({ip})"]
    if address.is_loopback:
        return ["may not be in the loopback range (127.0.0.0/8, ::1/128)"]
    if address.is_link_local:
        return ["may not be in the link-local range (169.254.0.0/16, fe80::/10)"]
    if address.is_multicast and ip.startswith(("224.0.0.", "ff02:", "FF02:")):
        return ["may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"]
    return []
