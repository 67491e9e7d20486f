"""A clock that stands still until a test turns it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

# Passes of the event loop between two timers. A woken task may need several before it sleeps
# again: its own wake-up, a queue, a task group around it.
_SETTLE_PASSES = 20


class FakeTimer:
    """One call that is due at ``when`` (monotonic seconds of its clock)."""

    __slots__ = ("callback", "cancelled", "when")

    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """See `ucv.clock.TimerHandle.cancel`."""
        self.cancelled = True


class FakeClock:
    """Implements `ucv.clock.Clock`; time passes only in `advance` and `jump`.

    ``monotonic`` and ``epoch`` are what both readings start from, in seconds. Every timer sees the
    exact time it was due at, also when one `advance` passes many of them.
    """

    def __init__(self, *, monotonic: float = 1000.0, epoch: float = 1_700_000_000.0) -> None:
        self._monotonic = monotonic
        self._epoch_offset = epoch - monotonic
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._order = count()

    def monotonic(self) -> float:
        """See `ucv.clock.Clock.monotonic`."""
        return self._monotonic

    def time(self) -> float:
        """See `ucv.clock.Clock.time`."""
        return self._monotonic + self._epoch_offset

    async def sleep(self, seconds: float) -> None:
        """See `ucv.clock.Clock.sleep`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self.call_later(seconds, wake)
        try:
            await woken
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> FakeTimer:
        """See `ucv.clock.Clock.call_later`."""
        timer = FakeTimer(self._monotonic + max(0.0, seconds), callback)
        heapq.heappush(self._timers, (timer.when, next(self._order), timer))
        return timer

    async def advance(self, seconds: float) -> None:
        """Let that many seconds pass: run what falls due, in order, and let the tasks react.

        Between two timers the event loop gets several passes, so that a task which sleeps again,
        again and again within the span is woken each time. Real sockets are slower than that:
        wait for their effect itself (`until`).
        """
        end = self._monotonic + seconds
        await self.settle()
        while (timer := self._next(end)) is not None:
            self._monotonic = max(self._monotonic, timer.when)
            timer.callback()
            await self.settle()
        self._monotonic = max(self._monotonic, end)
        await self.settle()

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward (or back) without any monotonic time passing, as NTP does."""
        self._epoch_offset += seconds

    async def settle(self) -> None:
        """Give the event loop enough passes for tasks that are ready to come to rest."""
        for _ in range(_SETTLE_PASSES):
            await asyncio.sleep(0)

    @property
    def pending(self) -> list[float]:
        """How many seconds from now each waiting timer is due, soonest first."""
        return sorted(
            when - self._monotonic for when, _, timer in self._timers if not timer.cancelled
        )

    def _next(self, end: float) -> FakeTimer | None:
        while self._timers and (self._timers[0][2].cancelled or self._timers[0][0] <= end):
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled:
                return timer
        return None


async def until(condition: Callable[[], object], timeout: float = 5.0) -> None:  # noqa: ASYNC109 - a test's own limit, not a cancellation scope
    """Wait, in real time, until the condition holds; raises `TimeoutError` after ``timeout`` s."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 - any condition, so there is no event to wait for
            await asyncio.sleep(0.005)
