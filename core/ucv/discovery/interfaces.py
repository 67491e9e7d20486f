"""The addresses of this machine that devices are looked for from."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import psutil

#: Interfaces that are used, of those there are: container hosts have hundreds.
MAX_INTERFACES = 32


@dataclass(frozen=True, slots=True)
class Interface:
    """One IPv4 address of this machine; ``broadcast`` is that of its network, if it has one."""

    name: str
    address: IPv4Address
    network: IPv4Network
    broadcast: IPv4Address | None = None


def interfaces(wanted: Sequence[str] = ()) -> tuple[Interface, ...]:
    """Return the interfaces that are up: those with the ``wanted`` addresses, or all of them.

    Loopback is one of them: devices made of software are found there. An address that this machine
    does not have is left out: it may come later.
    """
    stats = psutil.net_if_stats()
    found: list[Interface] = []
    for name, addresses in psutil.net_if_addrs().items():
        if name not in stats or not stats[name].isup:
            continue
        for one in addresses:
            if one.family is not socket.AF_INET:
                continue
            address = IPv4Address(one.address)
            if wanted and str(address) not in wanted:
                continue
            network = IPv4Network(f"{address}/{one.netmask or 32}", strict=False)
            wide = network.prefixlen < 31 and not address.is_loopback
            broadcast = network.broadcast_address if wide else None
            found.append(Interface(name, address, network, broadcast))
    return tuple(sorted(found, key=lambda one: (one.name, one.address))[:MAX_INTERFACES])
