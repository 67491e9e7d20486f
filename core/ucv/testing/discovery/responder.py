"""A device's end of a discovery protocol by UDP: hears questions in a group, and answers them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from ucv.testing.discovery.identity import Announced

#: Returns the datagrams that answer a question, none for what is no question of the protocol.
Answer = Callable[[bytes], Sequence[bytes]]


class Responder:
    """Answers from a device's own address; ``async with Responder(…):``.

    ``port`` and ``groups`` are where questions come to; ``interface`` is the address of the
    network that it is in. With ``to_group`` answers go to the group instead of to who asked.
    """

    def __init__(
        self,
        device: Announced,
        *,
        port: int,
        groups: Sequence[str],
        interface: str,
        answer: Answer,
        to_group: bool = False,
    ) -> None:
        self.device = device
        self.asked = 0
        self._port = port
        self._groups = tuple(groups)
        self._interface = interface
        self._answer = answer
        self._to_group = to_group
        self._hearing: list[asyncio.DatagramTransport] = []
        self._speaking: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Begin to answer."""
        for group in self._groups:
            self._hearing.append(await self._transport(self._group_socket(group)))
        await self.move()

    async def move(self) -> None:
        """Speak from the device's address as it is now."""
        if self._speaking is not None:
            self._speaking.close()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self._interface)
        )
        sock.bind((self.device.address, 0))
        self._speaking = await self._transport(sock)

    def say(self, data: bytes) -> None:
        """Send something to the groups without being asked."""
        for group in self._groups:
            self.send(data, (group, self._port))

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send something to one."""
        if self._speaking is not None and not group_is_broadcast(to[0]):
            self._speaking.sendto(data, to)

    async def stop(self) -> None:
        """Answer no more."""
        for transport in (*self._hearing, self._speaking):
            if transport is not None:
                transport.close()
        self._hearing.clear()
        self._speaking = None
        # The loop closes sockets in its next turn.
        await asyncio.sleep(0)

    def received(self, data: bytes, sender: tuple[str, int]) -> None:
        """Answer a datagram."""
        if self._speaking is None or sender == self._speaking.get_extra_info("sockname"):
            return
        answers = self._answer(data)
        self.asked += bool(answers)
        for answer in answers:
            to = (self._groups[0], self._port) if self._to_group else sender
            self.send(answer, to)

    def _group_socket(self, group: str) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if group_is_broadcast(group):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.bind(("255.255.255.255", self._port))
        else:
            sock.bind((group, self._port))
            membership = socket.inet_aton(group) + socket.inet_aton(self._interface)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        return sock

    async def _transport(self, sock: socket.socket) -> asyncio.DatagramTransport:
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(self), sock=sock)
        return transport


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, responder: Responder) -> None:
        self._responder = responder

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._responder.received(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Do nothing: who asked is gone."""


def group_is_broadcast(group: str) -> bool:
    """Say whether a group is everybody's."""
    return group == "255.255.255.255"
