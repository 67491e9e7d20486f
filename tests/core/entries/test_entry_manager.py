from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import voluptuous as vol

from ucv import DeviceInfo, Integration, Stream
from ucv.bus import EventBus
from ucv.cameras.camera import Camera
from ucv.cameras.registry import CameraRegistry
from ucv.config import fields
from ucv.config.drafts import draft_from_mapping
from ucv.entries.devices import Devices
from ucv.entries.entry import EntryChanged, EntryConfig, EntryState
from ucv.entries.manager import EntryManager
from ucv.errors import (
    AlreadyConfiguredError,
    CannotConnect,
    InvalidAuth,
    NotFoundError,
    ReadOnlyError,
    ValidationError,
)
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.trace import Trace
from ucv.streams.manager import StreamManager
from ucv.streams.providers import ProviderRegistry, StreamProvider
from ucv.streams.state import StreamState
from ucv.testing.clock import FakeClock, until
from ucv.testing.streams import FakeCamera

FRONT = {
    "id": "front",
    "name": "Front door",
    "integration": "toy",
    "host": "127.0.0.1",
    "username": "viewer",
    "password": "hunter2secret",
}


class Toy(Integration):
    """An integration whose devices do what a test tells them."""

    domain = "toy"
    name = "Toy"
    schema = {**fields.HOST, **fields.CREDENTIALS, vol.Optional("lens"): str}

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.set_up: list[str] = []
        self.unloaded: list[str] = []
        self.passwords: list[str | None] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.may_unload = asyncio.Event()
        self.may_unload.set()
        self.running = 0
        self.most_at_once = 0
        self.fail_unload = False

    async def setup(self, device: Device) -> None:
        self.set_up.append(device.entry_id)
        self.passwords.append(device.credentials.password if device.credentials else None)

    async def probe(self, device: Device) -> DeviceInfo:
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        if self.failures:
            raise self.failures.pop(0)
        return DeviceInfo(unique_id=f"serial-{device.entry_id}", manufacturer="Toys")

    async def streams(self, device: Device) -> list[Stream]:
        return [Stream("main", "fake://127.0.0.1/main"), Stream("sub", "fake://127.0.0.1/sub")]

    async def unload(self, device: Device) -> None:
        self.unloaded.append(device.entry_id)
        await self.may_unload.wait()
        if self.fail_unload:
            raise RuntimeError("will not let go")


class Rows:
    """Entries or cameras in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}

    async def list(self) -> list[Any]:
        return list(self.rows.values())

    async def save(self, *rows: EntryConfig | Camera) -> None:
        self.rows |= {row.id: row for row in rows}

    async def delete(self, row_id: str) -> None:
        self.rows.pop(row_id, None)


class Secrets:
    """Secrets in memory."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}

    async def get(self, owner: str, name: str) -> str | None:
        return self.values.get((owner, name))

    async def all_values(self) -> dict[tuple[str, str], str]:
        return dict(self.values)

    async def set(self, owner: str, name: str, value: str) -> None:
        self.values[owner, name] = value

    async def set_all(self, values: Mapping[tuple[str, str], str]) -> None:
        self.values |= values

    async def delete(self, owner: str, name: str) -> None:
        self.values.pop((owner, name), None)

    async def delete_owner(self, owner: str) -> None:
        self.values = {key: value for key, value in self.values.items() if key[0] != owner}


