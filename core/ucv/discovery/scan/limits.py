"""How many connections a scan makes at a time and per second."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from ucv.clock import Clock

if sys.platform != "win32":
    import resource

#: Fewest sockets that a scan works with, however few files the process may open.
_LEAST_SOCKETS: Final = 16
#: Part of the process's files that a scan takes at most: the hub needs the others.
_SHARE: Final = 4
#: Seconds' worth of connections that may be begun at once, as far as there are sockets for them: a
#: quick scan of a small network need not wait for its turn.
_BURST: Final = 0.25
#: Connections worth waking up for.
_WORTH: Final = 32


@dataclass(frozen=True, slots=True)
class ConnectLimits:
    """Bounds of a scan: sockets open at the same time, and connections begun per second."""

    sockets: int = 512
    rate: float = 10_000.0

    def usable_sockets(self) -> int:
        """Return how many sockets that makes with the number of files the process may open."""
        if sys.platform == "win32":
            return self.sockets
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files == resource.RLIM_INFINITY:
            return self.sockets
        return min(self.sockets, max(_LEAST_SOCKETS, files // _SHARE))


class TokenBucket:
    """Gives out ``rate`` permissions per second, with short bursts."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._most = max(1.0, rate * _BURST)
        self._tokens = self._most
        self._filled = clock.monotonic()

    def take(self, wanted: int) -> int:
        """Return how many of those may be done now, and count them as done."""
        now = self._clock.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        granted = min(wanted, int(self._tokens))
        self._tokens -= granted
        return granted

    def give_back(self, unused: int) -> None:
        """Take back permissions that were not needed."""
        self._tokens += unused

    @property
    def wait(self) -> float:
        """Seconds until it is worth coming back."""
        return max(0.0, (min(self._most, _WORTH) - self._tokens) / self._rate)
