"""When the network is asked: seldom, oftener while somebody looks, soon when a camera is missed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from ucv.discovery.rounds import ANSWER_TIME, EAGER, EAGER_FOR, MIN_GAP, WATCHED, Rounds
from ucv.testing.clock import FakeClock, until

INTERVAL = 300.0


class Asked:
    """Rounds on a clock that only the test moves; ``times`` is when each began."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.times: list[float] = []
        self.ended = 0
        self.fail = False
        self.rounds = Rounds(
            self.clock, interval=INTERVAL, ask=self.ask, on_end=self.end, on_change=lambda: None
        )

    async def ask(self) -> None:
        self.times.append(self.clock.monotonic())
        if self.fail:
            raise OSError("network is unreachable")

    def end(self) -> None:
        self.ended += 1

    async def after(self, seconds: float) -> int:
        """Let time pass in small steps, and return how many rounds began."""
        before = len(self.times)
        for _ in range(round(seconds * 4)):
            await self.clock.advance(0.25)
        return len(self.times) - before


@pytest_asyncio.fixture
async def asked() -> AsyncIterator[Asked]:
    one = Asked()
    one.rounds.start()
    await until(lambda: len(one.times) == 1)
    yield one
    await one.rounds.stop()


async def test_the_first_round_is_at_once_and_the_next_after_the_interval(asked: Asked) -> None:
    assert asked.rounds.asking
    await asked.after(ANSWER_TIME + 0.5)
    assert (asked.rounds.asking, asked.ended) == (False, 1)
    assert await asked.after(INTERVAL - 5) == 0
    assert await asked.after(5) == 1


async def test_rounds_are_close_together_while_somebody_looks(asked: Asked) -> None:
    await asked.after(10)
    with asked.rounds.watched():
        assert await asked.after(EAGER_FOR) >= EAGER_FOR / EAGER - 1
        rounds = await asked.after(60)
        assert 60 / WATCHED - 1 <= rounds <= 60 / WATCHED + 1
    assert await asked.after(INTERVAL - WATCHED) <= 1


async def test_two_rounds_are_never_closer_than_the_least_gap(asked: Asked) -> None:
    await asked.after(5)
    for _ in range(40):
        asked.rounds.soon()
        asked.rounds.eager()
        await asked.clock.advance(0.25)
    gaps = [later - before for before, later in zip(asked.times, asked.times[1:], strict=False)]
    assert min(gaps) >= max(MIN_GAP, ANSWER_TIME)


async def test_a_camera_that_is_missed_is_looked_for_ever_more_seldom(asked: Asked) -> None:
    await asked.after(10)
    asked.rounds.missed(is_missed=True)
    first = await asked.after(60)
    assert 3 <= first <= 6
    second = await asked.after(60)
    assert second < first
    asked.rounds.missed(is_missed=False)
    await asked.after(INTERVAL)
    assert await asked.after(INTERVAL) == 1


async def test_a_round_that_fails_is_not_the_last(asked: Asked) -> None:
    asked.fail = True
    await asked.after(5)
    asked.rounds.soon()
    assert await asked.after(2) == 1
    asked.rounds.soon()
    assert await asked.after(3) == 1


async def test_none_is_due_once_it_is_stopped(asked: Asked) -> None:
    assert asked.rounds.next is not None
    await asked.rounds.stop()
    assert asked.rounds.next is None
