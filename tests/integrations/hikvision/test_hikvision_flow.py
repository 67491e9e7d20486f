"""The whole way from adding a device to using it, against a Hikvision device made of software."""

from __future__ import annotations

import asyncio
import io

import av
import pytest

from ucv import AccountLocked, DayNight, Motion, NotSupported, PtzVector
from ucv.cameras.camera_event import CameraReported
from ucv.entries.entry import EntryState
from ucv.testing import FakeClock, check_integration_contract, until
from ucv.testing.hikvision import HikvisionDevice
from ucv.testing.hub import HubKit
from ucv.testing.plugin import StartHub
from ucv_hikvision import Hikvision


async def add(kit: HubKit, device: HikvisionDevice, **values: object) -> None:
    await kit.add({"integration": "hikvision", "id": "yard", **device.config, **values})
    await kit.reaches("yard", EntryState.LOADED)


def listens(device: HikvisionDevice) -> object:
    return device.alerts.listeners


def size_of(data: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(data), "r") as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


def reports(kit: HubKit) -> list[CameraReported]:
    seen: list[CameraReported] = []
    kit.hub.bus.subscribe(CameraReported, seen.append)
    return seen


# --- set-up ---------------------------------------------------------------------------------------


async def test_it_keeps_the_whole_contract() -> None:
    class UnderAnotherName(Hikvision):
        """The integration itself is built in, and its name is taken."""

        domain = "hikvision_contract"

    UnderAnotherName.__module__ = Hikvision.__module__
    report = await check_integration_contract(UnderAnotherName, HikvisionDevice())
    assert not report.failed, str(report)
    assert report.grade == "gold", str(report)


