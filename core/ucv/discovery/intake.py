"""How much is taken of what arrives unasked: bounded for each sender, and in all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address

from ucv.clock import Clock
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections

#: Seconds after which counting begins anew.
WINDOW = 5.0
#: Datagrams taken in that time from one address, and in all.
MAX_FROM_ONE, MAX_IN_ALL = 256, 4096
#: Bytes taken in that time from one address, and in all.
MAX_BYTES_FROM_ONE, MAX_BYTES_IN_ALL = 512 * 1024, 4 * 1024 * 1024

_BROADCAST = IPv4Address("255.255.255.255")


class Intake:
    """Decides which datagrams of one protocol are looked at, and names those that are not."""

    def __init__(self, source: str, *, rejections: Rejections, clock: Clock) -> None:
        self._source = source
        self._rejections = rejections
        self._clock = clock
        self._began = -math.inf
        self._datagrams: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._all_datagrams = 0
        self._all_bytes = 0

    def takes(self, host: str, size: int, interfaces: Sequence[Interface]) -> bool:
        """Say whether a datagram of ``size`` bytes from ``host`` is looked at."""
        reason = unusable(host, interfaces) or self.exceeded(host, size)
        if reason is not None:
            self._rejections.note(self._source, host, reason)
        return reason is None

    def exceeded(self, host: str, size: int) -> str | None:
        """Count a datagram, and return why it is one too many, None if it is not."""
        now = self._clock.monotonic()
        if now - self._began >= WINDOW:
            self._began = now
            self._datagrams.clear()
            self._bytes.clear()
            self._all_datagrams = self._all_bytes = 0
        if self._all_datagrams >= MAX_IN_ALL or self._all_bytes + size > MAX_BYTES_IN_ALL:
            return "too many answers at once"
        many = self._datagrams[host] >= MAX_FROM_ONE
        if many or self._bytes[host] + size > MAX_BYTES_FROM_ONE:
            return "too many answers from one address"
        self._datagrams[host] += 1
        self._bytes[host] += size
        self._all_datagrams += 1
        self._all_bytes += size
        return None


def unusable(host: str, interfaces: Sequence[Interface]) -> str | None:
    """Return why no device of our networks can be at an address, None if one can.

    Public addresses of no network of ours cannot have heard a question that routers do not pass on.
    Private ones may be in our network by cable: new devices have the address of their factory.
    """
    try:
        address = IPv4Address(host)
    except AddressValueError:
        return "the source is no IPv4 address"
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return "the source is no address of a device"
    if address == _BROADCAST or any(
        # A network of two addresses or one has neither of the two.
        address in (one.broadcast, one.network.network_address)
        for one in interfaces
        if one.network.prefixlen < 31
    ):
        return "the source is the address of a whole network"
    if not address.is_loopback and any(address == one.address for one in interfaces):
        return "the source is an address of this machine"
    if address.is_global and not is_near(host, interfaces):
        return "the source is a public address of another network"
    return None


def is_near(host: str, interfaces: Sequence[Interface]) -> bool:
    """Say whether an address is in a network that this machine is in."""
    try:
        address = IPv4Address(host)
    except AddressValueError:
        return False
    return any(address in one.network for one in interfaces)
