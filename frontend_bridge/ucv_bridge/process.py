"""What the hub's own process uses."""

from __future__ import annotations

import time

import psutil

from ucv.clock import Clock

#: Shortest span in seconds over which the processor's use is measured.
_SPAN = 0.5


class ProcessMeter:
    """Measures between two readings, or since the start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._process = psutil.Process()
        self._at = clock.monotonic()
        self._used = time.process_time()
        self._percent = 0.0

    def cpu_percent(self) -> float:
        """Return the percentage of one processor used since the reading before."""
        now, used = self._clock.monotonic(), time.process_time()
        if now - self._at >= _SPAN:
            self._percent = round(100 * (used - self._used) / (now - self._at), 1)
            self._at, self._used = now, used
        return self._percent

    def memory_bytes(self) -> int:
        """Return the resident set."""
        return int(self._process.memory_info().rss)
