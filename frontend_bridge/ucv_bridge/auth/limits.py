"""How often something may be tried, in memory of a fixed size."""

from __future__ import annotations

import ipaddress
import secrets
from array import array
from hashlib import blake2b

from ucv.clock import Clock

_CELLS = 4096


class RateLimiter:
    """Allows each key ``burst`` attempts at once, and one more every ``interval`` seconds.

    Generic cell rate algorithm (ITU-T I.371, annex A): one number for each cell of a table of fixed
    size, into which keys are hashed. Nobody can push another's key out by trying many; keys that
    fall into one cell share its attempts.
    """

    def __init__(self, clock: Clock, *, burst: int, interval: float) -> None:
        self._clock = clock
        self._interval = interval
        self._tolerance = (burst - 1) * interval
        self._key = secrets.token_bytes(16)
        self._arrival = array("d", bytes(8 * _CELLS))

    def take(self, key: str) -> float:
        """Use up one attempt and return 0.0, or return the seconds until there is one."""
        cell = self._cell(key)
        now = self._clock.monotonic()
        arrival = max(self._arrival[cell], now)
        wait = arrival - now - self._tolerance
        if wait > 0:
            return wait
        self._arrival[cell] = arrival + self._interval
        return 0.0

    def give_back(self, key: str) -> None:
        """Return an attempt that was no guess."""
        self._arrival[self._cell(key)] -= self._interval

    def _cell(self, key: str) -> int:
        digest = blake2b(key.encode("utf-8", "surrogatepass"), key=self._key, digest_size=4)
        return int.from_bytes(digest.digest(), "big") % _CELLS


def network_of(address: str) -> str:
    """Return what one client is likely to have: its IPv4 address, or its /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
