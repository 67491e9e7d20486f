"""Where virtual devices may live: never where anybody else could meet them."""

from __future__ import annotations

import ipaddress

#: For documentation (RFC 5737, RFC 3849): no host of the world has one of these, but those in a
#: network namespace of a test may.
_RESERVED = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"),
    )
)


def check_own(host: str) -> None:
    """Raise `ValueError` unless an address is this machine's alone, or one for tests."""
    address = ipaddress.ip_address(host)
    if not (address.is_loopback or any(address in network for network in _RESERVED)):
        raise ValueError("A virtual device lives on this machine only.")
