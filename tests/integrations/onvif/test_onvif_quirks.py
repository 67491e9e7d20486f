"""Each way in which ONVIF devices differ, one by one, against a device of a few answers."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ucv import (
    AccessDenied,
    EndpointNotFound,
    InvalidAuth,
    NotSupported,
    ProtocolError,
    PtzVector,
)
from ucv.testing.http_message import Answer
from ucv.wire import xml_text

# --- session --------------------------------------------------------------------------------------


async def test_the_clock_is_asked_openly_and_its_offset_put_into_the_token(bench: Any) -> None:
    script = await bench.script(ways=("token",))
    script.ahead = 7200.0
    handle = await bench.handle(script)
    info = await bench.onvif.probe(handle)
    assert info.clock_offset == pytest.approx(7200, abs=3)
    assert script.refused == 0
    assert script.asked[0] == "GetSystemDateAndTime"


async def test_panasonic_wants_a_login_for_the_time_then_the_date_header_serves(
    bench: Any,
) -> None:
    script = await bench.script(ways=("token",))
    script.open = set()
    script.ahead = script.http.faults.clock_skew = -3600.0
    handle = await bench.handle(script)
    assert script.refused == 0
    assert handle.runtime.session.policies.clock == "date header"


async def test_utc_date_time_absent_local_date_time_and_zone_serve(bench: Any) -> None:
    script = await bench.script()
    local = time.gmtime(time.time() + 8 * 3600)
    script.answers["GetSystemDateAndTime"] = (
        "<r><SystemDateAndTime><TimeZone><TZ>CST-8</TZ></TimeZone><LocalDateTime>"
        f"<Time><Hour>{local.tm_hour}</Hour><Minute>{local.tm_min}</Minute>"
        f"<Second>{local.tm_sec}</Second></Time><Date><Year>{local.tm_year}</Year>"
        f"<Month>{local.tm_mon}</Month><Day>{local.tm_mday}</Day></Date>"
        "</LocalDateTime></SystemDateAndTime></r>"
    )
    handle = await bench.handle(script)
    assert handle.runtime.session.soap.clock_offset == pytest.approx(0, abs=3)
    assert script.refused == 0


async def test_username_token_only(bench: Any) -> None:
    script = await bench.script(ways=("token",))
    handle = await bench.handle(script)
    assert (script.refused, handle.runtime.session.policies.auth) == (0, "token")


async def test_http_digest_only_costs_one_refusal_once(bench: Any) -> None:
    script = await bench.script(ways=("digest",))
    handle = await bench.handle(script)
    assert (script.refused, handle.runtime.session.policies.auth) == (1, "digest")
    assert bench.remembered == {"found_login": "digest"}
    await bench.handle(script, **bench.remembered)
    assert script.refused == 1


@pytest.mark.parametrize(("before", "now"), [("token", "digest"), ("digest", "token")])
async def test_a_login_that_is_remembered_may_no_longer_hold(
    bench: Any, before: str, now: str
) -> None:
    script = await bench.script(ways=(now,))
    handle = await bench.handle(script, found_login=before)
    assert handle.runtime.session.policies.auth == now
    assert script.refused <= 1
    assert bench.remembered == {"found_login": now}


@pytest.mark.parametrize("ways", [("token",), ("digest",), ("token", "digest")])
async def test_a_wrong_password_is_refused_twice_at_most(bench: Any, ways: Any) -> None:
    script = await bench.script(ways=ways)
    handle = await bench.handle(script, password="wrong", probe=False)
    for _ in range(3):
        with pytest.raises(InvalidAuth):
            await bench.onvif.probe(handle)
    assert 1 <= script.refused <= 2


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_auth_faults_come_under_several_statuses(bench: Any, status: int) -> None:
    script = await bench.script(ways=("token",))
    handle = await bench.handle(script, password="wrong", probe=False)
    script.answers["GetServices"] = "<r/>"
    script._denied = lambda _request, _root: bench.fault("NotAuthorized", status=status)
    with pytest.raises(InvalidAuth):
        await bench.onvif.probe(handle)


async def test_a_clock_that_was_set_is_read_again_and_the_request_repeated(bench: Any) -> None:
    script = await bench.script(ways=("token",))
    handle = await bench.handle(script)
    script.ahead = 900.0
    assert await bench.onvif.streams(handle)
    assert (script.refused, handle.lockout.closed) == (1, False)
    assert handle.runtime.session.soap.clock_offset == pytest.approx(900, abs=3)


async def test_what_an_account_may_not_do_is_no_wrong_password(bench: Any) -> None:
    script = await bench.script(ways=("token",))
    handle = await bench.handle(script)
    script.answers["SystemReboot"] = bench.fault("NotAuthorized", "Sender not Authorized")
    with pytest.raises(AccessDenied):
        await bench.onvif.reboot(handle)
    assert not handle.lockout.closed


async def test_get_services_broken_get_capabilities_serves(bench: Any) -> None:
    script = await bench.script()
    script.answers["GetServices"] = bench.fault("ActionNotSupported", status=500)
    script.answers["GetCapabilities"] = (
        "<r><Capabilities><Media><XAddr>http://0.0.0.0/onvif/media</XAddr></Media>"
        "<Events><XAddr>http://0.0.0.0/onvif/events</XAddr>"
        "<WSPullPointSupport>false</WSPullPointSupport></Events></Capabilities></r>"
    )
    handle = await bench.handle(script)
    assert handle.runtime.session.policies.services == "GetCapabilities"
    (main, *_) = await bench.onvif.streams(handle)
    assert main.codec == "h264"
    # WSPullPointSupport says false: events are tried even so.
    assert "events" in await bench.onvif.capabilities(handle)


async def test_neither_answered_the_device_service_takes_everything(bench: Any) -> None:
    script = await bench.script()
    script.answers["GetServices"] = Answer(400, {}, b"Bad Request")
    script.answers["GetCapabilities"] = bench.fault("ActionNotSupported")
    handle = await bench.handle(script)
    assert handle.runtime.session.policies.services == "device service"
    assert set(script.paths) == {"/onvif/device_service"}


@pytest.mark.parametrize(
    "host",
    ["10.9.8.7", "0.0.0.0", "10.9.8.7:8106:8106", "[fe80::1]:8000"],
    ids=["foreign", "unspecified", "doubled port", "link local"],
)
async def test_only_the_path_of_an_address_counts(bench: Any, host: str) -> None:
    script = await bench.script()
    script.host = host
    handle = await bench.handle(script)
    for stream in await bench.onvif.streams(handle):
        assert stream.url.startswith("rtsp://127.0.0.1")
    assert script.refused == 0


async def test_invalid_utf8_is_tolerated(bench: Any) -> None:
    script = await bench.script()
    script.answers["GetDeviceInformation"] = bench.envelope(
        "<r><Manufacturer>Acme</Manufacturer><Model>X?Y</Model>"
        "<SerialNumber>SN123456</SerialNumber></r>"
    ).replace(b"?Y", b"\xff\xfeY")
    handle = await bench.handle(script, probe=False)
    info = await bench.onvif.probe(handle)
    assert (info.manufacturer, info.serial) == ("Acme", "SN123456")


async def test_a_dropped_keep_alive_is_tried_again_once(bench: Any) -> None:
    script = await bench.script()
    handle = await bench.handle(script)
    script.http.drop_connections()
    answered = script.answers["GetStreamUri"]
    assert await bench.onvif.streams(handle)
    assert answered is script.answers["GetStreamUri"]


async def test_nothing_there_is_said_so(bench: Any) -> None:
    script = await bench.script()
    handle = await bench.handle(script, probe=False, path="/nowhere")
    with pytest.raises((EndpointNotFound, InvalidAuth)):
        await bench.onvif.probe(handle)


# --- media ----------------------------------------------------------------------------------------


async def test_media2_tells_h265(bench: Any) -> None:
    script = await bench.script()
    handle = await bench.handle(script)
    main, sub = await bench.onvif.streams(handle)
    assert (main.role, main.codec, main.width, main.height) == ("main", "h265", 3840, 2160)
    assert (main.frame_rate, main.bit_rate, main.audio) == (25.0, 4_096_000, "aac")
    assert (sub.role, sub.width) == ("sub", 640)
    assert main.url == "rtsp://127.0.0.1/live2/main-s1"


@pytest.mark.parametrize(
    "broken",
    ["<r/>", b"garbage", Answer(500)],
    ids=["empty", "garbage", "internal error"],
)
async def test_broken_media2_falls_back_to_media1(bench: Any, broken: Any) -> None:
    script = await bench.script()
    script.answers["Media2GetProfiles"] = broken
    handle = await bench.handle(script)
    main, _sub = await bench.onvif.streams(handle)
    assert (main.codec, main.audio, main.url) == (
        "h264",
        "g711u",
        "rtsp://127.0.0.1/live/main-s1",
    )
    assert handle.runtime.session.policies.media == "media1"


async def test_media2_without_stream_addresses_falls_back_for_them(bench: Any) -> None:
    script = await bench.script()
    script.answers["Media2GetStreamUri"] = bench.fault("ActionNotSupported")
    handle = await bench.handle(script)
    main, _sub = await bench.onvif.streams(handle)
    assert (main.codec, main.url) == ("h265", "rtsp://127.0.0.1/live/main-s1")


async def test_stream_addresses_are_trimmed_unescaped_and_lose_their_credentials(
    bench: Any,
) -> None:
    script = await bench.script(media2=False)
    uri = "\n rtsp://admin:pw@10.0.0.1:5540/cam?channel=1&amp;amp;subtype=0 \n"
    script.answers["GetStreamUri"] = f"<r><MediaUri><Uri>{uri}</Uri></MediaUri></r>"
    handle = await bench.handle(script)
    (main, *_) = await bench.onvif.streams(handle)
    assert main.url == "rtsp://127.0.0.1:5540/cam?channel=1&subtype=0"
    natted = await bench.handle(script, rtsp_port=10554)
    (main, *_) = await bench.onvif.streams(natted)
    assert main.url == "rtsp://127.0.0.1:10554/cam?channel=1&subtype=0"


async def test_snapshots_are_fetched_from_the_own_host_with_digest(bench: Any) -> None:
    script = await bench.script()
    handle = await bench.handle(script)
    picture = await bench.onvif.snapshot(handle)
    assert (picture.content_type, picture.data[:2]) == ("image/jpeg", b"\xff\xd8")
    assert script.http.counters.refused == 0


async def test_snapshot_action_not_supported_means_none(bench: Any) -> None:
    script = await bench.script()
    for name in ("GetSnapshotUri", "Media2GetSnapshotUri"):
        script.answers[name] = bench.fault("ActionNotSupported")
    handle = await bench.handle(script)
    assert "snapshot" not in await bench.onvif.capabilities(handle)
    with pytest.raises(NotSupported):
        await bench.onvif.snapshot(handle)


async def test_a_login_page_is_no_picture(bench: Any) -> None:
    script = await bench.script()
    script.http.route("/snap", "<html>Log in</html>", content_type="text/html")
    handle = await bench.handle(script)
    with pytest.raises(ProtocolError):
        await bench.onvif.snapshot(handle)


async def test_several_video_sources_are_channels_at_two_requests_each(bench: Any) -> None:
    def requests(script: Any) -> int:
        return len(script.asked)

    counts = {}
    for number in (8, 64):
        script = await bench.script()
        names = [f"src{index}" for index in range(number)]
        script.answers["Media2GetProfiles"] = bench.profiles2(*names)
        handle = await bench.handle(script)
        channels = await bench.onvif.channels(handle)
        assert [channel.id for channel in channels] == names
        assert channels[0].name == "Gate src0"
        for channel in channels:
            view = handle.view(channel)
            streams = await bench.onvif.streams(view)
            assert streams[0].url.endswith(f"main-{channel.id}")
            assert "events" not in await bench.onvif.capabilities(view)
        counts[number] = requests(script)
    assert counts[64] - counts[8] == 2 * (64 - 8)
    before = counts[64]
    await bench.onvif.channels(handle)
    assert requests(script) == before + 1


async def test_one_camera_is_set_up_in_nine_requests(bench: Any) -> None:
    script = await bench.script()
    handle = await bench.handle(script)
    assert await bench.onvif.channels(handle) is None
    assert len(await bench.onvif.streams(handle)) == 2
    await bench.onvif.capabilities(handle)
    assert sorted(script.asked) == sorted(
        [
            "GetSystemDateAndTime",
            "GetServices",
            "GetDeviceInformation",
            "GetNetworkInterfaces",
            "Media2GetProfiles",
            "Media2GetStreamUri",
            "Media2GetStreamUri",
            "Media2GetSnapshotUri",
            "GetOptions",
        ]
    )
    assert len(script.http.requests) == len(script.asked)


# --- movement -------------------------------------------------------------------------------------


async def moving(bench: Any, **options: Any) -> tuple[Any, Any]:
    script = await bench.script(**options)
    script.answers["Media2GetProfiles"] = bench.profiles2("s1", ptz=True)
    return script, await bench.handle(script)


async def test_movement_is_claimed_as_the_device_tells(bench: Any) -> None:
    script, handle = await moving(bench)
    found = await bench.onvif.capabilities(handle)
    assert {"ptz", "ptz_relative", "ptz_absolute", "ptz_presets", "ptz_home"} <= found
    still = await bench.handle(await bench.script())
    assert not {name for name in await bench.onvif.capabilities(still) if "ptz" in name}
    assert script.count("GetNodes") == 1


async def test_continuous_move_and_stop(bench: Any) -> None:
    script, handle = await moving(bench)
    await bench.onvif.ptz_move(handle, PtzVector(0.5, -0.25, 1.0))
    body = script.body("ContinuousMove")
    pan_tilt, zoom = body.find("Velocity/PanTilt"), body.find("Velocity/Zoom")
    assert (pan_tilt.get("x"), pan_tilt.get("y"), zoom.get("x")) == ("0.5", "-0.25", "1.0")
    await bench.onvif.ptz_stop(handle)
    assert xml_text(script.body("Stop"), "PanTilt") == "true"


async def test_stop_refused_a_zero_velocity_stops(bench: Any) -> None:
    script, handle = await moving(bench)
    script.answers["Stop"] = bench.fault("InvalidArgVal")
    for _ in range(2):
        await bench.onvif.ptz_stop(handle)
    assert script.count("Stop") == 1
    assert script.body("ContinuousMove").find("Velocity/PanTilt").attrib == {"x": "0.0", "y": "0.0"}


async def test_one_axis_at_a_time(bench: Any) -> None:
    script, handle = await moving(bench)

    def choosy(body: Any) -> Any:
        pan_tilt, zoom = body.find("Velocity/PanTilt"), body.find("Velocity/Zoom")
        axes = 0 if zoom is None else 1
        if pan_tilt is not None:
            axes += sum(float(pan_tilt.get(name)) != 0 for name in "xy")
        return "<r/>" if axes == 1 else bench.fault("InvalidVelocity")

    script.answers["ContinuousMove"] = choosy
    await bench.onvif.ptz_move(handle, PtzVector(0.5, -0.9, 1.0))
    assert handle.runtime.session.policies.axes == "one at a time"
    first, second = [body for name, body in script.bodies if name == "ContinuousMove"][-2:]
    assert first.find("Velocity/PanTilt").attrib == {"x": "0.0", "y": "-0.9"}
    assert second.find("Velocity/Zoom").attrib == {"x": "1.0"}


async def test_relative_and_absolute_moves_presets_and_home(bench: Any) -> None:
    script, handle = await moving(bench)
    onvif = bench.onvif
    await onvif.ptz_relative(handle, PtzVector(pan=0.1))
    assert script.body("RelativeMove").find("Translation/PanTilt").get("x") == "0.1"
    await onvif.ptz_absolute(handle, PtzVector(zoom=0.5))
    assert script.body("AbsoluteMove").find("Position/PanTilt") is None
    script.answers["SetPreset"] = "<r><PresetToken>7</PresetToken></r>"
    assert (await onvif.ptz_create_preset(handle, "Gate")).id == "7"
    script.answers["GetPresets"] = (
        "<r><Preset token='7'><Name>Gate</Name></Preset><Preset token='8'/></r>"
    )
    presets = await onvif.ptz_presets(handle)
    assert [(one.id, one.name) for one in presets] == [("7", "Gate"), ("8", "Preset 8")]
    await onvif.ptz_goto_preset(handle, "7")
    await onvif.ptz_delete_preset(handle, "7")
    assert xml_text(script.body("RemovePreset"), "PresetToken") == "7"
    await onvif.ptz_home(handle)
    assert script.count("GotoHomePosition") == 1


async def test_ptz_is_found_under_a_version_that_does_not_exist(bench: Any) -> None:
    script, _handle = await moving(bench)
    listed = script.answers["GetServices"](None).replace("ver20/ptz", "ver10/ptz")
    script.answers["GetServices"] = listed
    handle = await bench.handle(script)
    assert "ptz" in await bench.onvif.capabilities(handle)


# --- imaging --------------------------------------------------------------------------------------


async def test_imaging_uses_the_video_source_token(bench: Any) -> None:
    script = await bench.script()
    handle = await bench.handle(script)
    assert "day_night" in await bench.onvif.capabilities(handle)
    script.answers["GetImagingSettings"] = (
        "<r><ImagingSettings><IrCutFilter>OFF</IrCutFilter></ImagingSettings></r>"
    )
    assert await bench.onvif.day_night(handle) == "night"
    await bench.onvif.set_day_night(handle, "day")
    body = script.body("SetImagingSettings")
    assert xml_text(body, "VideoSourceToken") == "s1"
    assert xml_text(body, "ImagingSettings/IrCutFilter") == "ON"
