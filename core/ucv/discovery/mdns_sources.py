"""What stands between the network and zeroconf: who speaks mDNS, and how much of it is heard."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

from zeroconf import Zeroconf

from ucv.clock import Clock
from ucv.discovery.intake import Intake
from ucv.discovery.rejections import Rejections

#: Addresses that are remembered.
MAX_SOURCES = 4096


class MdnsSources:
    """Remembers the senders of the datagrams that zeroconf receives, and bounds what it receives.

    An announcement may name any address, and zeroconf does not tell who sent it. What zeroconf
    keeps it bounds by itself (10,000 records).
    """

    def __init__(self, rejections: Rejections, clock: Clock) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._rejections = rejections
        self._intake = Intake("mdns", rejections=rejections, clock=clock)

    def watch(self, zeroconf: Zeroconf) -> None:
        """Stand before zeroconf from now on; call once it has started."""
        for reader in zeroconf.engine.readers:
            transport = reader.transport
            inner = cast("asyncio.DatagramProtocol", transport.get_protocol())
            transport.set_protocol(_Gate(inner, self.takes))

    def takes(self, host: str, size: int) -> bool:
        """Take note of a sender, and say whether its datagram is heard."""
        reason = self._intake.exceeded(host, size)
        if reason is not None:
            self._rejections.note("mdns", host, reason)
            return False
        self.note(host)
        return True

    def note(self, host: str) -> None:
        """Take note of a sender."""
        self._known[host] = None
        self._known.move_to_end(host)
        if len(self._known) > MAX_SOURCES:
            self._known.popitem(last=False)

    def has(self, host: str) -> bool:
        """Say whether a host has spoken; those of this machine may for one another."""
        if host in self._known:
            return True
        return _is_loopback(host) and any(map(_is_loopback, self._known))


class _Gate(asyncio.DatagramProtocol):
    """Stands before zeroconf's protocol."""

    def __init__(self, inner: asyncio.DatagramProtocol, takes: Callable[[str, int], bool]) -> None:
        self._inner = inner
        self._takes = takes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(cast("asyncio.DatagramTransport", transport))

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def error_received(self, exc: Exception) -> None:
        self._inner.error_received(exc)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if self._takes(str(addr[0]).partition("%")[0], len(data)):
            self._inner.datagram_received(data, addr)


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback
