"""The virtual Hikvision recorder: its cameras come, go and fail."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from xml.etree.ElementTree import Element, fromstring

import aiohttp
import pytest

from ucv.testing.hikvision import HikvisionDevice

PROXY = "/ISAPI/ContentMgmt/InputProxy/channels"
INPUTS = "/ISAPI/System/Video/inputs/channels"
Ask = Callable[[str], Awaitable[tuple[int, Element]]]


@asynccontextmanager
async def asking(device: HikvisionDevice) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession() as session:

        async def ask(path: str) -> tuple[int, Element]:
            async with session.get(f"{device.http.url}{path}") as response:
                root = fromstring(await response.read())  # noqa: S314 - written by our own device
                for one in root.iter():
                    one.tag = one.tag.rpartition("}")[2]
                return response.status, root

        yield ask


def each(answer: tuple[int, Element], path: str) -> list[str | None]:
    assert answer[0] == 200
    return [one.findtext(path) for one in answer[1]]


async def test_a_recorder_lists_its_cameras_and_what_they_are() -> None:
    async with HikvisionDevice(channels=3, auth="none") as device, asking(device) as ask:
        listed = await ask(PROXY)
        assert each(listed, "id") == ["1", "2", "3"]
        assert each(listed, "name") == ["Camera 01", "Camera 02", "Camera 03"]
        serials = each(listed, "sourceInputPortDescriptor/serialNumber")
        assert len(set(serials)) == 3
        assert each(listed, "sourceInputPortDescriptor/managePortNo") == ["8000"] * 3
        one = (await ask(f"{PROXY}/2"))[1]
        assert (one.tag, one.findtext("name")) == ("InputProxyChannel", "Camera 02")
        assert (await ask(f"{PROXY}/4"))[0] == 404
        streams = each(await ask("/ISAPI/Streaming/channels"), "id")
        assert streams == ["101", "102", "201", "202", "301", "302"]
        assert each(await ask(INPUTS), "id") == []
        abilities = (await ask("/ISAPI/System/capabilities"))[1]
        assert abilities.findtext("SysCap/VideoCap/videoInputPortNums") == "0"
        assert abilities.findtext("RacmCap/inputProxyNums") == "3"
        assert (await ask("/ISAPI/System/deviceInfo"))[1].findtext("deviceType") == "NVR"
        assert device.http.server_header == "DNVRS-Webs"


async def test_analogue_inputs_are_no_proxies() -> None:
    async with (
        HikvisionDevice(channels=4, analogue=3, auth="none") as device,
        asking(device) as ask,
    ):
        assert each(await ask(INPUTS), "id") == ["1", "2", "3"]
        assert each(await ask(PROXY), "id") == ["4"]
        assert (await ask(f"{INPUTS}/4"))[0] == 404
        abilities = (await ask("/ISAPI/System/capabilities"))[1]
        assert abilities.findtext("SysCap/VideoCap/videoInputPortNums") == "3"
        assert abilities.findtext("RacmCap/inputProxyNums") == "1"
        assert (await ask("/ISAPI/System/deviceInfo"))[1].findtext("deviceType") == "DVR"
        device.set_online(2, False)
        assert each(await ask(INPUTS), "resDesc") == ["1080P25", "NO VIDEO", "1080P25"]


async def test_a_plain_camera_has_inputs_and_no_proxies() -> None:
    async with HikvisionDevice(auth="none") as device, asking(device) as ask:
        assert each(await ask(INPUTS), "id") == ["1"]
        for path in (PROXY, f"{PROXY}/status", f"{PROXY}/1"):
            status, refusal = await ask(path)
            assert (status, refusal.findtext("subStatusCode")) == (403, "notSupport")


async def test_a_camera_that_is_offline_says_so_and_shows_nothing() -> None:
    async with HikvisionDevice(channels=2, auth="none") as device, asking(device) as ask:
        picture = "/ISAPI/Streaming/channels/201/picture"
        device.set_online(2, False)
        assert each(await ask(f"{PROXY}/status"), "online") == ["true", "false"]
        assert (await ask(f"{PROXY}/2/status"))[1].findtext("chanDetectResult") == "netUnreachable"
        assert (await ask(picture))[1].findtext("statusCode") == "3"
        assert device.rtsp.mounts["/Streaming/Channels/201"].faults.missing
        assert not device.rtsp.mounts["/Streaming/Channels/101"].faults.missing
        device.set_online(2, True)
        assert each(await ask(f"{PROXY}/status"), "online") == ["true", "true"]
        assert not device.rtsp.mounts["/Streaming/Channels/201"].faults.missing


async def test_cameras_come_and_go_and_numbers_are_used_again() -> None:
    async with HikvisionDevice(channels=3, auth="none") as device, asking(device) as ask:
        device.remove_channel(2)
        assert each(await ask(PROXY), "id") == ["1", "3"]
        assert (await ask("/ISAPI/Streaming/channels/201"))[0] == 404
        assert not [path for path in device.rtsp.mounts if path.endswith(("/201", "/202"))]
        assert device.add_channel("Gate") == 2
        assert device.add_channel() == 4
        assert each(await ask(PROXY), "name") == ["Camera 01", "Gate", "Camera 03", "Camera 04"]
        assert "/Streaming/Channels/402" in device.rtsp.mounts
        with pytest.raises(KeyError):
            device.remove_channel(5)


async def test_sixty_four_channels_start_fast_and_share_their_clips() -> None:
    async with HikvisionDevice(auth="none"):
        pass  # its clips are kept for the next time
    began = time.monotonic()
    async with HikvisionDevice(channels=64, auth="none") as device, asking(device) as ask:
        assert time.monotonic() - began < 5
        assert len(each(await ask("/ISAPI/Streaming/channels"), "id")) == 128
        assert len(each(await ask(f"{PROXY}/status"), "online")) == 64
        clips = {id(mount.clip) for mount in device.rtsp.mounts.values()}
        assert len(clips) == 2
