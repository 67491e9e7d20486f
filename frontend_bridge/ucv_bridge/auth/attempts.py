"""Limits attempts to log in, by account and by address."""

from __future__ import annotations

from collections import OrderedDict, deque

from ucv.clock import Clock
from ucv.errors import RateLimited

#: Failures within the window after which further attempts wait, and its length in seconds.
LIMIT, WINDOW = 10, 300.0
#: Accounts and addresses that are remembered; then the longest untouched is forgotten.
_REMEMBERED = 4096


class AttemptLimiter:
    """Counts failures by key; bounded in memory."""

    def __init__(self, clock: Clock, limit: int = LIMIT, window: float = WINDOW) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, *keys: str) -> None:
        """Raise `RateLimited` if one of the keys has failed too often lately."""
        now = self._clock.monotonic()
        for key in keys:
            failures = self._failures.get(key)
            if failures is None:
                continue
            while failures and now - failures[0] >= self._window:
                failures.popleft()
            if len(failures) >= self._limit:
                wait = int(self._window - (now - failures[0])) + 1
                raise RateLimited(
                    f"Too many failed attempts; try again in {wait} s.",
                    details={"retry_after": wait},
                )

    def failed(self, *keys: str) -> None:
        """Count a failure for each key."""
        for key in keys:
            failures = self._failures.pop(key, None) or deque(maxlen=self._limit)
            failures.append(self._clock.monotonic())
            self._failures[key] = failures
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of these keys."""
        for key in keys:
            self._failures.pop(key, None)
