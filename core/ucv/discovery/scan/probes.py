"""Hosts and connections of a scan while they last."""

from __future__ import annotations

import socket
import struct
from typing import Final

from ucv.discovery.scan.round_trip import RoundTrip

#: Saves a call to the kernel for each connection, where there is such a thing.
_NONBLOCK: Final[int] = getattr(socket, "SOCK_NONBLOCK", 0)
_RESET: Final = struct.pack("ii", 1, 0)


class Host:
    """One address while it is being looked at.

    ``next`` is the index of the port to be tried next, ``again`` are ports to try once more,
    ``active`` counts connections being made, ``dead`` says that there is no way to it, ``queued``
    whether it waits for its turn.
    """

    __slots__ = (
        "active",
        "address",
        "again",
        "dead",
        "family",
        "host",
        "next",
        "opened",
        "queued",
        "round_trip",
        "suffix",
    )

    def __init__(self, address: str) -> None:
        self.address = address
        self.host, _, scope = address.partition("%")
        v6 = ":" in address
        self.family = socket.AF_INET6 if v6 else socket.AF_INET
        #: What follows host and port in a socket address.
        self.suffix: tuple[int, ...] = (0, _scope_id(scope)) if v6 else ()
        self.next = 0
        self.active = 0
        self.again: list[int] = []
        self.opened: list[int] = []
        self.dead = False
        self.queued = False
        self.round_trip: RoundTrip | None = None

    @property
    def answered(self) -> bool:
        """Whether anything came from it, be it a refusal."""
        return self.round_trip is not None


class Probe:
    """One connection being made; ``second`` if it is the last try, ``over`` once it is closed."""

    __slots__ = ("host", "over", "port", "second", "sock", "started")

    def __init__(
        self, host: Host, port: int, sock: socket.socket, started: float, *, second: bool
    ) -> None:
        self.host = host
        self.port = port
        self.sock = sock
        self.started = started
        self.second = second
        self.over = False


def open_socket(host: Host) -> socket.socket:
    """Return a socket that does not block; raises `OSError` when there is none to be had."""
    sock = socket.socket(host.family, socket.SOCK_STREAM | _NONBLOCK)
    if not _NONBLOCK:
        sock.setblocking(False)
    return sock


def reset_on_close(sock: socket.socket) -> None:
    """Have a connection closed by a reset: frees the place in the device at once.

    Nor is it kept here in TIME_WAIT; thousands would use up the machine's ports.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def is_with_itself(sock: socket.socket) -> bool:
    """Whether a connection to this machine hit its own port (RFC 9293, 3.5, simultaneous open)."""
    try:
        return bool(sock.getsockname() == sock.getpeername())
    except OSError:
        return False  # reset already: there was somebody


def _scope_id(scope: str) -> int:
    """Return the number of an interface, 0 if there is none of that name."""
    if not scope:
        return 0
    try:
        return int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
    except OSError:
        return 0
