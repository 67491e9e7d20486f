"""The virtual Dahua device with a scene that its head turns over."""

from __future__ import annotations

import asyncio

import aiohttp
import av

from ucv.testing import until
from ucv.testing.dahua import DahuaDevice


async def snapshot(device: DahuaDevice, channel: int) -> bytes:
    digest = aiohttp.DigestAuthMiddleware("admin", "camera-secret")
    url = f"{device.http.url}/cgi-bin/snapshot.cgi?channel={channel}"
    async with (
        aiohttp.ClientSession(middlewares=[digest]) as session,
        session.get(url) as response,
    ):
        assert response.status == 200
        return await response.read()


def play(url: str) -> tuple[int, int]:
    address = url.replace("//", "//admin:camera-secret@")
    with av.open(address, options={"rtsp_transport": "tcp"}, timeout=10) as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


async def test_its_streams_and_pictures_are_live() -> None:
    async with DahuaDevice(scene=True) as device:
        main, sub = [device.rtsp.url(path) for path in device.paths(1)]
        assert await asyncio.to_thread(play, main) == (640, 360)
        assert await asyncio.to_thread(play, sub) == (320, 180)
        first = await snapshot(device, 1)
        device.ptz[1].absolute(pan=1)
        assert await snapshot(device, 1) != first


async def test_motion_is_reported_while_the_head_turns() -> None:
    async with DahuaDevice(channels=2, scene=True) as device:
        # The other one's boat may sail, too.
        device.ptz[2].move(pan=0.1)
        await until(lambda: 1 in device.events.active("VideoMotion"))


async def test_a_camera_that_is_put_back_turns_over_a_scene_of_its_own() -> None:
    async with DahuaDevice(channels=2, scene=True) as device:
        before = device.scenes[2]
        device.remove_channel(2)
        assert set(device.scenes) == {1}
        assert device.add_channel() == 2
        assert device.scenes[2] is not before
        device.ptz[2].move(pan=0.1)
        await until(lambda: 1 in device.events.active("VideoMotion"))
        device.set_online(2, False)
        device.events.forget()
        device.start_event(channel=2)
        assert 1 not in device.events.active("VideoMotion")


async def test_a_device_that_was_off_is_as_lively_as_before() -> None:
    async with DahuaDevice(scene=True) as device:
        await device.stop()
        assert not device.scenes
        await device.start()
        url = device.rtsp.url(device.paths(1)[1])
        assert await asyncio.to_thread(play, url) == (320, 180)
        device.ptz[1].move(pan=0.1)
        await until(lambda: device.events.active("VideoMotion") == [0])
