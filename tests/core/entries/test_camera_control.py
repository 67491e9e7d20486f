"""Whoever asks a camera to move may vanish: it must not turn for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ucv import DeviceInfo, Integration, Stream
from ucv.cameras.ptz import PtzVector
from ucv.entries.control import MOVE_LIMIT
from ucv.entries.entry import EntryState
from ucv.errors import CannotConnect, InvalidAuth
from ucv.plugins.device import Device
from ucv.plugins.values import Snapshot
from ucv.testing import FakeClock, running_hub, until
from ucv.testing.hub import HubKit

LEFT = PtzVector(-1.0, 0.0, 0.0)


class Turner(Integration):
    """Cameras that move, each as a test says."""

    domain = "turner"
    name = "Turner"
    done: list[str]
    gate: asyncio.Event
    errors: list[Exception]

    def __init__(self) -> None:
        self.done = []
        self.errors = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def probe(self, device: Device) -> DeviceInfo:
        return DeviceInfo()

    async def streams(self, device: Device) -> list[Stream]:
        return []

    async def ptz_move(self, device: Device, vector: PtzVector) -> None:
        self.done.append("move")

    async def ptz_stop(self, device: Device) -> None:
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.done.append("stop")

    async def snapshot(self, device: Device) -> Snapshot:
        self.done.append("snapshot")
        await self.gate.wait()
        raise InvalidAuth


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest_asyncio.fixture
async def kit(clock: FakeClock) -> AsyncIterator[HubKit]:
    async with running_hub(Turner, clock=clock) as kit:
        await kit.add({"id": "one", "integration": "turner"})
        yield kit


@pytest.fixture
def turner(kit: HubKit) -> Turner:
    integration = kit.hub.plugins.integrations["turner"]
    assert isinstance(integration, Turner)
    return integration


async def test_a_movement_that_nobody_renews_is_stopped(
    kit: HubKit, turner: Turner, clock: FakeClock
) -> None:
    await kit.hub.control.ask("one", "ptz_move", LEFT)
    await clock.advance(MOVE_LIMIT - 1)
    await kit.hub.control.ask("one", "ptz_move", LEFT)
    await clock.advance(MOVE_LIMIT - 1)
    assert turner.done == ["move", "move"]
    await clock.advance(1)
    assert turner.done == ["move", "move", "stop"]
    await clock.advance(60)
    assert turner.done == ["move", "move", "stop"]


async def test_one_that_was_stopped_is_not_stopped_again(
    kit: HubKit, turner: Turner, clock: FakeClock
) -> None:
    await kit.hub.control.ask("one", "ptz_move", LEFT)
    await kit.hub.control.ask("one", "ptz_stop")
    await clock.advance(60)
    assert turner.done == ["move", "stop"]


async def test_a_movement_renewed_while_it_is_being_stopped_is_stopped_in_turn(
    kit: HubKit, turner: Turner, clock: FakeClock
) -> None:
    await kit.hub.control.ask("one", "ptz_move", LEFT)
    turner.gate.clear()
    await clock.advance(MOVE_LIMIT)
    await kit.hub.control.ask("one", "ptz_move", LEFT)
    turner.gate.set()
    await clock.settle()
    assert turner.done == ["move", "move", "stop"]
    await clock.advance(MOVE_LIMIT)
    assert turner.done == ["move", "move", "stop", "stop"]


async def test_a_camera_that_could_not_be_told_to_stop_is_told_again(
    kit: HubKit, turner: Turner, clock: FakeClock
) -> None:
    turner.errors = [CannotConnect(), CannotConnect()]
    await kit.hub.control.ask("one", "ptz_move", LEFT)
    with pytest.raises(CannotConnect):
        await kit.hub.control.ask("one", "ptz_stop")
    await clock.advance(60)
    assert turner.done == ["move", "stop"]


async def test_a_camera_that_is_gone_is_not_told_for_ever(
    kit: HubKit, turner: Turner, clock: FakeClock
) -> None:
    turner.errors = [CannotConnect() for _ in range(100)]
    await kit.hub.control.ask("one", "ptz_move", LEFT)
    await clock.advance(600)
    assert 1 < 100 - len(turner.errors) < 10


async def test_a_stopping_hub_stops_what_moves(clock: FakeClock) -> None:
    async with running_hub(Turner, clock=clock) as kit:
        await kit.add({"id": "one", "integration": "turner"})
        turner = kit.hub.plugins.integrations["turner"]
        assert isinstance(turner, Turner)
        await kit.hub.control.ask("one", "ptz_move", LEFT)
    assert turner.done == ["move", "stop"]


async def test_a_stopping_hub_ends_the_stop_that_a_client_left_behind(clock: FakeClock) -> None:
    async with running_hub(Turner, clock=clock) as kit:
        await kit.add({"id": "one", "integration": "turner"})
        turner = kit.hub.plugins.integrations["turner"]
        assert isinstance(turner, Turner)
        await kit.hub.control.ask("one", "ptz_move", LEFT)
        kit.hub.control.stop_soon("one")
    assert turner.done == ["move", "stop"]


async def test_a_hub_does_not_wait_for_a_camera_that_does_not_stop(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv.entries.control.STOP_LIMIT", 0.02)
    async with running_hub(Turner, clock=clock) as kit:
        await kit.add({"id": "one", "integration": "turner"})
        turner = kit.hub.plugins.integrations["turner"]
        assert isinstance(turner, Turner)
        turner.gate.clear()
        await kit.hub.control.ask("one", "ptz_move", LEFT)
    assert turner.done == ["move"]


async def test_a_refusal_from_before_a_reload_does_not_count_for_the_new_login(
    kit: HubKit, turner: Turner
) -> None:
    turner.gate.clear()
    asked = asyncio.create_task(kit.hub.control.ask("one", "snapshot"))
    await until(lambda: "snapshot" in turner.done)
    await kit.hub.entries.reload("one")
    await kit.reaches("one", EntryState.LOADED)
    turner.gate.set()
    with pytest.raises(InvalidAuth):
        await asked
    assert kit.hub.entries.status("one").state is EntryState.LOADED
