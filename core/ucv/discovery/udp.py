"""The UDP sockets of one protocol: one to ask from on each interface, and those that listen."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Address
from typing import cast

from ucv.clock import Clock
from ucv.discovery.intake import Intake
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections
from ucv.plugins.sightings import Datagram

_log = logging.getLogger(__name__)

#: Seconds after a question in which answers to it are taken.
ANSWER_LIMIT = 15.0
#: Bytes that the kernel may keep for a socket: hundreds of devices answer at the same moment.
_BUFFER = 1024 * 1024
#: Seconds for which datagrams are looked at before others have their turn.
_TURN = 0.004
#: Linux's IP_MULTICAST_ALL, which `socket` does not name: off, a socket hears its own groups only.
_IP_MULTICAST_ALL = 49

#: An interface, and the group that is listened to there, None for the socket that asks.
_Place = tuple[Interface | None, IPv4Address | None]


class UdpSockets:
    """Sends questions to ``port`` of the ``groups``, and hands over what comes back.

    Groups are multicast addresses or 255.255.255.255, for which each network's own broadcast
    address is asked, too. With ``listen``, what is sent to the groups by itself is heard as well.
    Questions do not leave the network (TTL 1). ``on_datagram`` gets each datagram that `Intake`
    takes, and whether it came as an answer to a question of ours, in the last 15 s, or by itself.
    What these sockets themselves sent is left out.
    """

    def __init__(
        self,
        source: str,
        *,
        port: int,
        groups: Sequence[IPv4Address],
        listen: bool,
        interfaces: Callable[[], Sequence[Interface]],
        on_datagram: Callable[[Datagram, bool], object],
        rejections: Rejections,
        clock: Clock,
    ) -> None:
        self.problem: str | None = None
        #: The interfaces of the last `open`.
        self.interfaces: tuple[Interface, ...] = ()
        self._source = source
        self._port = port
        self._groups = tuple(groups)
        self._listens = listen
        self._find_interfaces = interfaces
        self._on_datagram = on_datagram
        self._rejections = rejections
        self._clock = clock
        self._intake = Intake(source, rejections=rejections, clock=clock)
        self._transports: dict[_Place, asyncio.DatagramTransport] = {}
        #: Where our questions come from: an address and a port of each socket that asks.
        self._own: set[tuple[str, int]] = set()
        self._asked_at = -math.inf
        #: What was taken and is to be looked at: no more than the intake lets in.
        self._taken: deque[tuple[Datagram, bool]] = deque()
        self._turn: asyncio.Handle | None = None
        #: Interfaces from which something could not be sent.
        self._failed: set[Interface | None] = set()

    def __len__(self) -> int:
        return len(self._transports)

    async def open(self) -> None:
        """Open what is missing for the interfaces there are now, and close what is for others.

        What cannot be opened is named in `problem`, and tried again the next time.
        """
        self.interfaces = tuple(self._find_interfaces())
        wanted = self._wanted()
        # What failed is opened anew: under the same name and address, another interface may be.
        usable = {place for place in wanted if place[0] not in self._failed}
        for place in self._transports.keys() - usable:
            self._transports.pop(place).close()
        self._failed.clear()
        problem = None if wanted else "There is no network."
        for place in wanted:
            if place not in self._transports:
                try:
                    self._transports[place] = await self._open(*place)
                except OSError as error:
                    problem = self._describe(place, error)
        if problem is not None and problem != self.problem:
            _log.warning("Devices are not found by %s everywhere: %s", self._source, problem)
        self.problem = problem
        self._own = {
            cast("tuple[str, int]", transport.get_extra_info("sockname")[:2])
            for (_, group), transport in self._transports.items()
            if group is None
        }

    def send(self, data: bytes) -> None:
        """Ask once, from every interface."""
        self._asked_at = self._clock.monotonic()
        for (interface, group), transport in self._transports.items():
            if interface is not None and group is None:
                for target in self._targets(interface):
                    transport.sendto(data, (str(target), self._port))

    def close(self) -> None:
        """Close all sockets."""
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()
        self._own.clear()
        self._failed.clear()
        self._taken.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self.problem = None

    # ------------------------------------------------------------------------------------------

    def _wanted(self) -> list[_Place]:
        places: list[_Place] = [(interface, None) for interface in self.interfaces]
        if self._listens and self.interfaces:
            for group in self._groups:
                # What is sent to all is heard once, whichever interface it came by.
                each = self.interfaces if group.is_multicast else (None,)
                places += [(interface, group) for interface in each]
        return places

    def _targets(self, interface: Interface) -> list[IPv4Address]:
        targets: list[IPv4Address] = []
        for group in self._groups:
            if group.is_multicast:
                targets.append(group)
            elif interface.broadcast is not None:
                targets += [group, interface.broadcast]
        return targets

    async def _open(
        self, interface: Interface | None, group: IPv4Address | None
    ) -> asyncio.DatagramTransport:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            if group is not None:
                _to_listen(sock, interface, group, self._port)
            elif interface is not None:
                _to_ask(sock, interface)
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Receiver(
                    partial(self._received, asked=group is None), partial(self._fail, interface)
                ),
                sock=sock,
            )
        except BaseException:
            sock.close()
            raise
        return transport

    def _describe(self, place: _Place, error: OSError) -> str:
        interface, group = place
        what = "asking" if group is None else f"listening on port {self._port}"
        where = f" at {interface.address}" if interface is not None else ""
        return f"{what}{where}: {error.strerror or type(error).__name__}"

    def _received(self, data: bytes, host: str, port: int, *, asked: bool) -> None:
        if (host, port) in self._own or not self._transports:
            return
        if not self._intake.takes(host, len(data), self.interfaces):
            return
        if asked and self._clock.monotonic() - self._asked_at > ANSWER_LIMIT:
            self._rejections.note(self._source, host, "answered without being asked")
            return
        self._taken.append((Datagram(host, port, data), asked))
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._turn = None
        end = self._clock.monotonic() + _TURN
        try:
            while self._taken and self._clock.monotonic() < end:
                self._on_datagram(*self._taken.popleft())
        finally:
            if self._taken:
                self._turn = asyncio.get_running_loop().call_soon(self._hand_over)

    def _fail(self, interface: Interface | None, error: Exception) -> None:
        self._failed.add(interface)
        reason = getattr(error, "strerror", None) or type(error).__name__
        self.problem = f"asking: {reason}"


class _Receiver(asyncio.DatagramProtocol):
    def __init__(
        self,
        on_datagram: Callable[[bytes, str, int], object],
        on_error: Callable[[Exception], object],
    ) -> None:
        self._on_datagram = on_datagram
        self._on_error = on_error

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._on_datagram(bytes(data), addr[0], addr[1])

    def error_received(self, exc: Exception) -> None:
        self._on_error(exc)


def _to_ask(sock: socket.socket, interface: Interface) -> None:
    local = interface.address.packed
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, local)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    # Devices may be programs on this machine.
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.bind((str(interface.address), 0))


def _to_listen(
    sock: socket.socket, interface: Interface | None, group: IPv4Address, port: int
) -> None:
    # Other programs of this machine listen there as well.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if interface is None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.bind(("", port))
        return
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
    # Bound to the group, it takes nothing that is sent to another program of this machine.
    sock.bind((str(group), port))
    membership = group.packed + interface.address.packed
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
