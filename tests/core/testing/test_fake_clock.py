"""The clock that tests turn by hand."""

from __future__ import annotations

import asyncio

import pytest

from ucv.clock import Clock
from ucv.testing import FakeClock, until


async def test_a_task_that_sleeps_repeatedly_is_woken_at_the_exact_times() -> None:
    clock = FakeClock(monotonic=0.0)
    woken: list[float] = []

    async def tick() -> None:
        while True:
            await clock.sleep(1.5)
            woken.append(clock.monotonic())

    task = asyncio.create_task(tick())
    await clock.advance(5)
    task.cancel()
    assert woken == [1.5, 3.0, 4.5]
    assert clock.monotonic() == 5.0


async def test_timers_run_in_order_and_a_cancelled_one_does_not() -> None:
    clock: Clock = FakeClock()
    assert isinstance(clock, FakeClock)
    calls: list[str] = []
    clock.call_later(2, lambda: calls.append("late"))
    clock.call_later(1, lambda: calls.append("early"))
    clock.call_later(1, lambda: calls.append("early too"))
    clock.call_later(1.5, lambda: calls.append("never")).cancel()
    await clock.advance(3)
    assert calls == ["early", "early too", "late"]
    assert clock.pending == []


async def test_a_cancelled_sleep_leaves_no_timer() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(10))
    await clock.settle()
    assert clock.pending == [10.0]
    task.cancel()
    await clock.settle()
    assert clock.pending == []


async def test_the_wall_clock_may_jump_without_waking_anyone() -> None:
    clock = FakeClock(epoch=100.0)
    before = clock.monotonic()
    clock.jump(-3600)
    assert clock.time() == pytest.approx(-3500.0)
    assert clock.monotonic() == before


async def test_until_gives_up_after_its_time_limit() -> None:
    with pytest.raises(TimeoutError):
        await until(lambda: False, timeout=0.02)
