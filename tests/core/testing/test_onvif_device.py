"""The virtual ONVIF device, driven by onvif-zeep-async, which goes by the standard's WSDL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import onvif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zeep.exceptions import Fault

from ucv.media.xml import parse
from ucv.testing import FakeClock, OnvifDevice, until
from ucv.testing.onvif import QUIRKS


@contextlib.asynccontextmanager
async def client(device: OnvifDevice, **options: Any) -> AsyncIterator[Any]:
    camera = onvif.ONVIFCamera(
        device.host,
        device.http_port,
        options.get("username", device.username),
        options.get("password", device.password),
        adjust_time=True,
    )
    try:
        await camera.update_xaddrs()
        yield camera
    finally:
        await camera.close()


async def test_a_client_by_the_wsdl_finds_who_it_is_and_what_it_streams() -> None:
    async with OnvifDevice("Yard") as device, client(device) as camera:
        management = await camera.create_devicemgmt_service()
        info = await management.GetDeviceInformation()
        assert (info.Model, info.SerialNumber) == ("ONVIF 2", "ON0123456789")
        (interface,) = await management.GetNetworkInterfaces()
        assert interface.Info.HwAddress == "02:00:5e:10:00:01"
        media = await camera.create_media_service()
        main, sub = await media.GetProfiles()
        assert main.VideoEncoderConfiguration.Resolution.Width == 640
        assert sub.VideoEncoderConfiguration.Encoding == "H264"
        assert main.AudioEncoderConfiguration.Encoding == "AAC"
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        uri = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": main.token})
        assert uri.Uri == device.rtsp.url("/onvif/channel1?profile=main&unicast=true")
        still = await media.GetSnapshotUri({"ProfileToken": main.token})
        assert still.Uri.endswith("/onvif/snapshot?channel=1")
        assert device.refused == 0


async def test_a_client_by_the_wsdl_moves_it_and_sets_its_filter() -> None:
    async with OnvifDevice() as device, client(device) as camera:
        ptz = await camera.create_ptz_service()
        token = "Profile_1_1"
        (node,) = await ptz.GetNodes()
        assert (node.MaximumNumberOfPresets, node.HomeSupported) == (16, True)
        velocity = {"PanTilt": {"x": 0.5, "y": -1}, "Zoom": {"x": 1}}
        await ptz.ContinuousMove({"ProfileToken": token, "Velocity": velocity})
        moved = device.ptz[1].velocity
        await ptz.Stop({"ProfileToken": token, "PanTilt": True, "Zoom": True})
        assert (moved, device.ptz[1].velocity) == ((0.5, -1, 1), (0, 0, 0))
        await ptz.AbsoluteMove({"ProfileToken": token, "Position": {"PanTilt": {"x": 1, "y": 0}}})
        preset = await ptz.SetPreset({"ProfileToken": token, "PresetName": "Gate"})
        await ptz.RelativeMove(
            {"ProfileToken": token, "Translation": {"PanTilt": {"x": -0.25, "y": 0}}}
        )
        assert device.ptz[1].position.pan == 0.75
        await ptz.GotoPreset({"ProfileToken": token, "PresetToken": preset})
        status = await ptz.GetStatus({"ProfileToken": token})
        assert status.Position.PanTilt.x == 1
        assert [one.Name for one in await ptz.GetPresets({"ProfileToken": token})] == ["Gate"]
        await ptz.RemovePreset({"ProfileToken": token, "PresetToken": preset})
        await ptz.GotoHomePosition({"ProfileToken": token})
        assert device.ptz[1].position.pan == 0
        imaging = await camera.create_imaging_service()
        source = {"VideoSourceToken": "VideoSource_1"}
        await imaging.SetImagingSettings({**source, "ImagingSettings": {"IrCutFilter": "OFF"}})
        assert (await imaging.GetImagingSettings(source)).IrCutFilter == "OFF"


async def test_a_client_by_the_wsdl_pulls_its_events() -> None:
    async with OnvifDevice() as device, client(device) as camera:
        device.start_event("alarm")
        manager = await camera.create_pullpoint_manager(
            __import__("datetime").timedelta(seconds=60), lambda: None
        )
        service = manager.get_service()
        await manager.set_synchronization_point()
        pull = {"Timeout": "PT5S", "MessageLimit": 100}
        found = await service.PullMessages(pull)
        topics = {message.Topic._value_1 for message in found.NotificationMessage}
        assert topics == {"tns1:VideoSource/MotionAlarm"}
        device.start_event("motion")
        found = await service.PullMessages(pull)
        (message,) = found.NotificationMessage
        assert message.Topic._value_1 == "tns1:RuleEngine/CellMotionDetector/Motion"
        items = {item.Name: item.Value for item in message.Message._value_1.Data.SimpleItem}
        assert items == {"IsMotion": "true"}
        await manager.shutdown()
        assert device.events.given_back == 1


async def test_tokens_are_counted_when_they_are_wrong() -> None:
    async with OnvifDevice() as device:
        with pytest.raises(Fault):
            async with client(device, password="wrong"):
                pass
        assert set(device.tokens.reasons) == {"the password is wrong"}
        assert device.refused == len(device.tokens.reasons)


async def test_a_token_of_another_time_or_used_before_is_refused() -> None:
    async with OnvifDevice() as device:
        device.clock_offset = 3600
        camera = onvif.ONVIFCamera(device.host, device.http_port, device.username, device.password)
        try:
            management = await camera.create_devicemgmt_service()
            with pytest.raises(Fault):
                await management.GetDeviceInformation()
            assert device.tokens.reasons[-1] == "the token is too old, or of the future"
        finally:
            await camera.close()
        request = next(one for one in device.http.requests if b"UsernameToken" in one.body)
        device.clock_offset = 0
        statuses = []
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                url = f"{device.http.url}/onvif/device_service"
                async with session.post(url, data=request.body) as answer:
                    statuses.append(answer.status)
        assert statuses == [200, 401]
        assert device.tokens.reasons[-1] == "the nonce was used before"


async def test_a_client_by_the_wsdl_gets_along_with_a_clock_that_is_wrong() -> None:
    async with OnvifDevice() as device:
        device.clock_offset = -3600
        async with client(device) as camera:
            await (await camera.create_devicemgmt_service()).GetDeviceInformation()
        assert device.refused == 0


async def test_a_subscription_ends_when_its_time_is_over() -> None:
    clock = FakeClock()
    device = OnvifDevice(clock=clock)
    async with device:
        device.events.subscriptions.clear()
        body = (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
            "<CreatePullPointSubscription><InitialTerminationTime>PT60S</InitialTerminationTime>"
            "</CreatePullPointSubscription></s:Body></s:Envelope>"
        )
        async with aiohttp.ClientSession() as session:
            url = f"{device.http.url}/onvif/event_service"
            auth = aiohttp.DigestAuthMiddleware(device.username, device.password)
            async with session.post(url, data=body, middlewares=(auth,)) as answer:
                assert answer.status == 200
                assert parse(await answer.read()).find(".//SubscriptionReference") is not None
        assert len(device.events.subscriptions) == 1
        await clock.advance(61)
        assert not device.events.subscriptions


async def test_a_reboot_cuts_everything_and_is_over_some_time_later() -> None:
    clock = FakeClock()
    async with OnvifDevice(clock=clock) as device:
        device.reboot()
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.post(f"{device.http.url}/onvif/device_service", data="<x/>")
            await clock.advance(31)
            async with session.post(f"{device.http.url}/onvif/device_service", data="<x/>") as a:
                assert a.status == 400
        assert device.rebooted == 1


async def test_sixty_four_sources_start_soon() -> None:
    async with asyncio.timeout(20):
        async with OnvifDevice(channels=64) as device:
            assert len(device.rtsp.mounts) == 129
            device.remove_channel(64)
            assert device.add_channel() == 64


def test_every_quirk_says_what_it_does_and_others_are_refused() -> None:
    assert all(about.endswith(".") for about in QUIRKS.values())
    with pytest.raises(ValueError, match="flying"):
        OnvifDevice(quirks=["flying"])


@given(st.binary(max_size=300))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
def test_nonsense_is_answered_with_a_fault(body: bytes) -> None:
    async def ask() -> int:
        async with OnvifDevice() as device, aiohttp.ClientSession() as session:
            url = f"{device.http.url}/onvif/media_service"
            async with session.post(url, data=body) as answer:
                return answer.status

    assert asyncio.run(ask()) in (400, 401)


async def test_a_live_scene_reports_its_motion() -> None:
    async with OnvifDevice(scene=True) as device:
        device.ptz[1].move(pan=1)
        await until(lambda: device.events._states.get(("motion", 1)), 5)
