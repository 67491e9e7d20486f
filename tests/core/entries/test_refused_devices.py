"""A device that refuses its credentials is left alone by everybody, whoever was refused first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from ucv import DeviceInfo, Integration, InvalidAuth, Snapshot, fields
from ucv.entries.entry import EntryState
from ucv.streams.state import Reason
from ucv.testing import FakeClock, VirtualDevice, running_hub, until
from ucv.testing.hub import HubKit


class Poller(Integration):
    """Asks its device again and again in the background."""

    domain = "poller"
    name = "Poller"
    schema = {**fields.HOST, **fields.CREDENTIALS}

    async def setup(self, device: Any) -> None:
        async def poll() -> None:
            while True:
                await device.clock.sleep(5)
                await device.http.get_json("/state")

        device.tasks.create(poll())

    async def probe(self, device: Any) -> DeviceInfo:
        return DeviceInfo(unique_id=(await device.http.get_json("/state"))["serial"])

    async def streams(self, device: Any) -> list[Any]:
        return []

    async def snapshot(self, device: Any) -> Snapshot:
        return Snapshot(await device.http.get_bytes("/state"))


@pytest.fixture
def device() -> VirtualDevice:
    device = VirtualDevice("admin", "right")
    device.route("/state", {"serial": "P-1"})
    return device


@pytest_asyncio.fixture
async def kit(device: VirtualDevice, clock: FakeClock) -> AsyncIterator[HubKit]:
    async with device, running_hub(Poller, clock=clock) as kit:
        mapping: dict[str, Any] = {"id": "one", "integration": "poller", "host": device.host}
        mapping |= {"http_port": device.port, "username": "admin", "password": "right"}
        entry = await kit.add(mapping)
        assert entry.status.state is EntryState.LOADED
        yield kit


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def elapse(clock: FakeClock, condition: Callable[[], object] = lambda: False) -> None:
    """Let a minute pass, with time for real sockets in between."""
    for _ in range(12):
        if condition():
            return
        await clock.advance(5)
        await asyncio.sleep(0.02)


async def test_refused_in_the_background_it_waits_for_a_person(
    kit: HubKit, device: VirtualDevice, clock: FakeClock
) -> None:
    device.password = "changed"
    await elapse(clock, lambda: kit.hub.entries.status("one").state is EntryState.AUTH_FAILED)
    assert kit.hub.entries.status("one").state is EntryState.AUTH_FAILED
    assert [flow.source for flow in kit.hub.flows.list()] == ["reauth"]
    assert kit.hub.faults.of(kit.hub.plugins.owner_of("poller")) == []
    assert device.counters.refused == 2


async def test_refused_elsewhere_it_is_not_asked_in_the_background_either(
    kit: HubKit, device: VirtualDevice, clock: FakeClock
) -> None:
    device.password = "changed"
    _, handle = kit.hub.entries.loaded("one")
    kit.hub.entries.refused("one", Reason("AUTH_FAILED", "The stream was refused."), handle)
    total = device.counters.total
    await elapse(clock)
    with pytest.raises(InvalidAuth):
        await kit.hub.control.ask("one", "snapshot")
    assert device.counters.total == total
    assert kit.hub.entries.status("one").state is EntryState.AUTH_FAILED

    device.password = "right"
    await kit.hub.entries.reload("one")
    await until(lambda: kit.hub.entries.status("one").state is EntryState.LOADED)
    await elapse(clock, lambda: device.counters.total > total + 2)
    assert device.counters.total > total + 2
