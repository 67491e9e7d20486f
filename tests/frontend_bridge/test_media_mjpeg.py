"""A camera of JPEG pictures behind the bridge: who gets the camera's own, and who gets H.264."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest_asyncio
from aiohttp import WSMsgType

from tests.frontend_bridge.conftest import Stage
from ucv.testing import MjpegDevice, until

CODECS = "avc1.640029,avc1.64002A"


@pytest_asyncio.fixture
async def device(stage: Stage) -> AsyncIterator[MjpegDevice]:
    async with MjpegDevice(width=160, height=90, rate=20) as device:
        await stage.add("yard", integration="mjpeg", url=f"{device.url}/video")
        yield device
        await stage.hub.entries.delete("yard")


async def ask(stage: Stage, kind: str, value: Any = None, **more: Any) -> Any:
    """Open the media endpoint and ask for pictures."""
    socket = await stage.client(stage.admin).ws_connect("/api/ws?src=yard")
    await socket.send_json({"type": kind, "value": value, **more})
    return socket


async def binary(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        message = await socket.receive(timeout=5)
        assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
        if message.type is WSMsgType.BINARY:
            found.append(message.data)
    return found


async def test_viewers_of_pictures_get_the_camera_s_own_bytes(
    stage: Stage, device: MjpegDevice
) -> None:
    first, second = await ask(stage, "mjpeg"), await ask(stage, "mjpeg")
    assert (await first.receive_json()) == {"type": "mjpeg"}
    for socket in (first, second):
        pictures = await binary(socket, 5)
        assert set(pictures) <= set(device.pictures)
        assert len(set(pictures)) == 5
    assert device.viewers == 1
    await first.close()
    await second.close()


async def test_a_snapshot_is_one_of_the_camera_s_own_pictures(
    stage: Stage, device: MjpegDevice
) -> None:
    for query in ("", "?profile=main"):
        async with stage.client(stage.admin).get(
            f"/api/cameras/yard/snapshot.jpg{query}"
        ) as answer:
            assert answer.status == 200
            assert answer.content_type == "image/jpeg"
            assert await answer.read() in device.pictures


async def test_players_get_h264_of_the_same_stream(stage: Stage, device: MjpegDevice) -> None:
    plain, shared = await ask(stage, "mse", CODECS), await ask(stage, "mse", CODECS, shared=True)
    assert (await shared.receive_json())["type"] == "status"
    for socket in (plain, shared):
        init, *fragments = await binary(socket, 6)
        assert init[4:8] == b"ftyp"
        assert b"avcC" in init
        assert all(fragment[4:8] == b"moof" for fragment in fragments)
    pictures = await ask(stage, "mjpeg")
    assert (await binary(pictures, 1))[0] in device.pictures
    assert device.viewers == 1, "the camera is read once for all"
    async with stage.client(stage.admin).get("/api/cameras/yard") as answer:
        view = await answer.json()
    (profile,) = view["profiles"]
    assert profile["stream"]["viewers"] == 3
    assert (profile["codec"], profile["width"], profile["height"]) == ("mjpeg", 160, 90)
    for socket in (plain, shared, pictures):
        await socket.close()


async def test_a_player_may_change_to_pictures_and_back(stage: Stage, device: MjpegDevice) -> None:
    socket = await ask(stage, "mse", CODECS)
    await binary(socket, 2)
    await socket.send_json({"type": "mjpeg"})
    await until(lambda: device.viewers == 1)
    while (await binary(socket, 1))[0] not in device.pictures:
        pass
    await socket.send_json({"type": "mse", "value": CODECS})
    while (await binary(socket, 1))[0][4:8] != b"ftyp":
        pass
    await socket.close()


async def test_a_camera_that_goes_away_is_told_to_players_of_h264(
    stage: Stage, device: MjpegDevice
) -> None:
    socket = await ask(stage, "mse", CODECS, shared=True)
    await binary(socket, 3)
    await device.stop()
    while True:
        message = await socket.receive(timeout=10)
        if message.type is WSMsgType.TEXT:
            told = message.json()
            if told["type"] == "status" and told["value"]["state"] == "retrying":
                break
    assert told["value"]["reason"]["code"] == "CONN_CLOSED"
    await socket.close()
    await device.start()
