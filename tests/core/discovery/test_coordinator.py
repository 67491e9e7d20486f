"""Found devices in a running hub: offered, brought to their entries, followed, ignored, added."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ucv import DeviceInfo, Integration, Sighting, Stream, fields
from ucv.clock import SystemClock
from ucv.discovery.offers import MAX_OFFERS
from ucv.discovery.report import Report
from ucv.discovery.view import DeviceState, DeviceView, DiscoveryChanged
from ucv.entries.entry import EntryState
from ucv.errors import NotFoundError
from ucv.hub import Hub
from ucv.testing import AcmeDevice, HubKit, running_hub, until

ACME = Path(__file__).parents[3] / "custom_integrations" / "acme.py"


class Generic(Integration):
    """Knows any device that answers, and only by its address."""

    domain = "generic"
    name = "Generic"
    version = "1.0.0"
    schema = {**fields.HOST}

    async def probe(self, device: Any) -> DeviceInfo:
        """Return nothing: it knows no more."""
        return DeviceInfo()

    async def streams(self, device: Any) -> list[Stream]:
        """Return one that is not opened here."""
        return [Stream("main", device.url("rtsp", "/"))]


class Found:
    """A hub with an integration that fits and one that always does, and what it found."""

    def __init__(self, kit: HubKit, camera: AcmeDevice) -> None:
        self.kit = kit
        self.hub: Hub = kit.hub
        self.camera = camera
        self.changes: list[DeviceView] = []
        kit.hub.bus.subscribe(DiscoveryChanged, lambda event: self.changes.append(event.view))

    def report(
        self,
        source: str = "acme-udp",
        domain: str = "acme",
        host: str | None = None,
        *,
        sure: float = 0.9,
        key: str | None = None,
        **told: Any,
    ) -> None:
        """Report the camera, or what is told of another one."""
        if domain == "acme" and not told:
            told = {
                "serial": self.camera.serial,
                "unique_id": self.camera.serial,
                "model": self.camera.model,
                "http_port": self.camera.http.port,
            }
        where = host or self.camera.http.host
        self.hub.discovery.report(Report(source, domain, where, key, Sighting(sure, **told)))

    async def device(self, state: DeviceState = DeviceState.NEW) -> DeviceView:
        """Return the only device, once it is in that state."""
        await until(lambda: [one.state for one in self.hub.discovery.list()] == [state], 15)
        return self.hub.discovery.list()[0]

    async def offered(self) -> DeviceView:
        """Return the only device, once it has a flow."""
        await until(lambda: any(one.flow_id for one in self.hub.discovery.list()), 15)
        (device,) = self.hub.discovery.list()
        return device


@asynccontextmanager
async def finding() -> AsyncIterator[Found]:
    async with AcmeDevice() as camera, running_hub(ACME, Generic) as kit:
        yield Found(kit, camera)


@pytest_asyncio.fixture
async def found() -> AsyncIterator[Found]:
    async with finding() as one:
        yield one


async def test_a_device_is_offered_with_what_speaks_for_it(found: Found) -> None:
    found.report()
    device = await found.offered()
    assert (device.model, device.integration, device.integration_name) == ("A1", "acme", "Acme")
    assert device.confidence == 0.9
    assert device.evidence[0].text == "A1 · SN ACME-0001"
    flow = found.hub.flows.get(device.flow_id or "")
    assert flow.discovered is not None
    assert (flow.discovered.host, flow.discovered.port) == ("127.0.0.1", found.camera.http.port)


async def test_the_integration_that_fits_best_takes_over_what_nobody_has_touched(
    found: Found,
) -> None:
    found.report("scan", "generic", sure=0.3, http_port=found.camera.http.port)
    generic = await found.offered()
    assert generic.integration == "generic"
    found.report()
    await until(lambda: found.hub.discovery.list()[0].integration == "acme", 10)
    await until(
        lambda: [f.integration for f in found.hub.flows.list() if f.discovered] == ["acme"], 10
    )
    (device,) = found.hub.discovery.list()
    assert [candidate.integration for candidate in device.candidates] == ["acme", "generic"]


async def test_a_device_is_added_with_credentials_that_several_share(found: Found) -> None:
    found.report()
    device = await found.offered()
    (adoption,) = await found.hub.discovery.adopt_many(
        [device.id], username=found.camera.username, password=found.camera.password
    )
    assert adoption.problem is None
    assert adoption.entry_id is not None
    await found.kit.reaches(adoption.entry_id, EntryState.LOADED)
    known = await found.device(DeviceState.CONFIGURED)
    assert (known.entry_id, known.flow_id) == (adoption.entry_id, None)
    assert any(view.adopting for view in found.changes)
    assert not known.adopting


async def test_a_wrong_password_for_several_is_tried_once_and_told(found: Found) -> None:
    found.report()
    device = await found.offered()
    (adoption,) = await found.hub.discovery.adopt_many(
        [device.id], username="admin", password="not-the-password"
    )
    assert adoption.problem is not None
    assert adoption.problem.code == "AUTH_FAILED"
    assert adoption.entry_id is None
    assert found.hub.flows.get(adoption.flow_id or "").page.to_json()["step"] == "discovered"
    refused = found.camera.http.counters.refused
    assert 1 <= refused <= 2
    assert found.hub.discovery.get(device.id).problem == adoption.problem
    assert "not-the-password" not in found.kit.log_text


async def test_access_is_tested_only_when_somebody_asks_for_it(found: Found) -> None:
    found.report()
    device = await found.offered()
    assert not found.camera.http.counters.requests
    info = await found.hub.discovery.test_access(
        device.id, values={"username": found.camera.username, "password": found.camera.password}
    )
    assert (info.unique_id, info.model) == ("ACME-0001", "A1")
    assert found.hub.entries.list() == []


async def test_a_device_that_has_an_entry_is_not_offered(found: Found) -> None:
    entry = await found.kit.add({"integration": "acme", **found.camera.config})
    found.report()
    device = await found.device(DeviceState.CONFIGURED)
    assert device.entry_id == entry.config.id
    assert not [flow for flow in found.hub.flows.list() if flow.discovered]


async def test_another_integration_s_entry_at_the_same_place_is_the_device(found: Found) -> None:
    entry = await found.kit.add({"integration": "generic", "host": "127.0.0.1"})
    found.report()
    device = await found.device(DeviceState.CONFIGURED)
    assert device.entry_id == entry.config.id


async def test_an_entry_is_followed_to_the_address_where_its_device_answers_now(
    found: Found,
) -> None:
    entry = await found.kit.add({"integration": "acme", **found.camera.config})
    found.report()
    await found.device(DeviceState.CONFIGURED)
    port = found.camera.http.port
    await found.camera.stop()
    async with AcmeDevice(host="127.0.0.2", http_port=port, rtsp_port=found.camera.rtsp.port):
        found.report(host="127.0.0.2")
        await until(
            lambda: found.hub.entries.get(entry.config.id).config.data["host"] == "127.0.0.2", 15
        )
        await found.kit.reaches(entry.config.id, EntryState.LOADED, 20)
        (device,) = found.hub.discovery.list()
        assert [span.host for span in device.addresses] == ["127.0.0.2", "127.0.0.1"]


async def test_an_entry_that_knows_no_serial_is_followed_by_what_the_network_tells(
    found: Found,
) -> None:
    entry = await found.kit.add({"integration": "generic", "host": "127.0.0.1"})
    found.report(mac="44:19:b6:00:00:01")
    await found.device(DeviceState.CONFIGURED)
    found.report(host="127.0.0.9", mac="44:19:b6:00:00:01")
    # Its device does not say who it is: it cannot be asked whether it is still there.
    await until(lambda: found.hub.discovery.list()[0].addresses[0].host == "127.0.0.9", 15)
    assert found.hub.discovery.list()[0].entry_id == entry.config.id


async def test_an_ignored_device_is_not_offered_until_it_is_wanted_again(found: Found) -> None:
    found.report()
    device = await found.offered()
    await found.hub.discovery.ignore(device.id)
    assert not [flow for flow in found.hub.flows.list() if flow.discovered]
    found.report(source="another-udp")
    await until(lambda: len(found.hub.discovery.get(device.id).evidence) == 2, 10)
    assert found.hub.discovery.get(device.id).flow_id is None
    view = await found.hub.discovery.unignore(device.id)
    assert view.state is DeviceState.NEW
    assert view.flow_id is not None


async def test_who_cancels_the_flow_of_a_device_ignores_it(found: Found) -> None:
    found.report()
    device = await found.offered()
    await found.hub.flows.cancel(device.flow_id or "")
    assert (await found.device(DeviceState.IGNORED)).id == device.id


async def test_adopting_by_another_integration_begins_its_flow(found: Found) -> None:
    found.report("scan", "generic", sure=0.3, http_port=found.camera.http.port)
    found.report()
    await until(lambda: found.hub.discovery.list()[0].integration == "acme", 10)
    (device,) = found.hub.discovery.list()
    flow = await found.hub.discovery.adopt(device.id, "generic")
    assert flow.integration == "generic"
    (after,) = found.hub.discovery.list()
    assert after.flow_id == flow.id


async def test_a_removed_camera_is_offered_anew(found: Found) -> None:
    entry = await found.kit.add({"integration": "acme", **found.camera.config})
    found.report()
    await found.device(DeviceState.CONFIGURED)
    await found.hub.entries.delete(entry.config.id)
    device = await found.offered()
    assert device.state is DeviceState.NEW


async def test_what_was_found_is_remembered_when_the_hub_starts_again(tmp_path: Path) -> None:
    (tmp_path / "ucv.yaml").write_text("server: {port: 8321}\n")
    told = Sighting(0.9, serial="ACME-0007", model="A1")
    hub = Hub(tmp_path, clock=SystemClock(), safe_mode=True)
    await hub.start()
    try:
        hub.discovery.report(Report("acme-udp", "rtsp", "192.0.2.10", None, told))
        (device,) = hub.discovery.list()
        await hub.discovery.ignore(device.id)
    finally:
        await hub.stop()
    again = Hub(tmp_path, clock=SystemClock(), safe_mode=True)
    await again.start()
    try:
        (known,) = again.discovery.list()
        assert (known.id, known.state, known.present) == (device.id, DeviceState.IGNORED, False)
        assert (known.model, known.serial) == ("A1", "ACME-0007")
        assert known.addresses == device.addresses
    finally:
        await again.stop()


async def test_more_devices_than_are_offered_can_all_be_chosen(found: Found) -> None:
    for number in range(MAX_OFFERS + 5):
        found.report(host=f"127.0.9.{number + 1}", serial=f"MANY-{number:04d}")
    await until(
        lambda: sum(one.flow_id is not None for one in found.hub.discovery.list()) == MAX_OFFERS, 20
    )
    devices = found.hub.discovery.list()
    assert len(devices) == MAX_OFFERS + 5
    for device in devices:
        flow = await found.hub.discovery.adopt(device.id)
        assert flow.discovered is not None
        assert flow.discovered.host == device.host


async def test_an_integration_that_is_not_there_cannot_be_chosen(found: Found) -> None:
    found.report()
    device = await found.offered()
    with pytest.raises(NotFoundError, match="no such integration"):
        await found.hub.discovery.adopt(device.id, "nikon")


async def test_a_device_that_answers_no_question_any_more_is_gone_whatever_it_announced(
    found: Found,
) -> None:
    found.report("mdns", key="Hall")
    found.report()
    device = await found.offered()
    for number in (1, 2):
        found.hub.discovery._book.end_round(time.time() + number)
    gone = found.hub.discovery.get(device.id)
    assert (gone.present, gone.flow_id) == (False, None)


async def test_a_device_that_comes_back_is_offered_anew(found: Found) -> None:
    found.report()
    device = await found.offered()
    for number in (1, 2):
        found.hub.discovery._rounds.last = time.time() + number
        found.hub.discovery._on_round_end()
    assert found.hub.discovery.get(device.id).flow_id is None
    found.report()
    assert (await found.offered()).id == device.id


async def test_answers_that_tell_nothing_new_are_not_written_down_each_time(found: Found) -> None:
    written: list[int] = []
    store = found.hub.discovery._book._store
    save = store.save

    async def counted(records: Any, *, deleted: Any) -> None:
        written.append(len(records))
        await save(records, deleted=deleted)

    store.save = counted  # type: ignore[method-assign]  # to see what is asked of it
    found.report()
    await found.offered()
    book = found.hub.discovery._book
    await book._save()
    assert written == [1]
    for _ in range(10):
        found.report()
    await book._save()
    assert written == [1]
    found.report(host="127.0.0.9")
    await book._save()
    assert written == [1, 1]


async def test_a_device_that_only_announces_itself_is_there_until_it_says_good_bye(
    found: Found,
) -> None:
    found.report("mdns", key="Hall")
    device = await found.offered()
    for number in (1, 2):
        found.hub.discovery._book.end_round(time.time() + number)
    assert found.hub.discovery.get(device.id).present
    where = found.camera.http.host
    found.hub.discovery.report(Report("mdns", "acme", where, "Hall", Sighting(0.0), gone=True))
    assert not found.hub.discovery.get(device.id).present
