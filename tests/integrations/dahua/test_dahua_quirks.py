"""Every way in which Dahua's devices differ, each with a test that has its name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import pytest

from ucv import (
    AccessDenied,
    LineCrossing,
    Motion,
    ProtocolError,
    PtzVector,
    VideoLoss,
)
from ucv.cameras.camera import Camera
from ucv.cameras.camera_event import CameraReported
from ucv.entries.entry import EntryState
from ucv.testing import FakeClock, until
from ucv.testing.dahua import QUIRKS, DahuaDevice
from ucv.testing.hub import HubKit
from ucv.testing.plugin import StartHub
from ucv_dahua import cgi, event_stream

LOGINS = [
    "one-time-nonce",
    "single-nonce",
    "basic-only",
    "realm-device-cgi",
    "realm-with-comma",
    "sha-256",
    "md5-sess",
    "qop-auth-int",
    "no-qop",
    "stale-in-capitals",
]
FRAMINGS = [
    "event-boundary-space",
    "event-no-blank-line",
    "event-no-length",
    "event-length-long",
    "event-length-short",
    "event-bare-lf",
    "event-stray-http",
    "event-split-writes",
]


async def add(kit: HubKit, device: DahuaDevice, **values: Any) -> Camera | None:
    """Add a device; returns its camera, None for a recorder."""
    await kit.add({"integration": "dahua", "id": "yard", **device.config, **values})
    await kit.reaches("yard", EntryState.LOADED)
    return kit.hub.cameras.find("yard")


async def camera_of(start: StartHub, device: DahuaDevice, **values: Any) -> Camera:
    camera = await add(await start(), device, **values)
    assert camera is not None
    return camera


def motions(kit: HubKit) -> list[Any]:
    seen: list[Any] = []
    kit.hub.bus.subscribe(CameraReported, lambda told: seen.append(told.event))
    return seen


def queries(device: DahuaDevice, script: str) -> list[dict[str, str]]:
    """Return the fields of the requests with credentials for a script."""
    return [
        dict(request.query)
        for request in device.http.requests
        if request.path == f"/cgi-bin/{script}" and "authorization" in request.headers
    ]


def last(written: Sequence[str]) -> str:
    return written[-1]


async def test_each_quirk_has_a_test_with_its_name() -> None:
    named = {name.removeprefix("test_").replace("_", "-") for name in globals()}
    assert set(QUIRKS) <= named | set(LOGINS) | set(FRAMINGS)


# --- logging in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("quirk", LOGINS)
async def test_it_logs_in(ucv_hub: StartHub, quirk: str) -> None:
    async with DahuaDevice(quirks=[quirk], lock_after=3) as device:
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: device.events.listeners)
        pictures = [kit.hub.control.ask("yard", "snapshot") for _ in range(3)]
        assert all(picture.data for picture in await asyncio.gather(*pictures))
        assert (await kit.hub.control.snapshot("yard", "sub")).data
        assert device.refused <= 1
        assert kit.hub.entries.status("yard").state is EntryState.LOADED
        _, handle = kit.hub.entries.loaded("yard")
        assert handle.lockout.refusals == 0


@pytest.mark.parametrize("quirk", LOGINS)
async def test_a_wrong_password_costs_two_refusals_at_most(ucv_hub: StartHub, quirk: str) -> None:
    async with DahuaDevice(quirks=[quirk], lock_after=3) as device:
        kit = await ucv_hub()
        wrong = {**device.config, "password": "not-this-one"}
        await kit.add({"integration": "dahua", "id": "yard", **wrong})
        await kit.reaches("yard", EntryState.AUTH_FAILED)
        assert 1 <= device.refused <= 2


async def test_connection_limit(ucv_hub: StartHub) -> None:
    # Where a nonce counts more than once, the core has tried a second one by then.
    async with DahuaDevice(quirks=["connection-limit", "one-time-nonce"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: queries(device, "eventManager.cgi")[-1].get("code") == "AlarmLocal")
        await until(lambda: device.http.counters.open == 1)  # the event stream

        async def free() -> None:
            await until(lambda: device.http.limited)
            device.http.connection_limit = 3

        # Others have all its connections, but give them up as soon as this one was refused.
        device.http.connection_limit = 0
        freeing = asyncio.create_task(free())
        picture = await kit.hub.control.ask("yard", "snapshot")
        await freeing
        assert picture.data
        assert device.http.limited == 1
        assert kit.hub.entries.status("yard").state is EntryState.LOADED


async def test_viewer_account(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["viewer-account"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        with pytest.raises(AccessDenied):
            await kit.hub.control.ask("yard", "ptz_move", PtzVector(pan=1.0))
        # It may not do that, but it is let in.
        assert kit.hub.entries.status("yard").state is EntryState.LOADED
        assert (await kit.hub.control.ask("yard", "snapshot")).data


# --- who it is ------------------------------------------------------------------------------------


async def test_device_type_generic(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["device-type-generic"]) as device:
        assert (await camera_of(ucv_hub, device)).model == device.identity.model


async def test_device_type_number(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["device-type-number"]) as device:
        assert (await camera_of(ucv_hub, device)).model == device.identity.model


async def test_version_with_space(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["version-with-space"]) as device:
        camera = await camera_of(ucv_hub, device)
        assert camera.firmware == "2.800.0000016.0.R, build 2020-06-05"


async def test_vendor_amcrest(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["vendor-amcrest"]) as device:
        assert (await camera_of(ucv_hub, device)).manufacturer == "Amcrest"


async def test_vendor_general(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["vendor-general"]) as device:
        assert (await camera_of(ucv_hub, device)).manufacturer == "Dahua"


async def test_firmware_without_system_info(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        device.http.failures["magicBox.cgi?action=getSystemInfo"] = 400
        camera = await camera_of(ucv_hub, device)
        assert (camera.model, camera.serial) == (device.identity.model, device.identity.serial)


async def test_a_serial_that_devices_share_is_not_what_one_is_known_by(ucv_hub: StartHub) -> None:
    async with DahuaDevice(serial="0123456789") as device:
        camera = await camera_of(ucv_hub, device)
        assert (camera.serial, camera.unique_id) == (None, device.identity.mac)


async def test_what_is_no_dahua_device_is_refused(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        device.http.route("/cgi-bin/magicBox.cgi", "<html>WEB SERVICE</html>")
        kit = await ucv_hub()
        await kit.add({"integration": "dahua", "id": "yard", **device.config})
        status = kit.hub.entries.status("yard")
        assert status.reason is not None
        assert "does not say what it is" in status.reason.message


# --- streams --------------------------------------------------------------------------------------


async def test_resolution_names(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["resolution-names"]) as device:
        main, sub = (await camera_of(ucv_hub, device)).profiles
        assert (main.width, main.height) == (1920, 1080)
        assert (sub.width, sub.height) == (352, 288)


async def test_ntsc(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["resolution-names", "ntsc"]) as device:
        main, sub = (await camera_of(ucv_hub, device)).profiles
        assert (main.width, main.height) == (1920, 1080)
        assert (sub.width, sub.height) == (352, 240)


async def test_extra_stream_off(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["extra-stream-off"]) as device:
        assert [one.role for one in (await camera_of(ucv_hub, device)).profiles] == ["main"]


async def test_mjpeg_extra_stream(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["mjpeg-extra-stream"]) as device:
        kit = await ucv_hub()
        camera = await add(kit, device)
        assert camera is not None
        main, sub = camera.profiles
        assert (main.codec, sub.codec) == ("h264", "mjpeg")
        assert main.url.startswith("rtsp://")
        assert sub.url == f"{device.http.url}/cgi-bin/mjpg/video.cgi?channel=1&subtype=1"
        assert (await kit.hub.control.snapshot("yard", "sub")).data


async def test_mjpeg_extra_stream_over_https(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["mjpeg-extra-stream"], tls=True) as device:
        kit = await ucv_hub()
        await add(kit, device, tls=True, fingerprint=device.http.fingerprint)
        assert (await kit.hub.control.snapshot("yard", "sub")).data


async def test_mjpeg_main_stream(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["mjpeg-main-stream"], codec="mjpeg") as device:
        main, *_ = (await camera_of(ucv_hub, device)).profiles
        # Most devices refuse it there.
        assert main.codec == "mjpeg"
        assert main.url.startswith("rtsp://")


async def test_caps_with_index(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["caps-with-index"]) as device:
        main, sub = (await camera_of(ucv_hub, device)).profiles
        assert (main.width, sub.width) == (640, 320)
        # What is encoded stands in a table that all write in the same way.
        assert queries(device, "encode.cgi") == []


async def test_zero_based_channels(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["zero-based-channels"]) as device:
        kit = await ucv_hub()
        camera = await add(kit, device)
        assert camera is not None
        assert "channel=0&subtype=0" in camera.profiles[0].url
        assert (await kit.hub.control.snapshot("yard", "main")).data
        asked = len(queries(device, "snapshot.cgi"))
        await kit.hub.entries.reload("yard")
        await kit.reaches("yard", EntryState.LOADED)
        assert len(queries(device, "snapshot.cgi")) == asked  # it is known now


async def test_zero_based_channels_of_a_recorder(ucv_hub: StartHub) -> None:
    async with DahuaDevice(channels=3, quirks=["zero-based-channels"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert "channel=2&" in kit.hub.cameras.get("yard.3").profiles[0].url
        await kit.hub.control.ask("yard.3", "snapshot")
        assert queries(device, "snapshot.cgi")[-1] == {"channel": "2"}


async def test_snapshot_zero_hangs(ucv_hub: StartHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgi, "PROBE_TIMEOUT", 0.3)
    async with DahuaDevice(quirks=["snapshot-zero-hangs"]) as device:
        kit = await ucv_hub()
        camera = await add(kit, device)
        assert camera is not None
        # The silence says nothing, the picture at 1 does.
        assert "channel=1&" in camera.profiles[0].url
        assert kit.hub.entries.get("yard").config.facts["found_first_channel"] == 1


async def test_no_channel_parameter(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["no-channel-parameter"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert (await kit.hub.control.ask("yard", "snapshot")).data
        assert queries(device, "snapshot.cgi")[-1] == {}


async def test_no_snapshot(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["no-snapshot"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        # Its stream has one.
        assert (await kit.hub.control.snapshot("yard")).data


async def test_an_account_that_may_not_read_the_tables_sees_the_streams(ucv_hub: StartHub) -> None:
    async with DahuaDevice() as device:
        device.http.failures["configManager.cgi"] = 403
        kit = await ucv_hub()
        camera = await add(kit, device)
        assert camera is not None
        assert [(one.role, one.codec) for one in camera.profiles] == [("main", None), ("sub", None)]
        assert (await kit.hub.control.snapshot("yard", "sub")).data


async def test_a_device_that_speaks_https(ucv_hub: StartHub) -> None:
    async with DahuaDevice(tls=True) as device:
        kit = await ucv_hub()
        await add(kit, device, tls=True, fingerprint=device.http.fingerprint)
        await until(lambda: device.events.listeners)
        assert (await kit.hub.control.ask("yard", "snapshot")).data


# --- recorders ------------------------------------------------------------------------------------


def online(kit: HubKit) -> dict[str | None, bool | None]:
    return {camera.channel: camera.online for camera in kit.hub.cameras.of_entry("yard")}


async def test_stale_remote_enable(ucv_hub: StartHub) -> None:
    async with DahuaDevice(channels=3, quirks=["stale-remote-enable"]) as device:
        device.remove_channel(3)
        kit = await ucv_hub()
        await add(kit, device)
        # The second is there although it says that it is switched off; the third is entered, and
        # so is shown, but it is not there.
        assert online(kit) == {"1": True, "2": True, "3": False}


async def test_onvif_cameras(ucv_hub: StartHub) -> None:
    async with DahuaDevice(channels=2, quirks=["onvif-cameras"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert online(kit) == {"1": True, "2": True}


async def test_analogue_inputs(ucv_hub: StartHub) -> None:
    async with DahuaDevice(channels=4, quirks=["analogue-inputs"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert online(kit) == dict.fromkeys("1234")
        assert kit.hub.cameras.get("yard.2").name == "Camera 2"


# --- movement and lights --------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
async def test_ptz_one_based(ucv_hub: StartHub, channels: int) -> None:
    async with DahuaDevice(channels=channels, quirks=["ptz-one-based"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        camera_id = "yard" if channels == 1 else "yard.2"
        await kit.hub.control.ask(camera_id, "ptz_move", PtzVector(pan=1.0))
        assert [device.ptz[number].moving for number in device.ptz] == [False, True][-channels:]
        await kit.hub.control.ask(camera_id, "ptz_stop")
        assert not any(model.moving for model in device.ptz.values())


async def test_no_ptz_cgi(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["no-ptz-cgi"]) as device:
        assert not {"ptz", "ptz_presets"} & set((await camera_of(ucv_hub, device)).capabilities)


async def test_lighting_v2(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["lighting-v2"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert await kit.hub.control.ask("yard", "light") is False
        await kit.hub.control.ask("yard", "set_light", on=True)
        assert await kit.hub.control.ask("yard", "light") is True
        # The white light in every profile, and the infrared one in none.
        shown = [device.store[f"Lighting_V2[0][{n}][1].Mode"] for n in range(3)]
        assert shown == ["Manual"] * 3
        assert device.store["Lighting_V2[0][0][0].Mode"] == "Auto"
        assert queries(device, "coaxialControlIO.cgi") == []


async def test_no_coaxial_control(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["no-coaxial-control"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        await kit.hub.control.ask("yard", "set_light", on=True)
        assert device.store["Lighting[0][0].Mode"] == "Manual"


# --- answers --------------------------------------------------------------------------------------


async def test_writes_fail(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["writes-fail"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        with pytest.raises(ProtocolError, match="refused"):
            await kit.hub.control.ask("yard", "set_light", on=True)
        with pytest.raises(ProtocolError, match="refused"):
            await kit.hub.control.ask("yard", "ptz_move", PtzVector(pan=1.0))
        assert device.http.written == []
        # A camera that refused to move has nothing to be stopped for.
        device.quirks = frozenset()
        device.http.behave(device.quirks)
        await kit.hub.control.ask("yard", "ptz_stop")


async def test_failed_write_400(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["failed-write-400"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        with pytest.raises(ProtocolError, match="refused"):
            await kit.hub.control.ask("yard", "ptz_goto_preset", "7")


async def test_empty_success(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["empty-success"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        await kit.hub.control.ask("yard", "ptz_move", PtzVector(pan=1.0))
        await kit.hub.control.ask("yard", "ptz_stop")
        await kit.hub.control.ask("yard", "set_light", on=True)
        assert len(device.http.written) == 3


async def test_raw_brackets_refused(ucv_hub: StartHub) -> None:
    async with DahuaDevice(channels=2, quirks=["raw-brackets-refused"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: device.events.listeners)
        await kit.hub.control.ask("yard.1", "set_light", on=True)
        assert online(kit) == {"1": True, "2": True}
        assert not any(re.search(r"[\[\]]", request.target) for request in device.http.requests)


async def test_audio_reboots(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["audio-reboots"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: device.events.listeners)
        integration, handle = kit.hub.entries.loaded("yard")
        await integration.diagnostics(handle)
        assert (device.audio_requests, device.rebooted) == (0, 0)


# --- events ---------------------------------------------------------------------------------------


async def test_events_404(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["events-404"]) as device:
        assert "events" not in (await camera_of(ucv_hub, device)).capabilities


async def test_events_501(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["events-501"]) as device:
        assert "events" not in (await camera_of(ucv_hub, device)).capabilities


async def _hear(kit: HubKit, device: DahuaDevice) -> list[Any]:
    """Return what is heard of three things that happen."""
    await until(lambda: queries(device, "eventManager.cgi")[-1].get("code") == "AlarmLocal")
    seen = motions(kit)
    device.start_event("VideoMotion")
    device.start_event("VideoLoss")
    device.stop_event("VideoMotion")
    # What comes next lets that be read which has no length.
    device.pulse("VideoLoss")
    await until(lambda: len(seen) >= 3)
    return seen[:3]


HEARD = [Motion(active=True), VideoLoss(active=True), Motion(active=False)]


async def test_long_code_list_400(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["long-code-list-400"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert await _hear(kit, device) == HEARD
        assert device.events.codes == ("All",)


async def test_long_code_list_500(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["long-code-list-500"]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert await _hear(kit, device) == HEARD
        assert device.events.codes == ("All",)


async def test_no_heartbeat(ucv_hub: StartHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "MISSED_BEATS", 0.3)
    monkeypatch.setattr(event_stream, "GRACE", 0.0)
    async with DahuaDevice(quirks=["no-heartbeat"]) as device:
        kit = await ucv_hub()
        await add(kit, device, heartbeat=1)
        # It is asked now and then instead, and its one stream stays open.
        await until(lambda: len(queries(device, "eventManager.cgi")) >= 12)
        assert await _hear(kit, device) == HEARD
        assert device.events.attached == 1


@pytest.mark.parametrize("quirk", FRAMINGS)
async def test_events_are_read_with(ucv_hub: StartHub, quirk: str) -> None:
    async with DahuaDevice(quirks=[quirk]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert await _hear(kit, device) == HEARD


async def test_event_tricky_data(ucv_hub: StartHub) -> None:
    async with DahuaDevice(quirks=["event-tricky-data"], clock=(clock := FakeClock())) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device)
        await until(lambda: queries(device, "eventManager.cgi")[-1].get("code") == "AlarmLocal")
        seen = motions(kit)
        device.start_event("CrossLineDetection")
        device.stop_event("CrossLineDetection")
        await until(lambda: len(seen) == 2)
        begun, ended = seen
        assert isinstance(begun, LineCrossing)
        assert begun.source == "a;b=c;index=9 --myboundary"
        assert (begun.active, ended.active, begun.object_type) == (True, False, "person")


@pytest.mark.parametrize("quirk", [q for q in FRAMINGS if "length" in q and q != "event-no-length"])
async def test_event_tricky_data_with_a_wrong_length(ucv_hub: StartHub, quirk: str) -> None:
    async with DahuaDevice(quirks=["event-tricky-data", quirk]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: queries(device, "eventManager.cgi")[-1].get("code") == "AlarmLocal")
        seen = motions(kit)
        device.start_event("CrossLineDetection")
        device.start_event("VideoMotion")
        device.pulse("VideoLoss")
        await until(lambda: len(seen) >= 2)
        assert [type(event) for event in seen[:2]] == [LineCrossing, Motion]
