"""The virtual Hikvision camera that looks at something: its head turns, and motion is told."""

from __future__ import annotations

import asyncio
import io

import av
import pytest

from ucv.testing import until
from ucv.testing.hikvision import HikvisionDevice


def shown(device: HikvisionDevice, path: str) -> tuple[int, int]:
    """Return width and height of what a stream shows."""
    address = f"{device.username}:{device.password}@127.0.0.1:{device.rtsp_port}"
    options = {"rtsp_transport": "tcp"}
    with av.open(f"rtsp://{address}{path}", mode="r", options=options, timeout=10) as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


def brightness(picture: bytes) -> bytes:
    """Return the middle of a JPEG picture as grey values, without counter and clock."""
    with av.open(io.BytesIO(picture), mode="r", format="jpeg_pipe") as container:
        frame = next(container.decode(video=0)).reformat(64, 36, "gray")
        plane = frame.planes[0]
        rows = [bytes(plane)[row * plane.line_size :][:64] for row in range(12, 30)]
        return b"".join(rows)


def difference(one: bytes, other: bytes) -> float:
    """Return by how much grey values differ on average."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


@pytest.mark.slow
async def test_streams_of_a_scene_play_under_all_their_paths() -> None:
    paths = ("/Streaming/Channels/101", "/ISAPI/Streaming/Channels/102", "/Streaming/Channels/103")
    async with HikvisionDevice(scene=True, streams=3) as device:
        looks = [asyncio.to_thread(shown, device, path) for path in paths]
        assert await asyncio.gather(*looks) == [(640, 360), (320, 180), (320, 180)]


async def test_turning_the_head_turns_the_picture() -> None:
    async with HikvisionDevice(scene=True) as device:
        head = device.ptz[1]
        head.absolute(-1.0, 0.0, 0.0)
        first = brightness(await device.picture(1, 640, 360))
        again = brightness(await device.picture(1, 640, 360))
        head.absolute(1.0, 0.5, 1.0)
        after = brightness(await device.picture(1, 640, 360))
        assert difference(first, after) > 3 * difference(first, again) + 1


async def test_an_offline_camera_stays_offline_when_its_recorder_starts_again() -> None:
    async with HikvisionDevice(scene=True, channels=2) as device:
        device.set_online(2, False)
        await device.stop()
        await device.start()
        assert device.rtsp.mounts["/Streaming/Channels/201"].faults.missing
        assert not device.rtsp.mounts["/Streaming/Channels/101"].faults.missing


async def test_motion_is_told_of_channels_that_are_there() -> None:
    async with HikvisionDevice(scene=True, channels=2) as device:
        added = device.add_channel()
        device.ptz[added].move(pan=0.1)
        await until(lambda: device.alerts.goes_on("VMD", added))
        device.remove_channel(added)
        assert not device.alerts.goes_on("VMD", added)
        await asyncio.sleep(0.5)
        assert not device.alerts.goes_on("VMD", added)
