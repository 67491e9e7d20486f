"""When the network is asked: seldom, oftener while somebody looks, soon when a camera is missed."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from ucv.clock import Clock

_log = logging.getLogger(__name__)

#: Seconds for which answers to a round are waited for, and the least between two rounds.
ANSWER_TIME, MIN_GAP = 1.5, 1.0
#: Seconds between rounds while somebody looks: at first, and after `EAGER_FOR`.
EAGER, WATCHED, EAGER_FOR = 2.0, 10.0, 60.0
#: Seconds between rounds while a camera is missed: the first, and twice that each time after.
MISSED = 5.0


class Rounds:
    """Calls ``ask`` for each round, and ``on_end`` once its answers should be there.

    ``on_change`` is called when a round begins and ends. ``interval`` is the time between rounds
    while nothing happens, in seconds.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        interval: float,
        ask: Callable[[], Awaitable[object]],
        on_end: Callable[[], object],
        on_change: Callable[[], object],
    ) -> None:
        self.asking = False
        #: When the last round began, and the next one is due: seconds since the epoch.
        self.last: float | None = None
        self._clock = clock
        self._interval = interval
        self._ask = ask
        self._on_end = on_end
        self._on_change = on_change
        self._due = clock.monotonic()
        self._began = -math.inf
        self._watchers = 0
        self._eager_until = -math.inf
        self._missed_gap = 0.0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def next(self) -> float | None:
        """When the next round is due, in seconds since the epoch; None if none is."""
        if self._task is None:
            return None
        return self._clock.time() + max(0.0, self._due - self._clock.monotonic())

    def start(self) -> None:
        """Begin, with a round at once."""
        if self._task is None:
            self._due = self._clock.monotonic()
            self._task = asyncio.create_task(self._run(), name="discovery rounds")

    async def stop(self) -> None:
        """Ask no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def soon(self) -> None:
        """Have a round as soon as there may be one."""
        self._bring_forward(self._clock.monotonic())

    def eager(self) -> None:
        """Have rounds close together for a while: somebody has asked for it."""
        self._eager_until = self._clock.monotonic() + EAGER_FOR
        self.soon()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Have rounds close together while somebody looks."""
        self._watchers += 1
        self.eager()
        try:
            yield
        finally:
            self._watchers -= 1

    def missed(self, *, is_missed: bool) -> None:
        """Look for a camera that does not answer, ever more seldom; or for none any longer.

        Another one that is missed later is looked for as soon as the first was.
        """
        self._missed_gap = MISSED if is_missed else 0.0
        if is_missed:
            self._bring_forward(self._clock.monotonic() + MIN_GAP)

    def _bring_forward(self, due: float) -> None:
        due = max(due, self._began + MIN_GAP)
        if due < self._due:
            self._due = due
            self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._until_due()
            self._began = self._clock.monotonic()
            self.last = self._clock.time()
            self._due = self._began + self._gap()
            self.asking = True
            self._on_change()
            try:
                await self._ask()
            except Exception:  # one failing round must not be the last
                _log.exception("A round of questions to the network failed")
            await self._clock.sleep(ANSWER_TIME)
            self.asking = False
            self._on_end()
            self._on_change()

    async def _until_due(self) -> None:
        while (left := self._due - self._clock.monotonic()) > 0:
            self._changed.clear()
            timer = self._clock.call_later(left, self._changed.set)
            try:
                await self._changed.wait()
            finally:
                timer.cancel()

    def _gap(self) -> float:
        gap = self._interval
        if self._watchers:
            gap = min(gap, WATCHED)
        if self._clock.monotonic() < self._eager_until:
            gap = min(gap, EAGER)
        if self._missed_gap:
            gap = min(gap, self._missed_gap)
            self._missed_gap = min(self._missed_gap * 2, self._interval)
        return gap
