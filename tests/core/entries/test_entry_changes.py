"""Changes to entries that meet: each is done wholly or not at all, and no entry is left stuck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ucv import DeviceInfo, Integration, Stream, fields
from ucv.entries.entry import EntryState
from ucv.errors import CannotConnect, NotFoundError, StorageError
from ucv.plugins.device import Device
from ucv.plugins.values import Snapshot
from ucv.testing import FakeClock, running_hub, until
from ucv.testing.hub import HubKit

ONE = {"id": "one", "name": "One", "integration": "slow", "host": "127.0.0.1"}


class Slow(Integration):
    """Lets go of its devices when a test says so."""

    domain = "slow"
    name = "Slow"
    schema = {**fields.HOST, **fields.CREDENTIALS}

    def __init__(self) -> None:
        self.may_unload = asyncio.Event()
        self.may_unload.set()
        self.may_remember = asyncio.Event()
        self.unloading = 0
        self.unloaded = 0
        self.set_up = 0
        self.failures: list[Exception] = []
        self.seen: list[Any] = []

    async def setup(self, device: Device) -> None:
        self.set_up += 1
        self.seen.append(device.config.get("path"))

    async def probe(self, device: Device) -> DeviceInfo:
        await device.remember(path="/found")
        if self.failures:
            raise self.failures.pop(0)
        return DeviceInfo()

    async def streams(self, device: Device) -> list[Stream]:
        return []

    async def snapshot(self, device: Device) -> Snapshot:
        await self.may_remember.wait()
        await device.remember(path="/late")
        return Snapshot(b"")

    async def unload(self, device: Device) -> None:
        self.unloading += 1
        await self.may_unload.wait()
        self.unloaded += 1


@pytest_asyncio.fixture
async def kit() -> AsyncIterator[HubKit]:
    async with running_hub(Slow, clock=FakeClock()) as kit:
        entry = await kit.add(ONE)
        assert entry.status.state is EntryState.LOADED
        yield kit


@pytest.fixture
def slow(kit: HubKit) -> Slow:
    integration = kit.hub.plugins.integrations["slow"]
    assert isinstance(integration, Slow)
    return integration


async def changed(kit: HubKit, change: str) -> None:
    entries = kit.hub.entries
    match change:
        case "reload":
            await entries.reload("one")
        case "update":
            await entries.update("one", {**ONE, "host": "127.0.0.2", "password": "new"})
        case "relocate":
            await entries.relocate("one", {"host": "127.0.0.2"})
        case "delete":
            await entries.delete("one")


@pytest.mark.parametrize("change", ["reload", "update", "relocate"])
async def test_what_waits_for_a_delete_does_not_bring_the_entry_back(
    kit: HubKit, slow: Slow, change: str
) -> None:
    entries = kit.hub.entries
    slow.may_unload.clear()
    deleting = asyncio.create_task(entries.delete("one"))
    await until(lambda: slow.unloading == 1)
    changing = asyncio.create_task(changed(kit, change))
    await asyncio.sleep(0)
    slow.may_unload.set()
    await deleting
    with pytest.raises(NotFoundError):
        await changing
    await asyncio.sleep(0.05)
    assert slow.set_up == 1
    assert kit.hub.cameras.list() == []
    assert await kit.hub.secrets.all_values() == {}


@pytest.mark.parametrize("change", ["reload", "update", "relocate"])
async def test_a_change_is_brought_to_its_end_although_whoever_wanted_it_is_gone(
    kit: HubKit, slow: Slow, change: str
) -> None:
    entries = kit.hub.entries
    slow.may_unload.clear()
    changing = asyncio.create_task(changed(kit, change))
    await until(lambda: slow.unloading == 1)
    changing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await changing
    slow.may_unload.set()
    await kit.reaches("one", EntryState.LOADED)
    assert slow.unloaded == 1
    if change != "reload":
        assert entries.get("one").config.data["host"] == "127.0.0.2"


@pytest.mark.parametrize("change", ["update", "relocate", "delete"])
async def test_an_entry_that_cannot_be_stored_goes_on_as_it_was(
    kit: HubKit, slow: Slow, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_args: Any, **_keywords: Any) -> None:
        raise StorageError("The disk is full.")

    entries = kit.hub.entries
    monkeypatch.setattr("ucv.storage.entries.EntryRepository.save", full)
    monkeypatch.setattr("ucv.storage.entries.EntryRepository.delete", full)
    with pytest.raises(StorageError):
        await changed(kit, change)
    monkeypatch.undo()
    await kit.reaches("one", EntryState.LOADED)
    assert entries.get("one").config.data["host"] == "127.0.0.1"
    assert kit.hub.cameras.get("one").entry_id == "one"


async def test_a_stopping_hub_ends_what_is_being_reloaded() -> None:
    async with running_hub(Slow) as kit:
        await kit.add(ONE)
        slow = kit.hub.plugins.integrations["slow"]
        assert isinstance(slow, Slow)
        slow.may_unload.clear()
        reloading = asyncio.create_task(kit.hub.entries.reload("one"))
        await until(lambda: slow.unloading == 1)
        asyncio.get_running_loop().call_later(0.05, slow.may_unload.set)
    await reloading
    # Nothing was set up any more, and what was there is let go of.
    assert (slow.set_up, slow.unloaded) == (1, 1)


async def test_a_stopping_hub_lets_go_of_what_a_changed_yaml_was_reloading() -> None:
    yaml = "cameras:\n  - {id: one, integration: slow, host: 127.0.0.1, name: One}\n"
    async with running_hub(Slow, yaml=yaml) as kit:
        await kit.rest("one")
        slow = kit.hub.plugins.integrations["slow"]
        assert isinstance(slow, Slow)
        slow.may_unload.clear()
        kit.hub.directory.yaml.write_text(yaml.replace("127.0.0.1", "127.0.0.2"))
        await until(lambda: slow.unloading == 1)
        asyncio.get_running_loop().call_later(0.05, slow.may_unload.set)
    assert (slow.set_up, slow.unloaded) == (1, 1)


async def test_nothing_is_set_up_after_the_hub_has_stopped() -> None:
    async with running_hub(Slow) as kit:
        await kit.add(ONE)
        slow = kit.hub.plugins.integrations["slow"]
        assert isinstance(slow, Slow)
        await kit.hub.entries.stop()
        await kit.hub.entries.reload("one")
        await asyncio.sleep(0.05)
        assert slow.set_up == 1


async def test_what_is_remembered_during_an_update_does_not_undo_it(
    kit: HubKit, slow: Slow
) -> None:
    asked = asyncio.create_task(kit.hub.control.ask("one", "snapshot"))
    await asyncio.sleep(0)
    slow.may_unload.clear()
    updating = asyncio.create_task(kit.hub.entries.update("one", {**ONE, "host": "127.0.0.2"}))
    await until(lambda: slow.unloading == 1)
    # Both are stored at about the same time.
    slow.may_unload.set()
    slow.may_remember.set()
    await updating
    await asyncio.gather(asked, return_exceptions=True)
    await kit.reaches("one", EntryState.LOADED)
    config = kit.hub.entries.get("one").config
    assert config.data["host"] == "127.0.0.2"
    assert config.facts == {"path": "/found"}
    stored = {entry.id: entry for entry in await kit.hub.entries._store.list()}
    assert stored["one"] == config


async def test_what_was_remembered_is_known_in_the_next_try(kit: HubKit, slow: Slow) -> None:
    slow.failures = [CannotConnect()]
    slow.seen.clear()
    await kit.add({**ONE, "id": "two", "name": "Two"})
    clock = kit.hub.clock
    assert isinstance(clock, FakeClock)
    await clock.advance(10)
    await kit.reaches("two", EntryState.LOADED)
    assert slow.seen == [None, "/found"]


async def test_an_unloaded_device_remembers_nothing(kit: HubKit, slow: Slow) -> None:
    _, device = kit.hub.entries.loaded("one")
    await kit.hub.entries.update("one", {**ONE, "host": "127.0.0.2"})
    await kit.reaches("one", EntryState.LOADED)
    await device.remember(path="/of-another-host")
    assert kit.hub.entries.get("one").config.facts == {"path": "/found"}
