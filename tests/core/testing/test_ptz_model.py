"""A virtual camera's head turns by the clock, and stands where it is stopped."""

from __future__ import annotations

import pytest

from ucv.testing import FakeClock
from ucv.testing.ptz_model import FULL_SPEED, Position, PtzModel


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_it_turns_until_it_is_stopped(clock: FakeClock) -> None:
    model = PtzModel(clock)
    seen = []

    async def look() -> None:
        await clock.advance(1)
        seen.append((model.moving, model.velocity, model.position))

    model.move(pan=0.5, tilt=-1)
    await look()
    model.stop()
    await look()
    there = Position(0.5 * FULL_SPEED, -FULL_SPEED, -1)
    assert seen == [(True, (0.5, -1, 0), there), (False, (0, 0, 0), there)]
    assert (model.moves, model.stops) == (1, 1)


async def test_it_ends_at_the_end_of_its_range(clock: FakeClock) -> None:
    model = PtzModel(clock)
    model.move(pan=1, zoom=1)
    await clock.advance(60)
    assert model.position == Position(1, 0, 1)
    model.relative(pan=-0.25, tilt=2)
    assert model.position == Position(0.75, 1, 1)


async def test_it_goes_to_positions_presets_and_home(clock: FakeClock) -> None:
    told: list[bool] = []
    model = PtzModel(clock, on_change=lambda: told.append(model.moving))
    model.absolute(0.5, None, 0)
    model.presets["3"] = ("Gate", model.position)
    model.go_home()
    assert model.position == Position(0, 0, -1)
    model.move(pan=1)
    model.goto("3")
    assert (model.position, model.moving) == (Position(0.5, 0, 0), False)
    with pytest.raises(KeyError):
        model.goto("4")
    assert told == [False, False, True, False]