class World:
    """An entry manager with everything around it in memory."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.clock = FakeClock()
        self.toy = Toy()
        self.integrations: dict[str, Integration] = {"toy": self.toy}
        self.entry_rows, self.camera_rows, self.secrets = Rows(), Rows(), Secrets()
        self.device = FakeCamera(self.clock)
        self.history: list[tuple[str, EntryState]] = []
        self.bus.subscribe(
            EntryChanged, lambda event: self.history.append((event.entry.id, event.status.state))
        )
        self.new_managers()

    def new_managers(self) -> None:
        providers = ProviderRegistry()
        providers.add(StreamProvider("fake", frozenset({"fake"}), self.device.open, 1))
        self.streams = StreamManager(
            bus=self.bus, clock=self.clock, providers=providers, random=random.Random(1)
        )
        self.cameras = CameraRegistry(self.camera_rows, self.bus)
        self.faults: list[str] = []
        self.calls = Calls(
            trace=Trace(self.clock),
            owner_of=lambda domain: domain,
            on_fault=lambda _plugin, what, _error: self.faults.append(what),
        )
        self.devices = Devices(
            clock=self.clock,
            secrets=self.secrets,
            make_http=None,
            on_fault=self.calls.fault,
        )
        self.entries = EntryManager(
            bus=self.bus,
            clock=self.clock,
            store=self.entry_rows,
            secrets=self.secrets,
            integrations=self.integrations,
            calls=self.calls,
            devices=self.devices,
            cameras=self.cameras,
            streams=self.streams,
            jitter=random.Random(1),
        )

    async def start(self, *yaml: dict[str, Any]) -> None:
        drafts = [draft_from_mapping(mapping, self.integrations) for mapping in yaml]
        await self.cameras.load()
        await self.entries.start(drafts)
        await self.clock.settle()

    async def stop(self) -> None:
        await self.entries.stop()
        await self.streams.stop()

    async def restart(self, *yaml: dict[str, Any]) -> None:
        await self.stop()
        self.new_managers()
        await self.start(*yaml)

    def state(self, entry_id: str = "front") -> EntryState:
        return self.entries.status(entry_id).state


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.stop()


async def test_an_entry_is_set_up_and_its_camera_appears(world: World) -> None:
    await world.start(FRONT)
    assert world.state() is EntryState.LOADED
    camera = world.cameras.get("front")
    assert (camera.name, camera.manufacturer) == ("Front door", "Toys")
    assert [profile.name for profile in camera.profiles] == ["main", "sub"]
    assert world.toy.passwords == ["hunter2secret"]
    assert world.history == [
        ("front", EntryState.NOT_LOADED),
        ("front", EntryState.SETUP_IN_PROGRESS),
        ("front", EntryState.LOADED),
    ]


async def test_a_secret_is_not_in_what_is_stored_of_the_entry(world: World) -> None:
    await world.start(FRONT)
    assert "hunter2secret" not in repr(world.entry_rows.rows) + repr(world.camera_rows.rows)


async def test_a_device_that_cannot_be_reached_is_tried_again_with_growing_delays(
    world: World,
) -> None:
    world.toy.failures = [CannotConnect(), CannotConnect()]
    await world.start(FRONT)
    status = world.entries.status("front")
    assert status.state is EntryState.SETUP_RETRY
    assert status.reason is not None
    assert status.reason.code == "CONN_REFUSED"
    assert status.next_try > world.clock.time()
    await world.clock.advance(5)
    assert world.state() is EntryState.SETUP_RETRY
    await world.clock.advance(10)
    assert world.state() is EntryState.LOADED
    # What a failed attempt had opened was let go of before the next.
    assert world.toy.unloaded == ["front", "front"]


async def test_refused_credentials_stop_all_tries_until_reload(world: World) -> None:
    world.toy.failures = [InvalidAuth()]
    await world.start(FRONT)
    assert world.state() is EntryState.AUTH_FAILED
    await world.clock.advance(3600)
    assert world.toy.set_up == ["front"]
    await world.entries.reload("front")
    await world.clock.settle()
    assert world.state() is EntryState.LOADED


async def test_a_defect_in_an_integration_stops_that_entry_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.toy.failures = [ZeroDivisionError("defect")]
    await world.start(FRONT, {**FRONT, "id": "back", "name": "Back", "host": "127.0.0.2"})
    assert {world.state("front"), world.state("back")} == {
        EntryState.SETUP_ERROR,
        EntryState.LOADED,
    }
    assert "ZeroDivisionError" in caplog.text


async def test_a_device_that_never_answers_does_not_hold_up_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv.entries.supervisor.SETUP_LIMIT", 0.01)
    world.toy.gate.clear()
    await world.start(FRONT)
    assert world.state() is EntryState.SETUP_IN_PROGRESS
    await asyncio.sleep(0.03)
    await world.clock.settle()
    status = world.entries.status("front")
    assert status.state is EntryState.SETUP_RETRY
    assert status.reason is not None
    assert status.reason.code == "CONN_TIMEOUT"


async def test_one_device_is_set_up_by_one_entry_at_a_time(world: World) -> None:
    world.toy.gate.clear()
    await world.start(
        *({**FRONT, "id": f"channel-{n}", "name": f"Channel {n}"} for n in range(4)),
        {**FRONT, "id": "other", "name": "Other", "host": "127.0.0.9"},
    )
    assert world.toy.running == 2
    world.toy.gate.set()
    await until(
        lambda: all(view.status.state is EntryState.LOADED for view in world.entries.list())
    )
    assert world.toy.most_at_once == 2


async def test_refused_credentials_of_a_stream_fail_the_entry(world: World) -> None:
    world.device.error = InvalidAuth()
    await world.start({**FRONT, "preload": True})
    await world.clock.advance(1)
    assert world.state() is EntryState.AUTH_FAILED
    assert world.streams.status("front").state is StreamState.AUTH_FAILED
    attempts = len(world.device.attempts)
    assert attempts <= 2
    await world.clock.advance(3600)
    assert len(world.device.attempts) == attempts


async def test_entries_and_cameras_survive_a_restart(world: World) -> None:
    await world.start()
    await world.entries.create({k: v for k, v in FRONT.items() if k != "id"})
    await world.clock.settle()
    await world.restart()
    assert world.state("front-door") is EntryState.LOADED
    assert world.toy.passwords == ["hunter2secret"] * 2


async def test_what_yaml_no_longer_names_is_gone_with_its_secrets(world: World) -> None:
    await world.start(FRONT)
    await world.restart()
    assert world.entries.list() == []
    assert world.cameras.list() == []
    assert world.secrets.values == {}


async def test_yaml_is_read_only_for_everyone_else(world: World) -> None:
    await world.start(FRONT)
    with pytest.raises(ReadOnlyError):
        await world.entries.delete("front")
    with pytest.raises(ReadOnlyError):
        await world.entries.update("front", FRONT)


async def test_only_what_changed_in_yaml_is_set_up_again(world: World) -> None:
    back = {**FRONT, "id": "back", "name": "Back"}
    await world.start(FRONT, back)
    world.toy.set_up.clear()
    changed = {**FRONT, "password": "another-one"}
    await world.entries.apply_yaml(
        [draft_from_mapping(mapping, world.integrations) for mapping in (changed, back)]
    )
    await world.clock.settle()
    assert world.toy.set_up == ["front"]
    assert world.toy.passwords[-1] == "another-one"


async def test_ids_made_from_names_do_not_collide_but_chosen_ones_do(world: World) -> None:
    await world.start()
    mapping = {k: v for k, v in FRONT.items() if k != "id"}
    created = [(await world.entries.create(mapping)).id for _ in range(3)]
    assert created == ["front-door", "front-door-2", "front-door-3"]
    with pytest.raises(AlreadyConfiguredError):
        await world.entries.create({**mapping, "id": "front-door"})


async def test_an_update_keeps_secrets_it_does_not_name(world: World) -> None:
    await world.start()
    entry = await world.entries.create(FRONT)
    changed = {k: v for k, v in FRONT.items() if k != "password"} | {"name": "Porch"}
    updated = await world.entries.update(entry.id, changed)
    await world.clock.settle()
    assert (updated.id, updated.name) == ("front", "Porch")
    assert world.toy.passwords[-1] == "hunter2secret"
    await world.entries.update(entry.id, {**changed, "password": None})
    await world.clock.settle()
    assert world.secrets.values == {}


async def test_faults_in_a_mapping_are_named_and_nothing_is_stored(world: World) -> None:
    await world.start()
    with pytest.raises(ValidationError) as raised:
        await world.entries.create({**FRONT, "hsot": "127.0.0.1"})
    assert raised.value.details["errors"][0]["suggestion"] == "host"
    assert world.entry_rows.rows == {}
    assert world.secrets.values == {}


async def test_deleting_forgets_camera_secrets_and_streams(world: World) -> None:
    await world.start()
    await world.entries.create({**FRONT, "preload": True})
    await world.clock.advance(1)
    assert world.device.connections == 1
    await world.entries.delete("front")
    assert world.device.connections == 0
    assert world.secrets.values == {}
    assert world.cameras.list() == []
    with pytest.raises(NotFoundError):
        world.entries.get("front")


async def test_a_disabled_entry_is_not_set_up(world: World) -> None:
    await world.start({**FRONT, "disabled": True})
    assert world.state() is EntryState.DISABLED
    assert world.toy.set_up == []


async def test_an_entry_without_its_integration_says_so_and_is_kept(world: World) -> None:
    await world.start()
    await world.entries.create(FRONT)
    world.integrations.clear()
    await world.restart()
    status = world.entries.status("front")
    assert status.state is EntryState.SETUP_ERROR
    assert status.reason is not None
    assert "toy" in status.reason.message
    assert world.secrets.values == {("front", "password"): "hunter2secret"}


async def test_an_integration_that_does_not_let_go_is_reported(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.start(FRONT)
    world.toy.fail_unload = True
    await world.stop()
    assert world.history[-1] == ("front", EntryState.UNLOAD_FAILED)
    assert "will not let go" in caplog.text


async def test_one_that_answers_does_not_wait_for_many_that_do_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv.entries.devices.CONCURRENT_SETUPS", 2)
    world.new_managers()
    world.toy.gate.clear()
    names = ("camera-1", "camera-2", "camera-3")
    hosts = {name: f"127.0.0.{number}" for number, name in enumerate(names, 1)}
    await world.start(*({**FRONT, "id": name, "host": host} for name, host in hosts.items()))
    assert world.toy.running == 2
    await world.clock.advance(2)
    assert world.toy.running == 3
    world.toy.gate.set()
    await until(lambda: all(world.state(name) is EntryState.LOADED for name in names))
    # Those that were let go of early are not let go of twice.
    world.toy.gate.clear()
    for name in names:
        await world.entries.reload(name)
    await world.clock.settle()
    assert world.toy.running == 2
    world.toy.gate.set()


async def test_devices_that_do_not_let_go_are_waited_for_together(world: World) -> None:
    names = ("one", "two", "three")
    await world.start(
        *({**FRONT, "id": name, "host": f"127.0.0.{n}"} for n, name in enumerate(names))
    )
    assert {world.state(name) for name in names} == {EntryState.LOADED}
    world.toy.may_unload.clear()
    changed = [draft_from_mapping({**FRONT, "id": "one", "name": "Other"}, world.integrations)]
    applying = asyncio.create_task(world.entries.apply_yaml(changed))
    await until(lambda: set(world.toy.unloaded) == {"two", "three"})
    world.toy.may_unload.set()
    assert sorted(await applying) == ["one", "three", "two"]
    assert [view.config.name for view in world.entries.list()] == ["Other"]
