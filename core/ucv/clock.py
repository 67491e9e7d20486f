"""The clock that everything with a delay is given, so that tests need not wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class TimerHandle(Protocol):
    """Something scheduled that can still be called off."""

    def cancel(self) -> None:
        """Call it off; harmless when it has already run."""


class Clock(Protocol):
    """Time as the hub sees it."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; for intervals."""

    def time(self) -> float:
        """Seconds since the epoch; for what people and files see."""

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""

    def call_later(self, seconds: float, callback: Callable[[], object]) -> TimerHandle:
        """Call back once, on the running loop, after that many seconds."""


class SystemClock:
    """The real one."""

    #: See `Clock.monotonic`. Not wrapped, for it is read with each read of each socket.
    monotonic = staticmethod(time.monotonic)

    def time(self) -> float:
        """See `Clock.time`."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> TimerHandle:
        """See `Clock.call_later`."""
        return asyncio.get_running_loop().call_later(seconds, callback)
