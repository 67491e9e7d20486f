"""Which addresses speak mDNS themselves: an announcement may name any address."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from typing import Any, cast

from zeroconf import Zeroconf

#: Addresses that are remembered.
MAX_SOURCES = 4096


class MdnsSources:
    """Remembers the senders of the datagrams that zeroconf receives."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()

    def watch(self, zeroconf: Zeroconf) -> None:
        """Take note of every sender from now on; call once it has started."""
        for reader in zeroconf.engine.readers:
            transport = reader.transport
            inner = cast("asyncio.DatagramProtocol", transport.get_protocol())
            transport.set_protocol(_Noting(inner, self.note))

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


class _Noting(asyncio.DatagramProtocol):
    """Stands before zeroconf's protocol, for zeroconf does not tell who sent a record."""

    def __init__(self, inner: asyncio.DatagramProtocol, note: Any) -> None:
        self._inner = inner
        self._note = note

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(cast("asyncio.DatagramTransport", transport))

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def error_received(self, exc: Exception) -> None:
        self._inner.error_received(exc)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._note(str(addr[0]).partition("%")[0])
        self._inner.datagram_received(data, addr)


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback
