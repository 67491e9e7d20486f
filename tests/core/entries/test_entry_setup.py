"""What integrations and devices do at set-up, on trial and over time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar

import pytest
import pytest_asyncio
import voluptuous as vol

from ucv import CameraEvent, DeviceInfo, Doorbell, Integration, Motion, Stream, fields
from ucv.cameras.camera_event import CameraReported
from ucv.entries.devices import CONCURRENT_SETUPS
from ucv.entries.entry import EntryState
from ucv.errors import CannotConnect, InvalidAuth, MigrationFailed, RateLimited
from ucv.plugins.device import Device
from ucv.testing import FakeClock, running_hub, until
from ucv.testing.hub import HubKit


class Odd(Integration):
    """Does what a test says."""

    domain = "odd"
    name = "Odd"
    schema = {**fields.HOST, **fields.CREDENTIALS}
    on_setup: ClassVar[Callable[[Device], object]]
    on_probe: ClassVar[Exception | None]
    on_unload: ClassVar[Exception | None]
    reports: ClassVar[list[Any]]
    listened: ClassVar[int]
    hosts: ClassVar[list[str]]

    async def setup(self, device: Device) -> None:
        type(self).on_setup(device)
        self.hosts.append(device.host)

    async def probe(self, device: Device) -> DeviceInfo:
        await asyncio.sleep(0.01)
        if self.on_probe is not None:
            raise self.on_probe
        return DeviceInfo(unique_id="odd-1")

    async def streams(self, device: Device) -> list[Stream]:
        return []

    async def unload(self, device: Device) -> None:
        if self.on_unload is not None:
            raise self.on_unload

    async def events(self, device: Device) -> AsyncIterator[CameraEvent]:
        type(self).listened += 1
        for report in self.reports.pop(0) if self.reports else [Ellipsis]:
            if isinstance(report, Exception):
                raise report
            if report is Ellipsis:
                await asyncio.Event().wait()
            else:
                yield report


ENTRY = {"id": "one", "name": "One", "integration": "odd", "host": "127.0.0.1"}


@pytest.fixture(autouse=True)
def as_usual() -> None:
    Odd.on_setup = lambda _device: None
    Odd.on_probe = Odd.on_unload = None
    Odd.reports, Odd.hosts, Odd.listened = [], [], 0


@pytest_asyncio.fixture
async def kit(clock: FakeClock) -> AsyncIterator[HubKit]:
    async with running_hub(Odd, clock=clock) as kit:
        yield kit


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def refused() -> None:
    raise InvalidAuth


# --- refused credentials --------------------------------------------------------------------------


async def test_credentials_refused_in_the_background_during_set_up_are_not_forgotten(
    kit: HubKit,
) -> None:
    Odd.on_setup = lambda device: device.tasks.create(refused())
    entry = await kit.add(ENTRY)
    await asyncio.sleep(0.1)
    entry = kit.hub.entries.get("one")
    assert entry.status.state is EntryState.AUTH_FAILED
    assert kit.hub.faults.of("Odd") == []


async def test_credentials_refused_in_the_background_of_a_trial_are_nobody_s_fault(
    kit: HubKit,
) -> None:
    Odd.on_setup = lambda device: device.tasks.create(refused())
    async with kit.hub.entries.trial(ENTRY):
        pass
    assert kit.hub.faults.of(kit.hub.plugins.owner_of("odd")) == []


async def test_a_trial_says_what_the_device_said_although_unloading_fails(kit: HubKit) -> None:
    Odd.on_probe, Odd.on_unload = InvalidAuth(), ZeroDivisionError()
    with pytest.raises(InvalidAuth):
        async with kit.hub.entries.trial(ENTRY):
            pass
    (fault,) = kit.hub.faults.of(kit.hub.plugins.owner_of("odd"))
    assert "unload" in fault.what


async def test_a_device_that_answered_on_trial_is_good_although_unloading_fails(
    kit: HubKit,
) -> None:
    Odd.on_unload = ZeroDivisionError()
    async with kit.hub.entries.trial(ENTRY) as (_, info):
        assert info.unique_id == "odd-1"


async def test_a_person_does_not_wait_for_all_the_cameras_that_do_not_answer(
    kit: HubKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Odd, "probe", hanging)
    for number in range(CONCURRENT_SETUPS + 3):
        await kit.hub.entries.create({**ENTRY, "id": f"e{number}", "host": f"127.0.2.{number + 1}"})
    await until(lambda: len(Odd.hosts) == CONCURRENT_SETUPS)
    monkeypatch.undo()
    async with asyncio.timeout(2), kit.hub.entries.trial(ENTRY) as (_, info):
        assert info.unique_id == "odd-1"


async def hanging(_integration: Odd, _device: Device) -> DeviceInfo:
    await asyncio.Event().wait()
    return DeviceInfo()


# --- another address ------------------------------------------------------------------------------


async def test_a_camera_in_yaml_is_followed_to_its_new_address_until_the_yaml_changes() -> None:
    yaml = "cameras:\n  - {id: one, name: One, integration: odd, host: 127.0.0.1}\n"
    async with running_hub(Odd, yaml=yaml) as kit:
        await kit.reaches("one", EntryState.LOADED)
        await kit.hub.entries.relocate("one", {"host": "127.0.0.2"})
        await kit.reaches("one", EntryState.LOADED)
        config = kit.hub.entries.get("one").config
        assert (config.data["host"], config.facts["host"]) == ("127.0.0.1", "127.0.0.2")
        assert "ucv.yaml: host: 127.0.0.2" in kit.log_text
        await kit.hub.configuration_runtime.reload()
        assert Odd.hosts == ["127.0.0.1", "127.0.0.2"]

        kit.hub.directory.yaml.write_text(yaml.replace("127.0.0.1", "127.0.0.3"))
        await kit.hub.configuration_runtime.reload()
        await kit.reaches("one", EntryState.LOADED)
        assert Odd.hosts == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        assert "host" not in kit.hub.entries.get("one").config.facts


async def test_a_device_found_elsewhere_while_it_is_set_up_is_set_up_there(kit: HubKit) -> None:
    Odd.on_probe = CannotConnect()
    await kit.hub.entries.create(ENTRY)
    await until(lambda: Odd.hosts)
    Odd.on_probe = None
    await kit.hub.entries.relocate("one", {"host": "127.0.0.2"})
    await kit.reaches("one", EntryState.LOADED)
    assert Odd.hosts == ["127.0.0.1", "127.0.0.2"]


# --- events ---------------------------------------------------------------------------------------


async def test_events_are_taken_up_again_when_they_end_fail_or_are_nonsense(
    kit: HubKit, clock: FakeClock
) -> None:
    heard: list[CameraReported] = []
    kit.hub.bus.subscribe(CameraReported, heard.append)
    Odd.reports = [
        [Motion(active=True), CannotConnect()],
        [Doorbell()],
        ["no event"],
        [Motion(active=False), ...],
    ]
    await kit.add(ENTRY)
    for _ in range(20):
        await clock.advance(10)
        await asyncio.sleep(0.01)
    kinds = [(reported.event.kind, reported.event.active) for reported in heard]
    assert kinds == [("motion", True), ("doorbell", None), ("motion", False)]
    assert Odd.listened == 4
    (fault,) = kit.hub.faults.of(kit.hub.plugins.owner_of("odd"))
    assert "must yield ucv.CameraEvent" in fault.reason


async def test_events_that_are_refused_stop_everything_until_reload(
    kit: HubKit, clock: FakeClock
) -> None:
    Odd.reports = [[InvalidAuth()]]
    await kit.add(ENTRY)
    await kit.reaches("one", EntryState.AUTH_FAILED)
    await clock.advance(3600)
    assert Odd.listened == 1
    await kit.hub.entries.reload("one")
    await kit.reaches("one", EntryState.LOADED)
    await until(lambda: Odd.listened == 2)


async def test_a_camera_that_asks_for_a_pause_is_not_listened_to_before(
    kit: HubKit, clock: FakeClock
) -> None:
    Odd.reports = [[RateLimited(retry_after=200.0)]]
    await kit.add(ENTRY)
    await until(lambda: Odd.listened == 1)
    await clock.settle()
    await clock.advance(199)
    assert Odd.listened == 1
    await clock.advance(1)
    assert Odd.listened == 2


async def test_a_task_that_is_cancelled_before_it_began_leaves_nothing(kit: HubKit) -> None:
    began: list[bool] = []

    async def work() -> None:
        began.append(True)

    await kit.add(ENTRY)
    _, device = kit.hub.entries.loaded("one")
    coroutine = work()
    device.tasks.create(coroutine).cancel()
    await until(lambda: not len(device.tasks))
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    assert began == []


async def test_nobody_listens_to_an_entry_that_is_gone(kit: HubKit) -> None:
    await kit.add(ENTRY)
    await until(lambda: Odd.listened == 1)
    await kit.hub.entries.delete("one")
    assert not [t for t in asyncio.all_tasks() if t.get_name().startswith("events of")]


# --- older versions -------------------------------------------------------------------------------


class Older(Integration):
    """The first version."""

    domain = "aged"
    name = "Aged"
    schema = {**fields.HOST, vol.Optional("token"): str}

    async def probe(self, device: Device) -> DeviceInfo:
        return DeviceInfo()

    async def streams(self, device: Device) -> list[Stream]:
        return []


class Newer(Older):
    """The second: what was ``host`` is ``address``, and there is a lens."""

    entry_version = 2
    schema = {
        vol.Required("address"): fields.Host(),
        vol.Optional("lens", default="wide"): str,
        vol.Optional("token"): fields.Secret(),
    }
    broken: ClassVar[bool] = False
    seen: ClassVar[list[Mapping[str, Any]]] = []

    async def setup(self, device: Device) -> None:
        self.seen.append({**device.config, "token": device.secret("token")})

    async def migrate(self, version: int, data: dict[str, Any]) -> dict[str, Any]:
        address = data.pop("host")
        if self.broken:
            raise MigrationFailed("It is too old.")
        return {**data, "address": address}


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    Newer.broken, Newer.seen = False, []


async def upgraded(kit: HubKit) -> None:
    """Put the newer version in the older one's place."""
    plugins: Any = kit.hub.plugins
    await kit.hub.entries.suspend(["aged"])
    plugins._integrations["aged"] = Newer()
    await kit.hub.entries.resume(["aged"])


