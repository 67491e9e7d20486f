"""The whole way from adding a device to using it, against a Dahua device made of software."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import av
import pytest

from ucv import (
    DayNight,
    DigitalInput,
    Doorbell,
    LineCrossing,
    Motion,
    NotSupported,
    PtzVector,
    StorageFailure,
)
from ucv.cameras.camera_event import CameraReported, DeviceReported
from ucv.entries.entry import EntryState
from ucv.testing import FakeClock, check_integration_contract, until
from ucv.testing.dahua import DahuaDevice
from ucv.testing.hub import HubKit
from ucv.testing.plugin import StartHub
from ucv_dahua import Dahua, event_stream


async def add(kit: HubKit, device: DahuaDevice, **values: Any) -> None:
    await kit.add({"integration": "dahua", "id": "yard", **device.config, **values})
    await kit.reaches("yard", EntryState.LOADED)


def listens(device: DahuaDevice) -> bool:
    """Whether somebody listens, and has been told what goes on."""
    asked = [r.query.get("code") for r in device.http.requests if "code" in r.query]
    return bool(device.events.listeners) and "AlarmLocal" in asked


def size_of(data: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(data), "r") as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


def reports(kit: HubKit) -> list[tuple[str, Any]]:
    seen: list[tuple[str, Any]] = []
    kit.hub.bus.subscribe(CameraReported, lambda told: seen.append((told.camera_id, told.event)))
    kit.hub.bus.subscribe(DeviceReported, lambda told: seen.append((told.entry_id, told.event)))
    return seen


def asked(device: DahuaDevice, script: str, **query: str) -> int:
    """Return how many requests with credentials had this script and these fields."""
    return sum(
        request.path == f"/cgi-bin/{script}"
        and "authorization" in request.headers
        and query.items() <= request.query.items()
        for request in device.http.requests
    )


# --- set-up ---------------------------------------------------------------------------------------


async def test_it_keeps_the_whole_contract() -> None:
    class UnderAnotherName(Dahua):
        """The integration itself is built in, and its name is taken."""

        domain = "dahua_contract"

    UnderAnotherName.__module__ = Dahua.__module__
    report = await check_integration_contract(UnderAnotherName, DahuaDevice())
    assert not report.failed, str(report)
    assert report.grade == "gold", str(report)


async def test_a_page_shows_what_was_found_and_adds_it(ucv_hub: StartHub) -> None:
    async with DahuaDevice(codec="h265") as device:
        kit = await ucv_hub()
        flow = await kit.hub.flows.start("dahua")
        flow = await kit.hub.flows.submit(flow.id, device.config, wait=20)
        while (page := flow.page.to_json())["kind"] == "form" and page["step"] != "confirm":
            flow = await kit.hub.flows.submit(flow.id, {}, wait=20)
        shown = repr(page)
        for text in (device.identity.model, device.identity.serial, "2.800.0000016.0.R", "640"):
            assert text in shown
        flow = await kit.hub.flows.submit(flow.id, {"name": "Yard"}, wait=20)
        page = flow.page.to_json()
        assert page["kind"] == "done"
        await kit.reaches(page["entry_id"], EntryState.LOADED)
        camera = kit.hub.cameras.get(page["entry_id"])
        assert (camera.name, camera.manufacturer) == ("Yard", "Dahua")
        assert (camera.unique_id, camera.mac) == (device.identity.serial, device.identity.mac)
        assert camera.firmware == "2.800.0000016.0.R, build 2020-06-05"
        main, sub = camera.profiles
        assert (main.codec, main.width, main.height, main.frame_rate) == ("h265", 640, 360, 15.0)
        assert (main.audio, main.bit_rate, sub.width) == ("aac", 600_000, 320)
        assert device.refused == 0


async def test_a_camera_from_yaml_has_a_live_picture_and_a_still_one(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        for profile, size in (("main", (640, 360)), ("sub", (320, 180))):
            live = await kit.hub.control.snapshot("yard", profile)
            assert await asyncio.to_thread(size_of, live.data) == size
        picture = await kit.hub.control.ask("yard", "snapshot")
        assert await asyncio.to_thread(size_of, picture.data) == (640, 360)
        assert device.audio_requests == 0


async def test_the_device_tells_the_port_of_its_streams(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        config = {key: value for key, value in device.config.items() if key != "rtsp_port"}
        await kit.add({"integration": "dahua", "id": "yard", **config})
        await kit.reaches("yard", EntryState.LOADED)
        assert (await kit.hub.control.snapshot("yard", "sub")).data
        device.store["RTSP.Port"] = 99_999
        await kit.hub.entries.reload("yard")
        await kit.reaches("yard", EntryState.LOADED)
        main = kit.hub.cameras.get("yard").profiles[0]
        assert main.url.startswith(f"rtsp://{device.host}/cam/")


async def test_setting_up_a_camera_takes_few_requests(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: listens(device))
        first = device.http.counters.total
        # One challenge, 16 questions that find out what it is and has, and five for its events.
        assert first == 22
        await kit.hub.entries.reload("yard")
        await kit.reaches("yard", EntryState.LOADED)
        # Where its channels begin is known from now on.
        assert asked(device, "snapshot.cgi") == 1


async def test_a_clock_that_is_wrong_is_noticed(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        device.clock_offset = -90
        kit = await ucv_hub()
        await add(kit, device)
        offset = kit.hub.cameras.get("yard").clock_offset
        assert offset == pytest.approx(-90, abs=2)


async def test_a_device_at_a_new_address_is_the_same(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
    async with DahuaDevice(host="127.0.0.2") as moved:
        flow = await kit.hub.flows.start("dahua")
        flow = await kit.hub.flows.submit(flow.id, moved.config, wait=20)
        assert flow.page.to_json()["reason"] == "updated"
        await kit.reaches("yard", EntryState.LOADED)
        assert kit.hub.entries.get("yard").config.data["host"] == "127.0.0.2"


async def test_diagnostics_say_which_policies_hold_and_no_secret(ucv_hub: StartHub) -> None:
    async with DahuaDevice(channels=2, quirks=["ptz-one-based"]) as device:
        device.store["RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0.Password"] = "behind-it"
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: listens(device))
        integration, handle = kit.hub.entries.loaded("yard")
        told = await integration.diagnostics(handle)
        assert told["first_ptz_channel"] == 1
        assert told["first_channel"] == 1
        assert told["event_codes"] == "list"
        assert told["recorder"]["places"] == 4
        for secret in (device.password, "behind-it"):
            assert secret not in repr(told)
            assert secret not in kit.log_text


async def test_options_are_about_use_and_reach_the_device(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device, event_source="off", transport="udp", ptz_speed=4)
        camera = kit.hub.cameras.get("yard")
        assert "events" not in camera.capabilities
        assert camera.profiles[0].options == {"transport": "udp"}
        await kit.hub.control.ask("yard", "ptz_move", PtzVector(pan=1.0))
        assert "arg2=4" in device.http.written[-1]
        await kit.hub.control.ask("yard", "ptz_stop")
        assert asked(device, "eventManager.cgi") == 0


# --- credentials ----------------------------------------------------------------------------------


async def test_a_wrong_password_is_refused_twice_at_most_over_everything(
    ucv_hub: StartHub,
) -> None:
    async with DahuaDevice(lock_after=3) as device:
        kit = await ucv_hub()
        await kit.add(
            {"integration": "dahua", "id": "yard", **device.config, "password": "not-this-one"}
        )
        await kit.reaches("yard", EntryState.AUTH_FAILED)
        await asyncio.sleep(0.3)
        assert 1 <= device.refused <= 2
        assert not device.lock.locked


async def test_a_password_that_changes_stops_everything_until_a_person_acts(
    ucv_hub: StartHub,
) -> None:
    clock = FakeClock()
    async with DahuaDevice(lock_after=3) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device, preload=True)
        await until(lambda: listens(device))
        # Streams begin one after another.
        await until(lambda: clock.pending)
        await clock.advance(10)
        await until(lambda: device.rtsp.counters.connections)
        device.set_password("another-one")
        device.http.drop_connections()
        device.rtsp.drop_connections()
        for _ in range(20):
            await clock.advance(30)
            await asyncio.sleep(0.01)
        await kit.reaches("yard", EntryState.AUTH_FAILED)
        assert 1 <= device.refused <= 2
        assert not device.lock.locked

        flow = await kit.hub.flows.start("dahua", "reauth", entry_id="yard")
        login = {"username": device.username, "password": "another-one"}
        flow = await kit.hub.flows.submit(flow.id, login, wait=20)
        assert flow.page.to_json()["kind"] == "done"
        await kit.reaches("yard", EntryState.LOADED)
        assert device.refused <= 2


# --- movement -------------------------------------------------------------------------------------


def moves(device: DahuaDevice, channel: int = 1) -> bool:
    return device.ptz[channel].moving


async def test_it_moves_and_stops_with_the_same_code(ucv_hub: StartHub) -> None:
    clock = FakeClock()
    async with DahuaDevice(clock=clock) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device)
        model = device.ptz[1]
        before = model.position
        await kit.hub.control.ask("yard", "ptz_move", PtzVector(pan=0.5, tilt=0.25))
        assert moves(device)
        assert "code=RightUp&arg1=2&arg2=4" in device.http.written[-1]
        await clock.advance(0.5)
        await kit.hub.control.ask("yard", "ptz_stop")
        assert not moves(device)
        assert "action=stop" in device.http.written[-1]
        assert "code=RightUp" in device.http.written[-1]
        assert model.position.pan > before.pan
        assert model.position.tilt > before.tilt
        assert device.movement.heads[1].unmatched_stops == 0


async def test_another_direction_stops_the_one_before(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        await kit.hub.control.ask("yard", "ptz_move", PtzVector(pan=1.0))
        await kit.hub.control.ask("yard", "ptz_move", PtzVector(zoom=1.0))
        codes = [line.partition("code=")[2].partition("&")[0] for line in device.http.written]
        actions = [line.partition("action=")[2].partition("&")[0] for line in device.http.written]
        assert list(zip(actions, codes, strict=True)) == [
            ("start", "Right"),
            ("stop", "Right"),
            ("start", "ZoomTele"),
        ]
        await kit.hub.control.ask("yard", "ptz_stop")
        assert not device.ptz[1].moving
        assert device.movement.heads[1].unmatched_stops == 0


async def test_a_stop_does_not_overtake_its_start(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        await asyncio.gather(
            kit.hub.control.ask("yard", "ptz_move", PtzVector(pan=1.0)),
            kit.hub.control.ask("yard", "ptz_stop"),
        )
        assert not device.ptz[1].moving


async def test_a_movement_that_somebody_else_began_is_stopped(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        device.movement.heads[1].code = "LeftDown"
        device.ptz[1].move(-1.0, -1.0, 0.0)
        await kit.hub.control.ask("yard", "ptz_stop")
        assert not device.ptz[1].moving


async def test_a_camera_that_moves_is_stopped_before_it_is_let_go_of(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        await kit.hub.control.ask("yard", "ptz_move", PtzVector(tilt=-1.0))
        await kit.hub.entries.delete("yard")
        assert not device.ptz[1].moving


async def test_positions_are_remembered_recalled_and_forgotten(ucv_hub: StartHub) -> None:
    clock = FakeClock()
    async with DahuaDevice(clock=clock) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device)
        ask, model = kit.hub.control.ask, device.ptz[1]
        assert await ask("yard", "ptz_presets") == []
        made = await ask("yard", "ptz_create_preset", "Gate")
        remembered = model.position
        assert made.id == "1"
        assert [preset.id for preset in await ask("yard", "ptz_presets")] == ["1"]
        assert (await ask("yard", "ptz_create_preset", "Door")).id == "2"
        await ask("yard", "ptz_move", PtzVector(pan=1.0))
        await clock.advance(1)
        await ask("yard", "ptz_stop")
        assert model.position.pan != pytest.approx(remembered.pan)
        await ask("yard", "ptz_goto_preset", "1")
        await clock.advance(30)
        assert model.position.pan == pytest.approx(remembered.pan, abs=0.01)
        await ask("yard", "ptz_delete_preset", "1")
        assert [preset.id for preset in await ask("yard", "ptz_presets")] == ["2"]
        # The lowest number that is free.
        assert (await ask("yard", "ptz_create_preset", "Gate again")).id == "1"
        with pytest.raises(NotSupported):
            await ask("yard", "ptz_goto_preset", "1&code=Reboot")


async def test_a_camera_without_motors_offers_no_movement(ucv_hub: StartHub) -> None:
    async with DahuaDevice(ptz=False) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert not {"ptz", "ptz_presets"} & set(kit.hub.cameras.get("yard").capabilities)


# --- light ----------------------------------------------------------------------------------------


async def test_day_and_night_are_chosen_in_every_profile(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        ask = kit.hub.control.ask
        assert await ask("yard", "day_night") is DayNight.AUTO
        for mode, word in (
            (DayNight.NIGHT, "BlackWhite"),
            (DayNight.DAY, "Color"),
            (DayNight.AUTO, "Brightness"),
        ):
            await ask("yard", "set_day_night", mode)
            assert await ask("yard", "day_night") is mode
            shown = {device.store[f"VideoInDayNight[0][{profile}].Mode"] for profile in range(3)}
            assert shown == {word}


async def test_the_white_light_that_deters_is_switched(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        ask = kit.hub.control.ask
        assert await ask("yard", "light") is False
        await ask("yard", "set_light", on=True)
        assert device.coaxial.on(1, "WhiteLight")
        assert not device.coaxial.on(1, "Speaker")
        assert await ask("yard", "light") is True
        await ask("yard", "set_light", on=False)
        assert not device.coaxial.on(1, "WhiteLight")


async def test_the_lamp_of_the_lighting_settings_is_switched_for_who_wants_that(
    ucv_hub: StartHub,
) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device, lamp="tables")
        assert asked(device, "coaxialControlIO.cgi") == 0
        ask = kit.hub.control.ask
        # It is lit by itself when it is dark: nobody has switched it on.
        assert await ask("yard", "light") is False
        await ask("yard", "set_light", on=True)
        assert device.store["Lighting[0][0].Mode"] == "Manual"
        assert await ask("yard", "light") is True
        await ask("yard", "set_light", on=False)
        assert device.store["Lighting[0][0].Mode"] == "Off"


# --- restart --------------------------------------------------------------------------------------


async def test_it_restarts_and_comes_back(ucv_hub: StartHub) -> None:
    clock = FakeClock()
    async with DahuaDevice(clock=clock) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device)
        await until(lambda: listens(device))
        seen = reports(kit)
        device.start_event("VideoMotion")
        await until(lambda: seen)
        await kit.hub.control.ask("yard", "reboot")
        await until(lambda: device.rebooted == 1)
        await until(lambda: not device.events.listeners)
        attached = device.events.attached
        for _ in range(30):
            await clock.advance(5)
            await asyncio.sleep(0.01)
            if device.events.attached > attached:
                break
        await until(lambda: device.events.attached > attached)
        # Nothing goes on any more in a device that has just started.
        await until(lambda: len(seen) == 2)
        assert [event for _, event in seen] == [Motion(active=True), Motion(active=False)]
        assert device.refused == 0


# --- events ---------------------------------------------------------------------------------------


async def test_events_arrive_within_a_second(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: listens(device))
        seen = reports(kit)
        device.start_event("VideoMotion")
        await until(lambda: len(seen) == 1, timeout=1)
        device.stop_event("VideoMotion")
        await until(lambda: len(seen) == 2, timeout=1)
        device.pulse("_DoTalkAction_")
        await until(lambda: len(seen) == 3, timeout=1)
        device.start_event("CrossLineDetection")
        await until(lambda: len(seen) == 4, timeout=1)
        assert [camera for camera, _ in seen] == ["yard"] * 4
        begun, ended, ring, crossed = (event for _, event in seen)
        assert (begun, ended) == (Motion(active=True), Motion(active=False))
        assert isinstance(ring, Doorbell)
        assert isinstance(crossed, LineCrossing)
        assert (crossed.source, crossed.object_type) == ("Line 1", "person")


async def test_over_a_reconnect_nothing_is_lost_and_nothing_doubled(ucv_hub: StartHub) -> None:
    clock = FakeClock()
    async with DahuaDevice(clock=clock) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device)
        await until(lambda: listens(device))
        seen = reports(kit)
        device.start_event("VideoMotion")
        device.start_event("VideoBlind")
        await until(lambda: len(seen) == 2)

        device.events.disconnect()
        await until(lambda: not device.events.listeners)
        # While nobody listens, one goes on, one ends, and one begins.
        device.stop_event("VideoBlind")
        device.start_event("AlarmLocal", 2)
        await until(lambda: clock.pending)
        await clock.advance(2)
        await until(lambda: len(seen) == 4)
        device.stop_event("VideoMotion")
        await until(lambda: len(seen) == 5)

        told = [(type(event).__name__, event.active) for _, event in seen]
        assert told == [
            ("Motion", True),
            ("Tampering", True),
            ("DigitalInput", True),
            ("Tampering", False),
            ("Motion", False),
        ]


async def test_what_is_seen_in_a_moment_ends_by_itself(ucv_hub: StartHub) -> None:
    clock = FakeClock()
    async with DahuaDevice(clock=clock) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device)
        await until(lambda: listens(device))
        seen = reports(kit)
        device.start_event("CrossLineDetection")
        await until(lambda: len(seen) == 1)
        for _ in range(15):
            await clock.advance(5)
            await asyncio.sleep(0.005)
        await until(lambda: len(seen) == 2)
        assert seen[1][1].active is False


async def test_a_silent_stream_is_given_up_and_opened_again(
    ucv_hub: StartHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "MISSED_BEATS", 1.5)
    monkeypatch.setattr(event_stream, "GRACE", 0.0)
    async with DahuaDevice() as device:
        kit = await ucv_hub()
        await add(kit, device, heartbeat=1)
        _, handle = kit.hub.entries.loaded("yard")
        await until(lambda: handle.runtime.events.beats)
        device.events.muted = True
        await until(lambda: device.events.attached == 2)


async def test_events_are_asked_for_where_that_is_wanted(ucv_hub: StartHub) -> None:
    clock = FakeClock()
    async with DahuaDevice(clock=clock) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device, event_source="poll", poll_interval=30)
        seen = reports(kit)
        device.start_event("VideoMotion")
        await until(lambda: asked(device, "eventManager.cgi", code="AlarmLocal"))
        await clock.advance(31)
        await until(lambda: len(seen) == 1)
        device.stop_event("VideoMotion")
        await until(lambda: asked(device, "eventManager.cgi", code="AlarmLocal") >= 2)
        await clock.advance(31)
        await until(lambda: len(seen) == 2)
        assert [event for _, event in seen] == [Motion(active=True), Motion(active=False)]
        assert device.events.attached == 0


# --- recorders ------------------------------------------------------------------------------------


async def test_a_recorder_brings_eight_cameras(ucv_hub: StartHub) -> None:
    async with DahuaDevice(channels=8) as device:
        kit = await ucv_hub()
        await add(kit, device)
        cameras = {camera.channel: camera for camera in kit.hub.cameras.of_entry("yard")}
        assert list(cameras) == [str(number) for number in range(1, 9)]
        third = cameras["3"]
        assert (third.id, third.name, third.model) == ("yard.3", "Camera 3", "IPC-HFW2431S")
        assert [profile.role for profile in third.profiles] == ["main", "sub"]
        assert third.online
        assert "reboot" not in third.capabilities
        await until(lambda: listens(device))
        for number in (1, 8):
            picture = await kit.hub.control.ask(f"yard.{number}", "snapshot")
            assert await asyncio.to_thread(size_of, picture.data) == (640, 360)
        live = await kit.hub.control.snapshot("yard.8", "sub")
        assert await asyncio.to_thread(size_of, live.data) == (320, 180)

        seen = reports(kit)
        device.start_event("VideoMotion", 5)
        await until(lambda: seen, timeout=1)
        assert seen == [("yard.5", Motion(active=True, channel="5"))]
        device.start_event("AlarmLocal", 5)
        device.start_event("StorageFailure", 1)
        await until(lambda: len(seen) == 3)
        # Inputs and disks are the recorder's, not a camera's.
        assert seen[1:] == [
            ("yard", DigitalInput(active=True, source="5")),
            ("yard", StorageFailure(active=True, source="StorageFailure")),
        ]
        # One for all.
        assert len(device.events.listeners) == 1


async def test_each_channel_moves_by_itself(ucv_hub: StartHub) -> None:
    async with DahuaDevice(channels=2) as device:
        kit = await ucv_hub()
        await add(kit, device)
        await kit.hub.control.ask("yard.2", "ptz_move", PtzVector(pan=1.0))
        assert (device.ptz[1].moving, device.ptz[2].moving) == (False, True)
        await kit.hub.control.ask("yard.2", "ptz_stop")
        assert not device.ptz[2].moving
        await kit.hub.control.ask("yard.2", "set_day_night", DayNight.NIGHT)
        assert device.store["VideoInDayNight[0][0].Mode"] == "Brightness"
        assert device.store["VideoInDayNight[1][0].Mode"] == "BlackWhite"


async def test_setting_up_64_channels_asks_one_question_for_each(ucv_hub: StartHub) -> None:
    totals = {}
    for channels in (8, 64):
        async with DahuaDevice(channels=channels) as device:
            kit = await ucv_hub()
            await add(kit, device)
            assert len(kit.hub.cameras.of_entry("yard")) == channels
            await until(lambda device=device: listens(device))  # type: ignore[misc] # bound now
            totals[channels] = device.http.counters.total
            assert len(device.events.listeners) == 1
            before = totals[channels]
            integration, handle = kit.hub.entries.loaded("yard")
            assert await integration.channels(handle) is not None
            # Looking again costs two requests, however many there are.
            assert device.http.counters.total == before + 2
            await kit.hub.entries.delete("yard")
    # What moves, only the channel itself tells.
    assert totals[64] - totals[8] == 56
    assert totals[8] < 40


async def test_channels_that_come_and_go_are_followed(ucv_hub: StartHub) -> None:
    clock = FakeClock()
    async with DahuaDevice(channels=2, clock=clock) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device)

        async def look(condition: Any) -> None:
            await clock.advance(61)
            await until(condition)

        def online() -> dict[str, bool | None]:
            return {c.channel or "": c.online for c in kit.hub.cameras.of_entry("yard")}

        device.add_channel("Shed")
        await look(lambda: online() == {"1": True, "2": True, "3": True})
        shed = kit.hub.cameras.get("yard.3")
        assert (shed.name, len(shed.profiles)) == ("Shed", 2)
        assert "ptz" in shed.capabilities
        device.set_online(2, False)
        await look(lambda: online()["2"] is False)
        device.set_online(2, True)
        await look(lambda: online()["2"] is True)
        assert "ptz" in kit.hub.cameras.get("yard.2").capabilities
        device.remove_channel(1)
        await look(lambda: online() == {"2": True, "3": True})


async def test_a_recorder_that_fails_for_a_moment_keeps_its_cameras(ucv_hub: StartHub) -> None:
    clock = FakeClock()
    async with DahuaDevice(channels=2, clock=clock) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device)
        state = "LogicDeviceManager.cgi?action=getCameraState"
        for failing in (state, "configManager.cgi?action=getConfig"):
            device.http.failures[failing] = 500
            before = device.http.counters.total
            await clock.advance(61)
            await until(lambda before=before: device.http.counters.total > before)  # type: ignore[misc] # bound now
            await asyncio.sleep(0.05)
            assert len(kit.hub.cameras.of_entry("yard")) == 2
            del device.http.failures[failing]
