"""Delays between attempts: exponential, with full jitter, capped."""

from __future__ import annotations

from random import Random

#: No delay is shorter than this part of the first bound: full jitter alone may return to at once.
_FLOOR = 0.5


class Backoff:
    """The delays after failures in a row, in seconds.

    The n-th delay is drawn evenly from between half of ``first`` and a bound that starts at
    ``first`` and doubles up to ``cap``; clients that failed together so come back spread out
    (Brooker, "Exponential Backoff And Jitter", AWS 2015).
    """

    def __init__(self, *, first: float, cap: float, random: Random) -> None:
        self.failures = 0
        self._first = first
        self._cap = cap
        self._random = random

    def next(self, cap: float | None = None) -> float:
        """Count a failure and return the delay before the next attempt.

        ``cap`` takes the place of the usual one for this delay.
        """
        limit = self._cap if cap is None else cap
        # 2.0 ** 64 is past every cap, and a float cannot overflow there.
        bound = min(limit, self._first * 2.0 ** min(self.failures, 64))
        self.failures += 1
        return self._random.uniform(min(self._first * _FLOOR, bound), bound)

    def reset(self) -> None:
        """Forget the failures: it has worked for long enough."""
        self.failures = 0
