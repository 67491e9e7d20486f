"""How long to wait for an answer, learnt from those that came."""

from __future__ import annotations

from typing import Final

#: Bounds of the time limit of one connection, in seconds. Less would take a busy machine for a
#: silent host; more is of no use in networks that cameras are in.
LEAST: Final = 0.1
MOST: Final = 1.0


class RoundTrip:
    """Estimates by RFC 6298, section 2, with bounds of its own."""

    __slots__ = ("_smoothed", "_variation", "limit")

    def __init__(self) -> None:
        self._smoothed: float | None = None
        self._variation = 0.0
        #: Seconds to wait for an answer.
        self.limit = MOST

    def learn(self, seconds: float) -> None:
        """Take account of an answer that took so long."""
        if self._smoothed is None:
            self._smoothed, self._variation = seconds, seconds / 2
        else:
            deviation = abs(self._smoothed - seconds)
            self._variation += (deviation - self._variation) / 4
            self._smoothed += (seconds - self._smoothed) / 8
        self.limit = min(MOST, max(LEAST, self._smoothed + 4 * self._variation))
