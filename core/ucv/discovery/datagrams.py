"""Questions to a whole network by UDP, and what comes back: sockets, and bounds for all of it."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address

from ucv.clock import Clock
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport, Report
from ucv.plugins.discovery_handlers import DatagramHandler, DiscoveryHandler
from ucv.plugins.sightings import Datagram

_log = logging.getLogger(__name__)

#: Datagrams that are looked at, of one sender and of all, within `_SPAN` seconds.
MAX_OF_ONE, MAX_OF_ALL, _SPAN = 50, 2000, 1.0
#: Senders that are counted apart.
_MAX_SENDERS = 4096
#: Bytes of a question: longer ones would be cut into pieces on their way.
MAX_QUESTION = 1400
_EVERYONE = IPv4Address("255.255.255.255")
#: Not in the socket module (linux/in.h): without it a socket hears what others have joined.
_IP_MULTICAST_ALL = 49

#: Called with each datagram that is not our own, from a usable address, and not one too many.
OnDatagram = Callable[[Datagram], object]


class Limiter:
    """Counts datagrams by sender; says no to those that are too many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._all = 0
        self._of: OrderedDict[str, int] = OrderedDict()

    def admit(self, host: str) -> bool:
        """Count one, and say whether it may be looked at."""
        now = self._clock.monotonic()
        if now - self._began >= _SPAN:
            self._began, self._all = now, 0
            self._of.clear()
        count = self._of.get(host, 0) + 1
        if len(self._of) < _MAX_SENDERS or host in self._of:
            self._of[host] = count
        self._all += 1
        return count <= MAX_OF_ONE and self._all <= MAX_OF_ALL