async def test_a_page_shows_what_was_found_and_adds_it(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(codec="h265", audio="AAC") as device:
        kit = await ucv_hub()
        flow = await kit.hub.flows.start("hikvision")
        flow = await kit.hub.flows.submit(flow.id, device.config, wait=20)
        assert flow.page.to_json()["step"] == "options"
        flow = await kit.hub.flows.submit(flow.id, {"transport": "tcp"}, wait=20)
        page = flow.page.to_json()
        assert page["step"] == "confirm"
        shown = repr(page)
        for text in (device.unit.model, device.unit.serial, "V5.7.15", "H.265", "640", "15"):
            assert text in shown
        flow = await kit.hub.flows.submit(flow.id, {"name": "Yard"}, wait=20)
        done = flow.page.to_json()
        assert done["kind"] == "done"
        await kit.reaches(done["entry_id"], EntryState.LOADED)
        (camera,) = kit.hub.cameras.list()
        assert (camera.name, camera.manufacturer) == ("Yard", "Hikvision")
        assert camera.unique_id == device.unit.serial
        main, sub = camera.profiles
        assert (main.codec, main.width, main.height, main.frame_rate) == ("h265", 640, 360, 15.0)
        assert (main.audio, main.bit_rate, sub.width) == ("aac", 600_000, 320)
        assert device.refused == 0


async def test_yaml_and_pages_make_the_same_camera_with_a_live_picture(ucv_hub: StartHub) -> None:
    async with HikvisionDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        for profile, size in (("main", (640, 360)), ("sub", (320, 180))):
            live = await kit.hub.control.snapshot("yard", profile)
            assert await asyncio.to_thread(size_of, live.data) == size
        picture = await kit.hub.control.ask("yard", "snapshot")
        assert await asyncio.to_thread(size_of, picture.data) == (640, 360)


async def test_a_substream_in_mjpeg_plays_over_http(ucv_hub: StartHub) -> None:
    async with HikvisionDevice() as device:
        codec = device.unit.stream(102).find("Video/videoCodecType")
        assert codec is not None
        codec.text = "MJPEG"
        kit = await ucv_hub()
        await add(kit, device)
        sub = kit.hub.cameras.get("yard").profiles[1]
        assert (sub.codec, sub.url.partition(":")[0]) == ("mjpeg", "http")
        live = await kit.hub.control.snapshot("yard", "sub")
        assert await asyncio.to_thread(size_of, live.data) == (320, 180)
        assert device.refused == 0


async def test_over_https_the_certificate_is_the_one_that_was_trusted(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(tls=True) as device:
        codec = device.unit.stream(102).find("Video/videoCodecType")
        assert codec is not None
        codec.text = "MJPEG"
        kit = await ucv_hub()
        await add(kit, device, tls=True, fingerprint=device.http.fingerprint)
        assert kit.hub.cameras.get("yard").profiles[1].url.startswith("https://")
        live = await kit.hub.control.snapshot("yard", "sub")
        assert await asyncio.to_thread(size_of, live.data) == (320, 180)


async def test_setting_up_a_camera_takes_few_round_trips(ucv_hub: StartHub) -> None:
    async with HikvisionDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: listens(device))
        # The login state, one challenge, nine documents, and the alert stream.
        assert device.http.counters.total == 12
        assert device.rtsp.counters.connections == 1
        await kit.hub.entries.reload("yard")
        await kit.reaches("yard", EntryState.LOADED)
        # The path of the streams is known now.
        assert device.rtsp.counters.connections == 1


async def test_a_clock_that_is_wrong_is_noticed(ucv_hub: StartHub) -> None:
    async with HikvisionDevice() as device:
        device.clock_offset = -90
        kit = await ucv_hub()
        await add(kit, device)
        offset = kit.hub.cameras.get("yard").clock_offset
        assert offset is not None
        assert -92 < offset < -88


# --- the login ------------------------------------------------------------------------------------


async def test_a_wrong_password_is_refused_at_most_twice_over_all_protocols(
    ucv_hub: StartHub,
) -> None:
    clock = FakeClock()
    async with HikvisionDevice(lock_after=5) as device:
        kit = await ucv_hub(clock=clock)
        config = {**device.config, "password": "wrong"}
        await kit.add({"integration": "hikvision", "id": "yard", **config})
        view = await kit.reaches("yard", EntryState.AUTH_FAILED)
        assert view.status.reason is not None
        assert "more wrong ones" in view.status.reason.message
        for _ in range(10):
            await clock.advance(600)
        assert 1 <= device.refused <= 2
        assert not device.lock.locked


async def test_a_locked_account_is_shown_with_its_remaining_time_and_no_login_is_spent(
    ucv_hub: StartHub,
) -> None:
    async with HikvisionDevice(lock_after=5, lock_seconds=1800) as device:
        for _ in range(5):
            device.lock.refused()
        kit = await ucv_hub()
        await kit.add({"integration": "hikvision", "id": "yard", **device.config})
        view = await kit.reaches("yard", EntryState.AUTH_FAILED)
        assert view.status.reason is not None
        assert view.status.reason.code == AccountLocked.code
        assert "30 min" in view.status.reason.message
        assert not any("authorization" in request.headers for request in device.http.requests)


async def test_an_account_that_may_not_use_rtsp_is_not_tried_again_and_again(
    ucv_hub: StartHub,
) -> None:
    async with HikvisionDevice(lock_after=5) as device:
        device._account.password = "another for RTSP"
        kit = await ucv_hub()
        await kit.add({"integration": "hikvision", "id": "yard", **device.config})
        await kit.reaches("yard", EntryState.AUTH_FAILED)
        assert 1 <= device.refused <= 2


async def test_a_device_without_rtsp_is_set_up_all_the_same(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(channels=4) as device:
        device.rtsp.faults.away = True
        kit = await ucv_hub()
        await add(kit, device)
        assert len(kit.hub.cameras.list()) == 4
        url = kit.hub.cameras.get("yard.4").profiles[0].url
        assert url.endswith("/Streaming/Channels/401")


async def test_a_new_password_is_asked_for_and_taken(ucv_hub: StartHub) -> None:
    async with HikvisionDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        device.set_password("another-secret")
        await kit.hub.entries.reload("yard")
        await kit.reaches("yard", EntryState.AUTH_FAILED)
        flow = await kit.hub.flows.start("hikvision", "reauth", entry_id="yard")
        login = {"username": device.username, "password": "another-secret"}
        flow = await kit.hub.flows.submit(flow.id, login, wait=20)
        assert flow.page.to_json()["kind"] == "done"
        await kit.reaches("yard", EntryState.LOADED)
        assert device.refused <= 2


async def test_a_camera_from_the_factory_is_explained(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(quirks=["not-activated"]) as device:
        kit = await ucv_hub()
        await kit.add({"integration": "hikvision", "id": "yard", **device.config})
        view = await kit.reaches("yard", EntryState.SETUP_ERROR)
        assert view.status.reason is not None
        assert "has not been activated" in view.status.reason.message
        assert device.refused == 0


# --- what it does ---------------------------------------------------------------------------------


async def test_it_moves_stops_and_goes_home(ucv_hub: StartHub) -> None:
    async with HikvisionDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        ask, model = kit.hub.control.ask, device.ptz[1]
        await ask("yard", "ptz_move", PtzVector(pan=1.0, tilt=-0.5))
        await until(lambda: model.moving)
        await until(lambda: model.position.pan > 0 > model.position.tilt)
        await ask("yard", "ptz_stop")
        await until(lambda: not model.moving)
        assert (model.moves, model.stops) == (1, 1)
        await ask("yard", "ptz_home")
        assert model.position == model.home


async def test_it_is_sent_to_positions_and_by_ways(ucv_hub: StartHub) -> None:
    async with HikvisionDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        ask, model = kit.hub.control.ask, device.ptz[1]
        await ask("yard", "ptz_absolute", PtzVector(pan=0.5, tilt=-0.5, zoom=1.0))
        place = model.position
        assert (place.pan, place.tilt, place.zoom) == pytest.approx((0.5, -0.5, 1.0), abs=0.01)
        # Its range of directions is a whole turn, so that half of it is the other side.
        await ask("yard", "ptz_relative", PtzVector(pan=0.5, tilt=0.25))
        place = model.position
        assert (place.pan, place.tilt, place.zoom) == pytest.approx((-0.5, 0.0, 1.0), abs=0.01)


async def test_presets_are_created_recalled_and_deleted(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(quirks=["built-in-presets"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        ask, model = kit.hub.control.ask, device.ptz[1]
        assert await ask("yard", "ptz_presets") == []
        await ask("yard", "ptz_absolute", PtzVector(pan=0.5))
        made = await ask("yard", "ptz_create_preset", "Gate & drive")
        assert await ask("yard", "ptz_presets") == [made]
        assert model.presets[made.id][0] == "Gate & drive"
        await ask("yard", "ptz_home")
        await ask("yard", "ptz_goto_preset", made.id)
        assert model.position.pan == pytest.approx(0.5, abs=0.01)
        await ask("yard", "ptz_delete_preset", made.id)
        assert model.presets == {}
        with pytest.raises(NotSupported):
            await ask("yard", "ptz_goto_preset", "94")
        assert device.rebooted == 0


async def test_day_and_night_and_the_lamp_are_switched(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(quirks=["white-light"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        ask = kit.hub.control.ask
        assert await ask("yard", "day_night") is DayNight.AUTO
        for mode in (DayNight.NIGHT, DayNight.DAY, DayNight.AUTO):
            await ask("yard", "set_day_night", mode)
            assert await ask("yard", "day_night") is mode
        assert await ask("yard", "light") is True
        await ask("yard", "set_light", on=False)
        assert await ask("yard", "light") is False
        await ask("yard", "set_light", on=True)
        document = device.unit.channels[1].documents["SupplementLight"]
        assert document.findtext("supplementLightMode") == "irLight"


async def test_a_lamp_at_an_output_is_switched(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(quirks=["no-supplement-light"]) as device:
        kit = await ucv_hub()
        await add(kit, device, light_output=1)
        await kit.hub.control.ask("yard", "set_light", on=True)
        assert device.unit.outputs == [True]
        assert await kit.hub.control.ask("yard", "light") is True


async def test_what_a_camera_does_not_have_is_not_offered(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(ptz=False, quirks=["no-supplement-light"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        able = kit.hub.cameras.get("yard").capabilities
        assert able == ("day_night", "events", "reboot", "snapshot")


async def test_a_restart_is_survived(ucv_hub: StartHub) -> None:
    async with HikvisionDevice() as device:
        device.reboot_seconds = 0.5
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: listens(device))
        seen = reports(kit)
        await kit.hub.control.ask("yard", "reboot")
        await until(lambda: device.rebooted == 1)
        await until(lambda: not listens(device))
        await until(lambda: listens(device), 20)
        device.start_event("VMD")
        await until(lambda: seen)
        live = await kit.hub.control.snapshot("yard", "main")
        assert await asyncio.to_thread(size_of, live.data) == (640, 360)


# --- events ---------------------------------------------------------------------------------------


async def test_events_come_within_a_second_begin_once_and_end(ucv_hub: StartHub) -> None:
    async with HikvisionDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        seen = reports(kit)
        await until(lambda: listens(device))
        device.start_event("VMD")
        await until(lambda: seen, 1)
        assert isinstance(seen[0].event, Motion)
        # It is repeated once a second while it goes on.
        await asyncio.sleep(1.2)
        device.stop_event("VMD")
        await until(lambda: len(seen) == 2, 1)
        assert [report.event.active for report in seen] == [True, False]


async def test_over_a_reconnect_what_goes_on_is_neither_lost_nor_doubled(
    ucv_hub: StartHub,
) -> None:
    async with HikvisionDevice() as device:
        device.alerts.repeat = 0.2
        kit = await ucv_hub()
        await add(kit, device)
        seen = reports(kit)
        await until(lambda: listens(device))
        device.start_event("VMD")
        await until(lambda: seen)
        device.http.drop_connections()
        await until(lambda: not listens(device))
        # Begun while nobody listened, and still going on when somebody does.
        device.start_event("linedetection")
        await until(lambda: listens(device), 10)
        await until(lambda: len(seen) == 2)
        await asyncio.sleep(0.5)
        assert [report.event.kind for report in seen] == ["motion", "line_crossing"]


async def test_a_stream_without_signs_of_life_is_opened_anew(
    ucv_hub: StartHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv_hikvision.alert_stream.SILENCE", 0.5)
    async with HikvisionDevice() as device:
        device.alerts.muted = True
        kit = await ucv_hub()
        await add(kit, device)
        path = "/ISAPI/Event/notification/alertStream"
        await until(lambda: device.http.counters.requests.get(path, 0) >= 2, 10)


async def test_nobody_listens_when_events_are_switched_off(ucv_hub: StartHub) -> None:
    async with HikvisionDevice() as device:
        kit = await ucv_hub()
        await add(kit, device, event_source="none")
        assert "events" not in kit.hub.cameras.get("yard").capabilities
        assert not listens(device)


# --- diagnostics ----------------------------------------------------------------------------------


async def test_diagnostics_tell_the_policies_and_no_secret(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(lock_after=7) as device:
        device.alerts.unreported.add("VMD")
        kit = await ucv_hub()
        await add(kit, device)
        integration, handle = kit.hub.entries.loaded("yard")
        told = await integration.diagnostics(handle)
        assert told["login"] == {"locked": False, "unlock_in": None, "tries": 7, "activated": True}
        reach = {event["type"]: event["reaches_the_stream"] for event in told["events"]}
        assert (reach["VMD"], reach["linedetection"]) == (False, True)
        assert device.password not in repr(told)