@pytest.mark.usefixtures("older")
async def test_an_entry_of_the_previous_version_is_migrated_with_defaults_and_secrets() -> None:
    async with running_hub(Older) as kit:
        entry = {"id": "one", "name": "One", "integration": "aged", "host": "127.0.0.1"}
        await kit.add({**entry, "token": "plain-token"})
        await upgraded(kit)
        await kit.reaches("one", EntryState.LOADED)
        config = kit.hub.entries.get("one").config
        assert config.version == 2
        assert config.data == {"address": "127.0.0.1", "lens": "wide"}
        assert config.secrets == {"token"}
        (seen,) = Newer.seen
        assert seen == {"address": "127.0.0.1", "lens": "wide", "token": "plain-token"}
        (stored,) = await kit.hub.entries._store.list()
        assert stored == config
        assert kit.hub.redactor.redact("plain-token") == "**redacted**"


@pytest.mark.usefixtures("older")
async def test_a_failed_migration_leaves_what_is_stored_and_is_tried_again() -> None:
    async with running_hub(Older) as kit:
        entry = {"id": "one", "name": "One", "integration": "aged", "host": "127.0.0.1"}
        await kit.add(entry)
        before = await kit.hub.entries._store.list()
        Newer.broken = True
        await upgraded(kit)
        view = await kit.reaches("one", EntryState.MIGRATION_ERROR)
        assert view.status.reason is not None
        assert view.status.reason.message == "It is too old."
        assert await kit.hub.entries._store.list() == before == [view.config]
        Newer.broken = False
        await kit.hub.entries.reload("one")
        await kit.reaches("one", EntryState.LOADED)