class UdpSockets:
    """The sockets of one protocol: one for each interface to ask from, and one that listens.

    With ``listen``, datagrams to ``port`` in the ``groups`` are heard as well as the answers to
    what was asked. ``on_datagram`` is called for what is not our own.
    """

    def __init__(
        self,
        *,
        name: str,
        port: int,
        groups: Sequence[IPv4Address],
        listen: bool,
        on_datagram: OnDatagram,
        rejections: Rejections,
        clock: Clock,
    ) -> None:
        self.problem: str | None = None
        self._name = name
        self._port = port
        self._groups = tuple(groups)
        self._listen = listen
        self._on_datagram = on_datagram
        self._rejections = rejections
        self._limiter = Limiter(clock)
        self._askers: dict[Interface, asyncio.DatagramTransport] = {}
        self._own: set[tuple[str, int]] = set()
        self._listener: asyncio.DatagramTransport | None = None
        self._joined: set[tuple[IPv4Address, IPv4Address]] = set()

    @property
    def is_open(self) -> bool:
        """Whether there is any socket."""
        return bool(self._askers) or self._listener is not None

    async def open(self, interfaces: Sequence[Interface]) -> None:
        """Have sockets for these interfaces, and none for others; what fails is `problem`."""
        self.problem = None
        for gone in [one for one in self._askers if one not in interfaces]:
            self._close_asker(gone)
        for interface in interfaces:
            if interface not in self._askers:
                await self._attempt(self._open_asker(interface))
        if self._listen and interfaces:
            if self._listener is None:
                await self._attempt(self._open_listener())
            self._join(interfaces)
        elif self._listener is not None and not interfaces:
            self._listener.close()
            self._listener = None
            self._joined.clear()

    def ask(self, question: bytes) -> None:
        """Send a question to all groups from each interface."""
        for interface, transport in self._askers.items():
            for group in self._groups:
                targets = [group]
                if group == _EVERYONE:
                    if interface.broadcast is None:
                        continue
                    targets = [group, interface.broadcast]
                for target in targets:
                    transport.sendto(question[:MAX_QUESTION], (str(target), self._port))

    def close(self) -> None:
        """Close all sockets."""
        for interface in list(self._askers):
            self._close_asker(interface)
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._joined.clear()

    # ------------------------------------------------------------------------------------------

    def received(self, data: bytes, sender: tuple[str, int]) -> None:
        """Take a datagram."""
        host, port = sender[0], sender[1]
        if (host, port) in self._own:
            return
        if not self._limiter.admit(host):
            self._rejections.note(self._name, host, "too many answers")
            return
        if not _is_usable(host):
            self._rejections.note(self._name, host, "not an address that a device can have")
            return
        self._on_datagram(Datagram(host, port, data))

    async def _attempt(self, opening: Awaitable[None]) -> None:
        try:
            await opening
        except OSError as error:
            self.problem = str(error)
            _log.warning("%s cannot be used for discovery: %s", self._name, error)

    async def _open_asker(self, interface: Interface) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            address = interface.address.packed
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            sock.bind((str(interface.address), 0))
            transport = await self._transport(sock)
        except OSError:
            sock.close()
            raise
        self._askers[interface] = transport
        self._own.add(transport.get_extra_info("sockname"))

    async def _open_listener(self) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            # Others on this machine may listen, too.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "SO_REUSEPORT"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if sys.platform == "linux":
                sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
            sock.bind(("", self._port))
            self._listener = await self._transport(sock)
        except OSError:
            sock.close()
            raise

    def _join(self, interfaces: Sequence[Interface]) -> None:
        if self._listener is None:
            return
        sock = self._listener.get_extra_info("socket")
        wanted = {
            (group, interface.address)
            for group in self._groups
            if group.is_multicast
            for interface in interfaces
        }
        for group, address in wanted - self._joined:
            try:
                sock.setsockopt(
                    socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group.packed + address.packed
                )
            except OSError as error:
                self.problem = str(error)
                continue
            self._joined.add((group, address))
        # The kernel forgets the membership of an interface that is gone by itself.
        self._joined &= wanted

    async def _transport(self, sock: socket.socket) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(self), sock=sock)
        return transport

    def _close_asker(self, interface: Interface) -> None:
        transport = self._askers.pop(interface)
        self._own.discard(transport.get_extra_info("sockname"))
        transport.close()


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, sockets: UdpSockets) -> None:
        self._sockets = sockets

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._sockets.received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Do nothing: the next round asks again."""


class DatagramFinder:
    """Asks by a vendor's own protocol; see `Finder`."""

    def __init__(
        self,
        *,
        name: str,
        port: int,
        groups: Sequence[IPv4Address],
        listen: bool,
        interfaces: Callable[[], Sequence[Interface]],
        on_report: OnReport,
        rejections: Rejections,
        clock: Clock,
    ) -> None:
        self.name = name
        self._interfaces = interfaces
        self._on_report = on_report
        self._rejections = rejections
        self._key = (name, port, tuple(groups), listen)
        self._handlers: tuple[DatagramHandler, ...] = ()
        self._sockets = UdpSockets(
            name=name,
            port=port,
            groups=groups,
            listen=listen,
            on_datagram=self._received,
            rejections=rejections,
            clock=clock,
        )
        self._stopped = False

    @property
    def listening(self) -> bool:
        """See `Finder.listening`."""
        return self._sockets.is_open

    @property
    def problem(self) -> str | None:
        """See `Finder.problem`."""
        return self._sockets.problem

    async def listen(self, handlers: Sequence[DiscoveryHandler]) -> None:
        """See `Finder.listen`."""
        self._handlers = tuple(
            handler
            for handler in handlers
            if isinstance(handler, DatagramHandler)
            and (handler.source, handler.port, handler.groups, handler.listen) == self._key
        )
        await self._refresh()

    async def ask(self) -> None:
        """See `Finder.ask`."""
        await self._refresh()
        if self._handlers:
            self._sockets.ask(self._handlers[0].probe())

    async def stop(self) -> None:
        """See `Finder.stop`."""
        self._stopped = True
        self._sockets.close()

    async def _refresh(self) -> None:
        wanted = self._interfaces() if self._handlers and not self._stopped else ()
        await self._sockets.open(wanted)

    def _received(self, datagram: Datagram) -> None:
        understood = False
        for handler in self._handlers:
            sighting = handler.parse(datagram)
            if sighting is not None:
                understood = True
                key = sighting.mac or sighting.serial
                self._on_report(Report(self.name, handler.domain, datagram.host, key, sighting))
        if not understood:
            self._rejections.note(self.name, datagram.host, "not understood")


def _is_usable(host: str) -> bool:
    try:
        address = IPv4Address(host)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified or address.is_reserved)
