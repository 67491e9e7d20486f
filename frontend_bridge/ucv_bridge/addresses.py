"""Where a camera that is added through the API may be."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ucv_bridge.errors import AddressRefused

#: Where clouds tell the machines in them their secrets; no camera is there.
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254"),
    )
)
_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata", "instance-data"})


def check_addresses(mapping: Mapping[str, Any]) -> None:
    """Refuse a camera's mapping that points where no camera can be; raises `AddressRefused`.

    Schemes are the integration's to check. Names are not resolved: they may mean something else a
    moment later.
    """
    for key, host in _hosts(mapping, ""):
        if not _may_be_camera(host):
            fault = {"key": key, "message": "no camera can be at this address", "suggestion": None}
            raise AddressRefused(details={"errors": [fault]})


def _hosts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _hosts(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _hosts(item, f"{key}[{index}]")
    elif isinstance(value, str):
        if "://" in value:
            try:
                yield key, urlsplit(value).hostname or ""
            except ValueError:
                return  # not an address; the integration's schema says so better
        elif key.rpartition(".")[2] == "host":
            yield key, value


def _may_be_camera(host: str) -> bool:
    name = host.strip("[]").rstrip(".").lower()
    address = _address(name)
    if address is None:
        return name not in _METADATA_NAMES
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    broadcast = address == ipaddress.ip_address("255.255.255.255")
    return not (address.is_unspecified or address.is_multicast or broadcast or address in _METADATA)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        pass
    try:
        # Also what only resolvers take for an address: 0xa9fea9fe, 0251.254.169.254, 0.
        return ipaddress.IPv4Address(socket.inet_aton(name))
    except (OSError, ValueError):
        return None
