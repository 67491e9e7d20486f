"""Recorders: one entry, one camera for each channel, few requests, one alert stream."""

from __future__ import annotations

import pytest

from ucv import Motion, StorageFailure, VideoLoss
from ucv.cameras.camera_event import CameraReported, DeviceReported
from ucv.entries.entry import EntryState
from ucv.entries.supervisor import FOLLOW_INTERVAL
from ucv.testing import FakeClock, until
from ucv.testing.hikvision import HikvisionDevice
from ucv.testing.hub import HubKit
from ucv.testing.plugin import StartHub


async def add(kit: HubKit, device: HikvisionDevice) -> None:
    await kit.add({"integration": "hikvision", "id": "nvr", **device.config})
    await kit.reaches("nvr", EntryState.LOADED, 30)


async def test_a_recorder_with_8_channels_brings_8_cameras_with_two_streams_each(
    ucv_hub: StartHub,
) -> None:
    async with HikvisionDevice(channels=8, ptz=[3]) as device:
        kit = await ucv_hub()
        await add(kit, device)
        cameras = sorted(kit.hub.cameras.list(), key=lambda camera: camera.id)
        assert [camera.name for camera in cameras] == [f"Camera {n:02d}" for n in range(1, 9)]
        assert [camera.channel for camera in cameras] == [str(n) for n in range(1, 9)]
        for camera in cameras:
            main, sub = camera.profiles
            assert main.url.endswith(f"/Streaming/Channels/{camera.channel}01")
            assert (main.codec, sub.role) == ("h264", "sub")
            assert camera.unique_id == f"{device.unit.serial}-{camera.channel}"
            assert camera.model == "DS-2CD2143G2-I"
            moves = "ptz" in camera.capabilities
            assert moves == (camera.channel == "3")
        live = await kit.hub.control.snapshot("nvr.5", "sub")
        assert live.data[:2] == b"\xff\xd8"
        picture = await kit.hub.control.ask("nvr.8", "snapshot")
        assert picture.data[:2] == b"\xff\xd8"
        assert device.refused == 0


@pytest.mark.parametrize("channels", [8, 64])
async def test_setting_up_takes_as_many_requests_whatever_the_number_of_channels(
    channels: int, ucv_hub: StartHub
) -> None:
    clock = FakeClock()
    async with HikvisionDevice(channels=channels, ptz=[2, 5], clock=clock) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device)
        assert len(kit.hub.cameras.list()) == channels
        await until(lambda: device.alerts.listeners)
        # The login state, one challenge, eight tables, one alert stream for all, and of the two
        # channels that move how they do.
        assert device.http.counters.total == 11 + 2
        assert device.rtsp.counters.connections == 1
        assert device.alerts.listeners == 1

        before = device.http.counters.total
        await clock.advance(FOLLOW_INTERVAL + 1)
        await until(lambda: device.http.counters.total >= before + 2)
        await clock.settle()
        assert device.http.counters.total == before + 2


@pytest.mark.parametrize("channels", [8, 64])
async def test_where_the_recorder_does_not_tell_which_channels_move_each_is_asked_once(
    channels: int, ucv_hub: StartHub
) -> None:
    async with HikvisionDevice(channels=channels, ptz=False) as device:
        kit = await ucv_hub()
        await add(kit, device)
        await until(lambda: device.alerts.listeners)
        assert device.http.counters.total == 11 + channels


async def test_channels_that_come_and_go_are_followed(ucv_hub: StartHub) -> None:
    clock = FakeClock()
    async with HikvisionDevice(channels=2, clock=clock) as device:
        kit = await ucv_hub(clock=clock)
        await add(kit, device)

        async def follow(*ids: str) -> None:
            await clock.advance(FOLLOW_INTERVAL + 1)
            await until(lambda: {c.id for c in kit.hub.cameras.list()} == set(ids))

        device.add_channel("New gate")
        await follow("nvr.1", "nvr.2", "nvr.3")
        assert kit.hub.cameras.get("nvr.3").name == "New gate"
        device.remove_channel(2)
        await follow("nvr.1", "nvr.3")
        device.set_online(3, False)
        await clock.advance(FOLLOW_INTERVAL + 1)
        await until(lambda: kit.hub.cameras.get("nvr.3").online is False)
        device.set_online(3, True)
        await clock.advance(FOLLOW_INTERVAL + 1)
        await until(lambda: kit.hub.cameras.get("nvr.3").online is True)
        assert "ptz" in kit.hub.cameras.get("nvr.3").capabilities


async def test_events_come_from_the_camera_whose_channel_they_name(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(channels=3, quirks=["dyn-channel-id"]) as device:
        kit = await ucv_hub()
        seen: list[CameraReported] = []
        own: list[DeviceReported] = []
        kit.hub.bus.subscribe(CameraReported, seen.append)
        kit.hub.bus.subscribe(DeviceReported, own.append)
        await add(kit, device)
        await until(lambda: device.alerts.listeners)
        device.start_event("VMD", 2)
        device.set_online(3, False)
        device.start_event("diskfull")
        await until(lambda: len(seen) == 2 and own, 1)
        assert [(r.camera_id, type(r.event)) for r in seen] == [
            ("nvr.2", Motion),
            ("nvr.3", VideoLoss),
        ]
        assert [type(report.event) for report in own] == [StorageFailure]


async def test_a_loss_of_the_channel_that_heartbeats_name_does_not_flicker(
    ucv_hub: StartHub,
) -> None:
    clock = FakeClock()
    async with HikvisionDevice(channels=2, clock=clock) as device:
        device.alerts.heartbeat = 10
        kit = await ucv_hub(clock=clock)
        seen: list[CameraReported] = []
        kit.hub.bus.subscribe(CameraReported, seen.append)
        await add(kit, device)
        await until(lambda: device.alerts.listeners)
        device.set_online(1, False)
        await until(lambda: seen)
        for _ in range(25):
            sent = device.http.counters.total
            await clock.advance(1)
            assert device.http.counters.total >= sent
        assert [report.event.active for report in seen] == [True]


async def test_a_hybrid_recorder_has_its_analogue_inputs_first(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(channels=4, analogue=2) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert {c.id for c in kit.hub.cameras.list()} == {f"nvr.{n}" for n in range(1, 5)}
        assert kit.hub.cameras.get("nvr.4").model == "DS-2CD2143G2-I"
        assert kit.hub.cameras.get("nvr.1").model is None


async def test_a_recorder_with_one_channel_is_still_one(ucv_hub: StartHub) -> None:
    async with HikvisionDevice(channels=1, recorder=True) as device:
        kit = await ucv_hub()
        await add(kit, device)
        assert [camera.id for camera in kit.hub.cameras.list()] == ["nvr.1"]
