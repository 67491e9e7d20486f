"""The ONVIF integration against the virtual device, with each of its quirks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ucv import DayNight, PtzVector
from ucv.cameras.camera_event import CameraReported
from ucv.entries.entry import EntryState
from ucv.errors import CameraViewerError, InvalidAuth
from ucv.streams.state import StreamState
from ucv.testing import OnvifDevice, running_hub, until
from ucv.testing.hub import HubKit
from ucv.testing.onvif import QUIRKS
from ucv.testing.streams import RecordingSink


@asynccontextmanager
async def loaded(device: OnvifDevice, **more: Any) -> AsyncIterator[HubKit]:
    """A hub with the device set up as ``yard``."""
    async with device, running_hub() as kit:
        mapping = {"id": "yard", "name": "Yard", "integration": "onvif", **device.config, **more}
        await kit.hub.entries.create(mapping)
        await kit.reaches("yard", EntryState.LOADED)
        yield kit


@pytest.fixture
def reported() -> list[Any]:
    return []


async def listening(kit: HubKit, device: OnvifDevice, reported: list[Any]) -> None:
    kit.hub.bus.subscribe(CameraReported, reported.append)
    await until(lambda: device.count("PullMessages"), 10)


@pytest.mark.parametrize("quirk", sorted(QUIRKS))
async def test_whatever_a_device_does_differently_it_plays_moves_and_reports(
    quirk: str, reported: list[Any]
) -> None:
    codec = "h265" if quirk == "media1-says-h264" else "h264"
    device = OnvifDevice(quirks=[quirk], codec=codec)
    async with loaded(device) as kit:
        camera = kit.hub.cameras.get("yard")
        assert camera.unique_id == (device.identity.mac if quirk == "no-serial" else camera.serial)
        assert [(p.name, p.width, p.audio) for p in camera.profiles] == [
            ("main", 640, "aac"),
            ("sub", 320, "aac"),
        ]
        if quirk == "media1-says-h264":
            assert camera.profiles[0].codec == "h265"
        stream = kit.hub.streams.get("yard")
        viewer = stream.attach(RecordingSink())
        await until(lambda: stream.status.state is StreamState.LIVE, 15)
        viewer.detach()
        picture = await kit.hub.control.snapshot("yard")
        assert picture.data[:2] == b"\xff\xd8"
        await kit.hub.control.ask("yard", "ptz_move", PtzVector(0.5, 0.5, 0.5))
        moved = device.ptz[1].moving
        await kit.hub.control.ask("yard", "ptz_stop")
        assert (moved, device.ptz[1].moving) == (True, False)
        await listening(kit, device, reported)
        device.start_event("motion")
        await until(lambda: reported, 3)
        device.stop_event("motion")
        await until(lambda: len(reported) == 2, 3)
        assert [(r.event.kind, r.event.active) for r in reported] == [
            ("motion", True),
            ("motion", False),
        ]
        assert device.refused <= 1
    assert device.refused <= 1


async def test_all_that_it_can_do_is_done_by_it() -> None:
    device = OnvifDevice()
    async with loaded(device) as kit:
        ask = kit.hub.control.ask
        head = device.ptz[1]
        await ask("yard", "ptz_absolute", PtzVector(pan=0.5, tilt=-0.5, zoom=0.25))
        assert (head.position.pan, head.position.tilt) == (0.5, -0.5)
        preset = await ask("yard", "ptz_create_preset", "Gate")
        await ask("yard", "ptz_relative", PtzVector(pan=-0.25))
        assert head.position.pan == 0.25
        assert [one.name for one in await ask("yard", "ptz_presets")] == ["Gate"]
        await ask("yard", "ptz_goto_preset", preset.id)
        assert head.position.pan == 0.5
        await ask("yard", "ptz_delete_preset", preset.id)
        assert await ask("yard", "ptz_presets") == []
        await ask("yard", "ptz_home")
        assert head.position.pan == 0
        assert await ask("yard", "day_night") is DayNight.AUTO
        await ask("yard", "set_day_night", DayNight.NIGHT)
        assert device.identity.sources[1].filter == "OFF"
        await ask("yard", "reboot")
        await until(lambda: device.rebooted == 1)


async def test_a_recorder_has_a_camera_for_each_source_and_one_subscription(
    reported: list[Any],
) -> None:
    device = OnvifDevice(channels=8)
    async with loaded(device) as kit:
        cameras = kit.hub.cameras.of_entry("yard")
        assert len(cameras) == 8
        third = next(c for c in cameras if "channel3" in c.profiles[0].url)
        await listening(kit, device, reported)
        device.start_event("motion", 3)
        await until(lambda: reported, 3)
        assert reported[0].camera_id == third.id
        assert device.events.made == 1
        await kit.hub.control.ask(third.id, "ptz_move", PtzVector(pan=1))
        assert device.ptz[3].moving
        await kit.hub.control.ask(third.id, "ptz_stop")


@pytest.mark.parametrize("channels", [16, 64])
async def test_requests_at_set_up_grow_with_a_small_constant(channels: int) -> None:
    device = OnvifDevice(channels=channels)
    async with loaded(device) as kit:
        assert len(kit.hub.cameras.of_entry("yard")) == channels
        asked = len([o for o in device.operations if "Pull" not in o and "Sync" not in o])
        # Two addresses of streams, that of stills, and the filter: there is no table of them.
        assert asked <= 10 + 4 * channels


async def test_a_wrong_password_is_refused_twice_at_the_most() -> None:
    async with OnvifDevice() as device, running_hub() as kit:
        mapping = {"id": "yard", "name": "Yard", "integration": "onvif", **device.config}
        await kit.hub.entries.create({**mapping, "password": "wrong"})
        await kit.reaches("yard", EntryState.AUTH_FAILED)
        assert 1 <= device.refused <= 2
        before = device.refused
        await kit.hub.entries.update("yard", {**mapping})
        await kit.reaches("yard", EntryState.LOADED)
        assert device.refused == before


async def test_a_password_changed_on_the_device_is_refused_twice_by_all_together() -> None:
    device = OnvifDevice()
    async with loaded(device) as kit:
        stream = kit.hub.streams.get("yard")
        viewer = stream.attach(RecordingSink())
        await until(lambda: stream.status.state is StreamState.LIVE, 15)
        device.set_password("changed")
        device.rtsp.drop_connections()
        device.http.drop_connections()
        answers = await asyncio.gather(
            *(kit.hub.control.ask("yard", "ptz_presets") for _ in range(6)), return_exceptions=True
        )
        assert all(isinstance(answer, CameraViewerError) for answer in answers)
        await kit.reaches("yard", EntryState.AUTH_FAILED)
        assert device.refused <= 2
        with pytest.raises(InvalidAuth):
            await kit.hub.control.ask("yard", "ptz_presets")
        assert device.refused <= 2
        viewer.detach()


async def test_over_a_reconnect_nothing_is_lost_and_nothing_told_twice(reported: list[Any]) -> None:
    device = OnvifDevice()
    async with loaded(device) as kit:
        await listening(kit, device, reported)
        device.start_event("motion")
        device.start_event("tamper")
        await until(lambda: len(reported) == 2, 3)
        # While the connection is gone, one ends and another begins.
        await device.stop()
        device.stop_event("tamper")
        device.start_event("intrusion")
        await device.start()
        await until(lambda: len(reported) >= 4, 20)
        told = [(r.event.kind, r.event.active) for r in reported]
        assert sorted(told[2:]) == [("intrusion", True), ("tampering", False)]


async def test_a_clock_that_is_wrong_is_no_obstacle_and_is_told() -> None:
    device = OnvifDevice()
    device.clock_offset = -7200
    async with loaded(device) as kit:
        offset = kit.hub.cameras.get("yard").clock_offset
        assert offset == pytest.approx(-7200, abs=2)
        assert device.refused == 0
