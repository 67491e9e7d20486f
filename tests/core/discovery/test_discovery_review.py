"""What discovery must bear: floods, two addresses, second tries, changes at the same moment."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any, cast

import pytest

from ucv.bus import EventBus
from ucv.discovery.device_book import SAVE_INTERVAL, DeviceBook
from ucv.discovery.merging import MAX_DEVICES, FoundDevice, Merger
from ucv.discovery.offers import Offers
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.discovery.store import DeviceStore, MemoryDeviceStore
from ucv.discovery.view import DeviceView, Problem
from ucv.entries.entry import EntryState
from ucv.errors import NotSupported, StorageError
from ucv.flows.manager import FlowManager
from ucv.flows.view import Discovered
from ucv.plugins.sightings import Sighting
from ucv.streams.state import StreamState, StreamStateChanged, StreamStatus
from ucv.testing import (
    AcmeDevice,
    DahuaDevice,
    FakeClock,
    HikvisionDevice,
    HubKit,
    OnvifDevice,
    running_hub,
    until,
)

ACME = Path(__file__).parents[3] / "custom_integrations" / "acme.py"


def report_of(camera: AcmeDevice, host: str | None = None, port: int | None = None) -> Report:
    told = Sighting(
        0.9,
        serial=camera.serial,
        unique_id=camera.serial,
        model=camera.model,
        http_port=port or camera.http.port,
    )
    return Report("acme-udp", "acme", host or camera.http.host, None, told)


class FullDisk(MemoryDeviceStore):
    """Stores nothing until there is room again."""

    is_full, refused = True, 0

    async def save(self, records: Any, *, deleted: Any) -> None:
        """Raise `StorageError` while the disk is full."""
        if self.is_full:
            self.refused += 1
            raise StorageError("The disk is full.")
        await super().save(records, deleted=deleted)


def book_of(clock: FakeClock, store: DeviceStore | None = None) -> DeviceBook:
    """Return a list of devices that nothing is offered of."""
    rejections = Rejections(clock)
    return DeviceBook(
        clock=clock,
        bus=EventBus(),
        store=store or MemoryDeviceStore(),
        rejections=rejections,
        offers=Offers(cast("FlowManager", NoFlows())),
        integrations=dict,
    )


class NoFlows:
    """Has none."""

    def of_discovered(self, key: str) -> list[Any]:
        """Return none."""
        return []

    def list(self) -> list[Any]:
        """Return none."""
        return []


def target(host: str, key: str | None = None, **told: Any) -> Report:
    """Return what a device says by WS-Discovery."""
    return Report("ws-discovery", "onvif", host, key, Sighting(0.5, **told))


def see(merger: Merger, now: float, host: str) -> FoundDevice:
    """Return the device that is seen at an address."""
    taken = merger.take(target(host, "name", mac="44:19:b6:00:00:01"), now)
    assert taken is not None
    return taken[0]


async def offered(kit: HubKit) -> Any:
    """Return the only device, once it has a flow."""
    await until(lambda: any(one.flow_id for one in kit.hub.discovery.list()), 15)
    (device,) = kit.hub.discovery.list()
    return device


async def test_several_are_tried_again_with_the_right_password_after_a_wrong_one() -> None:
    async with AcmeDevice() as camera, running_hub(ACME) as kit:
        kit.hub.discovery.report(report_of(camera))
        device = await offered(kit)
        (first,) = await kit.hub.discovery.adopt_many(
            [device.id], username=camera.username, password="not-the-password"
        )
        assert first.problem is not None
        (second,) = await kit.hub.discovery.adopt_many(
            [device.id], username=camera.username, password=camera.password
        )
        assert second.problem is None
        assert second.entry_id is not None


async def test_a_camera_that_answers_at_the_port_it_was_given_keeps_it() -> None:
    async with AcmeDevice() as camera, running_hub(ACME) as kit:
        entry = await kit.add({"integration": "acme", **camera.config})
        await kit.reaches(entry.config.id, EntryState.LOADED)
        kit.hub.discovery.report(report_of(camera, port=1))
        await until(lambda: kit.hub.discovery.list()[0].entry_id == entry.config.id, 15)
        found = Discovered("acme", "key", "A1", "127.0.0.1", 1, unique_id=camera.serial)
        assert not await kit.hub.flows.follow(entry.config.id, found)
        assert kit.hub.entries.get(entry.config.id).config.data["http_port"] == camera.http.port


async def test_a_flood_of_devices_that_are_gone_leaves_room_for_others_later() -> None:
    clock = FakeClock()
    book = book_of(clock)
    wanted = book.take(target("192.0.2.1", serial="KEPT-1"))
    assert wanted is not None
    book.set_ignored(wanted[0], ignored=True)
    for number in range(MAX_DEVICES + 10):
        book.take(target(f"10.0.{number // 256}.{number % 256}", serial=f"FLOOD-{number}"))
    assert len(book.all()) == MAX_DEVICES
    for _ in range(2):
        await clock.advance(10)
        book.end_round(clock.time())
    taken = book.take(target("192.0.2.2", serial="NEW-1"))
    assert taken is not None
    assert taken[1]
    assert book.find(wanted[0].id) is wanted[0]
    assert len(book.all()) <= MAX_DEVICES
    await book.close()


def test_what_a_device_is_known_by_is_bounded_however_often_it_takes_another_name() -> None:
    merger = Merger(Rejections(FakeClock()))
    first = Report("sadp", "hikvision", "192.0.2.1", "m", Sighting(0.9, mac="44:19:b6:00:00:01"))
    merger.take(first, 1000.0)
    for number in range(1000):
        name = f"name-{number}"
        merger.take(target("192.0.2.1", name, endpoint=name), 1000.0 + number)
        if number % 20 == 0:
            merger.take(first, 1000.0 + number)
    for number in range(1000):
        told = Sighting(0.5, mac="44:19:b6:00:00:01", serial=f"SERIAL-{number}")
        merger.take(Report("dhip", "dahua", "192.0.2.1", None, told), 7000.0)
    (device,) = merger.devices.values()
    assert ("mac", "44:19:b6:00:00:01") in device.marks
    assert len(device.marks) <= 200
    assert len(merger._by_mark) <= 200


async def test_of_two_entries_with_one_serial_number_the_device_has_the_one_at_its_place() -> None:
    async with AcmeDevice() as one, AcmeDevice(host="127.0.0.2") as two, running_hub(ACME) as kit:
        first = await kit.add({"integration": "acme", "name": "One", **one.config})
        second = await kit.add({"integration": "acme", "name": "Two", **two.config})
        await kit.reaches(first.config.id, EntryState.LOADED)
        await kit.reaches(second.config.id, EntryState.LOADED)
        await one.stop()
        kit.hub.discovery.report(report_of(two))
        await until(lambda: kit.hub.discovery.list()[0].entry_id is not None, 15)
        assert kit.hub.discovery.list()[0].entry_id == second.config.id
        assert kit.hub.entries.get(first.config.id).config.data["host"] == "127.0.0.1"


async def test_a_camera_that_is_tried_again_and_again_is_missed_once_and_another_anew() -> None:
    async with running_hub(ACME) as kit:
        told: list[bool] = []
        kit.hub.discovery._rounds.missed = lambda *, is_missed: told.append(is_missed)  # type: ignore[method-assign]

        def stream(camera: str, state: StreamState) -> None:
            kit.hub.bus.publish(StreamStateChanged(camera, "main", StreamStatus(state)))

        for _ in range(3):
            stream("one", StreamState.CONNECTING)
            stream("one", StreamState.RETRYING)
        assert told == [True]
        stream("two", StreamState.OFFLINE)
        assert told == [True, True]
        stream("one", StreamState.LIVE)
        assert told == [True, True]
        stream("two", StreamState.LIVE)
        assert told == [True, True, False]


async def test_an_entry_is_not_moved_before_it_is_known_whether_its_device_answers() -> None:
    twin = AcmeDevice(host="127.0.0.2")
    async with AcmeDevice() as camera, twin as other, running_hub(ACME) as kit:
        await kit.add({"integration": "acme", **camera.config, "id": "one"})
        await kit.reaches("one", EntryState.LOADED)
        camera.http.faults.delay = 2.0
        await kit.hub.entries.reload("one")
        assert kit.hub.entries.status("one").state is EntryState.SETUP_IN_PROGRESS
        kit.hub.discovery.report(report_of(camera, "127.0.0.2", other.http.port))
        await kit.reaches("one", EntryState.LOADED, 10)
        camera.http.faults.delay = 0.0
        assert kit.hub.entries.get("one").config.data["host"] == "127.0.0.1"


async def test_an_address_that_a_person_gives_meanwhile_is_not_replaced() -> None:
    chosen = AcmeDevice(host="127.0.0.3")
    async with AcmeDevice() as camera, chosen as other, running_hub(ACME) as kit:
        entry = await kit.add({"integration": "acme", **camera.config})
        entry_id = entry.config.id
        await kit.reaches(entry_id, EntryState.LOADED)
        camera.http.faults.delay = 1.0
        camera.http.faults.status = 500
        found = Discovered("acme", "key", "A1", "127.0.0.2", camera.http.port)
        following = asyncio.create_task(kit.hub.flows.follow(entry_id, found))
        await asyncio.sleep(0.2)
        await kit.hub.entries.relocate(
            entry_id, {"host": "127.0.0.3", "http_port": other.http.port}
        )
        assert not await following
        assert "The plugin acme failed" not in kit.log_text
        assert kit.hub.entries.get(entry_id).config.data["host"] == "127.0.0.3"


def test_a_device_with_two_addresses_stays_at_one_whichever_answers_first() -> None:
    merger = Merger(Rejections(FakeClock()))
    now, hosts = 1000.0, []
    for order in ("ab", "ba", "ab", "ab", "ba", "ba", "ab"):
        for at in order:
            now += 0.1
            device = see(merger, now, {"a": "192.0.2.10", "b": "192.0.2.20"}[at])
            hosts.append(device.host)
            device.settle(now + 0.4)
        device.settle(now + 5.5)
        hosts.append(device.host)
        now += 300
    assert len(set(hosts[3:])) == 1


def test_a_device_that_moves_back_is_there_once_its_last_address_is_silent() -> None:
    merger = Merger(Rejections(FakeClock()))
    see(merger, 1000.0, "192.0.2.10")
    assert see(merger, 1300.0, "192.0.2.20").host == "192.0.2.20"
    device = see(merger, 1600.0, "192.0.2.10")
    assert device.settle(1600.4)
    device.settle(1605.8)
    assert device.host == "192.0.2.10"


async def test_a_round_draws_only_the_devices_that_came_or_went() -> None:
    clock = FakeClock()
    book = book_of(clock)
    for number in range(10):
        taken = book.take(target(f"192.0.2.{number + 1}", serial=f"SERIAL-{number}"))
        assert taken is not None
        book.publish(taken[0])
    drawn: list[str] = []
    draw = book.view

    def view(device: FoundDevice) -> DeviceView:
        drawn.append(device.host)
        return draw(device)

    book.view = view  # type: ignore[method-assign]
    book.end_round(clock.time() - 1)
    assert drawn == []
    await clock.advance(10)
    book.take(target("192.0.2.1", serial="SERIAL-0"))
    book.end_round(clock.time())
    book.end_round(clock.time())
    assert drawn == [f"192.0.2.{number + 1}" for number in range(1, 10)]
    book.end_round(clock.time())
    assert len(drawn) == 9
    await book.close()


@pytest.mark.parametrize("brand", ["hikvision", "dahua", "onvif", "rtsp", "mjpeg"])
async def test_whoever_is_asked_for_a_picture_is_not_logged_in_to(brand: str) -> None:
    devices: dict[str, Any] = {
        "hikvision": HikvisionDevice,
        "dahua": DahuaDevice,
        "onvif": OnvifDevice,
        "rtsp": OnvifDevice,
        "mjpeg": HikvisionDevice,
    }
    async with devices[brand]() as camera, running_hub() as kit:
        ports = {"http_port": camera.http.port, "rtsp_port": camera.rtsp.port}
        told = Sighting(0.9, serial="SERIAL-1", **ports)
        kit.hub.discovery.report(Report("scan", brand, "127.0.0.1", None, told))
        (device,) = kit.hub.discovery.list()
        with contextlib.suppress(NotSupported):
            await kit.hub.discovery.snapshot(device.id)
        assert camera.http.counters.requests or camera.rtsp.counters.connections
        assert camera.logins == 0


async def test_what_could_not_be_stored_is_stored_later() -> None:
    clock = FakeClock()
    store = FullDisk()
    book = book_of(clock, store)
    book.take(target("192.0.2.1", serial="SERIAL-1"))
    await clock.advance(SAVE_INTERVAL)
    await until(lambda: store.refused == 1)
    assert not store.records
    store.is_full = False
    await book.close()
    assert len(store.records) == 1


async def test_why_adding_failed_is_not_told_of_a_device_that_was_added_later() -> None:
    book = book_of(FakeClock())
    taken = book.take(target("192.0.2.1", serial="SERIAL-1"))
    assert taken is not None
    device = taken[0]
    book.set_adopting(device, adopting=False, problem=Problem("AUTH_FAILED", "Wrong password."))
    assert book.view(device).problem is not None
    book.set_owner(device, "front-door")
    assert book.view(device).problem is None
    await book.close()


async def test_a_device_that_waits_for_its_other_address_is_looked_at_as_soon_as_it_is_added() -> (
    None
):
    async with AcmeDevice() as camera, running_hub(ACME) as kit:
        kit.hub.discovery.report(report_of(camera, "127.0.0.5"))
        kit.hub.discovery.report(report_of(camera))
        await offered(kit)
        await kit.add({"integration": "acme", **camera.config})
        await until(lambda: kit.hub.discovery.list()[0].entry_id is not None, 2)


async def test_what_a_person_is_filling_in_stays_though_the_device_is_silent_for_a_moment() -> None:
    async with AcmeDevice() as camera, running_hub(ACME) as kit:
        kit.hub.discovery.report(report_of(camera))
        device = await offered(kit)
        flow = await kit.hub.discovery.adopt(device.id)
        for _ in range(3):
            kit.hub.discovery._book.end_round(time.time() + 10)
        assert not kit.hub.discovery.get(device.id).present
        assert kit.hub.flows.get(flow.id).page.kind == "form"
        await kit.hub.discovery.ignore(device.id)
        assert kit.hub.flows.list() == []


async def test_an_entry_that_is_deleted_while_its_device_is_followed_is_no_failure() -> None:
    async with AcmeDevice() as camera, running_hub(ACME) as kit:
        entry = await kit.add({"integration": "acme", **camera.config})
        await kit.reaches(entry.config.id, EntryState.LOADED)
        asked: list[str] = []

        async def answers(entry_id: str) -> bool:
            asked.append(entry_id)
            await kit.hub.entries.delete(entry_id)
            return False

        kit.hub.entries.answers = answers  # type: ignore[method-assign]
        kit.hub.discovery.report(report_of(camera, "127.0.0.5"))
        await until(lambda: bool(asked), 10)
        await offered(kit)
        assert "could not be offered" not in kit.log_text
