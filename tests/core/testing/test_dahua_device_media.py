"""The channels and pictures of the virtual Dahua device, seen by aiohttp and libav."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import av
import pytest
from yarl import URL

from ucv.testing import until
from ucv.testing.dahua import DahuaDevice

BAD = (400, b"Error\r\nBad Request!\r\n")
Ask = Callable[[str], Awaitable[tuple[int, bytes]]]


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[tuple[DahuaDevice, Ask]]:
    digest = aiohttp.DigestAuthMiddleware("admin", "camera-secret")
    async with (
        DahuaDevice(**options) as device,
        aiohttp.ClientSession(middlewares=[digest]) as session,
    ):

        async def ask(target: str) -> tuple[int, bytes]:
            url = URL(f"{device.http.url}/cgi-bin/{target}", encoded=True)
            async with session.get(url) as response:
                return response.status, await response.read()

        yield device, ask


async def table(ask: Ask, name: str) -> dict[str, str]:
    status, body = await ask(f"configManager.cgi?action=getConfig&name={name}")
    assert status == 200
    return dict(line.split("=", 1) for line in body.decode().strip().split("\r\n"))


def size(picture: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(picture), mode="r", format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


def play(url: str) -> tuple[int, int]:
    """Return the size of a stream's pictures."""
    address = url.replace("//", "//admin:camera-secret@")
    options = {"rtsp_transport": "tcp", "analyzeduration": "100000", "probesize": "100000"}
    kind = None if address.startswith("rtsp") else "mpjpeg"
    with av.open(address, mode="r", options=options, format=kind, timeout=5) as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


# --- pictures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "good", "bad"),
    [
        ({}, ["", "?channel=1"], ["?channel=0", "?channel=2", "?channel=x"]),
        ({"quirks": ["zero-based-channels"]}, ["", "?channel=0"], ["?channel=1"]),
        ({"quirks": ["no-channel-parameter"]}, [""], ["?channel=1", "?channel=0"]),
        ({"quirks": ["no-snapshot"]}, [], ["", "?channel=1", "?channel=0"]),
        ({"channels": 3}, ["?channel=1", "?channel=3"], ["?channel=0", "?channel=4"]),
    ],
    ids=["camera", "from zero", "no channel", "none", "recorder"],
)
async def test_snapshots_are_taken_of_channels_that_are_there(
    options: dict[str, Any], good: list[str], bad: list[str]
) -> None:
    async with running(**options) as (_, ask):
        for query in good:
            status, picture = await ask(f"snapshot.cgi{query}")
            assert (status, size(picture)) == (200, (640, 360))
        for query in bad:
            assert await ask(f"snapshot.cgi{query}") == BAD


async def test_each_camera_of_a_recorder_shows_another_picture() -> None:
    async with running(channels=2) as (_, ask):
        first, second, again = [
            await ask(f"snapshot.cgi?channel={channel}") for channel in (1, 2, 1)
        ]
    assert first == again != second


async def test_the_snapshot_of_channel_0_may_never_come() -> None:
    async with running(quirks=["snapshot-zero-hangs"]) as (_, ask):
        assert (await ask("snapshot.cgi?channel=1"))[0] == 200
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask("snapshot.cgi?channel=0"), 0.2)


async def test_mjpeg_is_shown_of_an_extra_stream_that_is_encoded_so() -> None:
    async with running() as (device, ask):
        video = "mjpg/video.cgi?channel=1&subtype={}"
        for subtype in (0, 1, 2, 9):
            assert await ask(video.format(subtype)) == BAD
        await ask(
            "configManager.cgi?action=setConfig&Encode[0].ExtraFormat[0].Video.Compression=MJPG"
        )
        assert await ask(video.format(0)) == BAD
        # libav answers no challenge of Digest without a login before.
        device.http.guard.scheme = "none"
        url = f"{device.http.url}/cgi-bin/{video.format(1)}"
        assert await asyncio.to_thread(play, url) == (640, 360)
        await until(lambda: device.pictures.viewers == 0)
        device.store["Encode[0].ExtraFormat[0].VideoEnable"] = False
        assert await ask(video.format(1)) == BAD


async def test_some_show_the_main_stream_as_mjpeg() -> None:
    async with running(quirks=["mjpeg-main-stream"]) as (device, _):
        device.http.guard.scheme = "none"
        url = f"{device.http.url}/cgi-bin/mjpg/video.cgi?channel=1&subtype=0"
        assert await asyncio.to_thread(play, url) == (640, 360)


@pytest.mark.parametrize(
    ("quirks", "channel"), [((), 2), (("zero-based-channels",), 1), (("basic-only",), 2)]
)
async def test_streams_play_at_the_port_that_the_device_tells(
    quirks: tuple[str, ...], channel: int
) -> None:
    async with running(channels=2, quirks=quirks) as (device, _):
        port = device.store["RTSP.Port"]
        for subtype, expected in ((0, (640, 360)), (1, (320, 180))):
            url = f"rtsp://127.0.0.1:{port}/cam/realmonitor?channel={channel}&subtype={subtype}"
            assert await asyncio.to_thread(play, url) == expected
        with pytest.raises(av.error.HTTPNotFoundError):
            await asyncio.to_thread(play, url.replace("subtype=1", "subtype=2"))


async def test_streams_that_are_not_there_are_guarded_too() -> None:
    async with running() as (device, _):
        with pytest.raises(av.error.HTTPUnauthorizedError):
            await asyncio.to_thread(av.open, device.rtsp.url("/no/such/path"), timeout=5)


async def test_an_extra_stream_may_be_off() -> None:
    async with running(quirks=["extra-stream-off"]) as (device, _):
        assert device.paths(1) == ["/cam/realmonitor?channel=1&subtype=0"]
        with pytest.raises(av.error.HTTPNotFoundError):
            await asyncio.to_thread(play, device.rtsp.url("/cam/realmonitor?channel=1&subtype=1"))


# --- recorders ----------------------------------------------------------------------------------


async def test_a_recorder_tells_of_its_cameras() -> None:
    async with running(channels=3, serial="R1") as (_, ask):
        assert (await ask("magicBox.cgi?action=getDeviceClass"))[1] == b"class=NVR\r\n"
        assert (await ask("devVideoInput.cgi?action=getCollect"))[1] == b"result=4\r\n"
        definition = "magicBox.cgi?action=getProductDefinition&name=MaxRemoteInputChannels"
        assert (await ask(definition))[1] == b"table.MaxRemoteInputChannels=4\r\n"
        titles = await table(ask, "ChannelTitle")
        assert list(titles.values()) == ["Camera 1", "Camera 2", "Camera 3", "Channel4"]
        remote = await table(ask, "RemoteDevice")
        row = "table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_2"
        assert remote[f"{row}.Enable"] == "true"
        assert remote[f"{row}.ProtocolType"] == "Private"
        assert remote[f"{row}.SerialNo"] == "R1C003"
        encode = await table(ask, "Encode")
        assert "table.Encode[2].MainFormat[0].Video.FPS" in encode
        assert not any(name.startswith("table.Encode[3]") for name in encode)


STATES = "LogicDeviceManager.cgi?action=getCameraState&uniqueChannels[0]="


async def test_states_tell_which_cameras_are_there() -> None:
    async with running(channels=2) as (device, ask):
        device.set_online(2, False)
        _, body = await ask(f"{STATES}-1")
        assert body == b"".join(
            b"states[%d].channel=%d\r\nstates[%d].connectionState=%b\r\n" % (i, i, i, state)
            for i, state in enumerate([b"Connected", b"Unconnect", b"Unconnect", b"Unconnect"])
        )
        _, one = await ask(f"{STATES}1")
        assert one == b"states[0].channel=1\r\nstates[0].connectionState=Unconnect\r\n"
        assert await ask(f"{STATES}4") == BAD
        assert await ask(STATES) == BAD


async def test_a_camera_that_is_away_shows_nothing_until_it_is_back() -> None:
    async with running(channels=2) as (device, ask):
        url = device.rtsp.url(device.paths(2)[0])
        device.set_online(2, False)
        assert (await ask("snapshot.cgi?channel=2"))[0] == 500
        with pytest.raises(av.error.HTTPNotFoundError):
            await asyncio.to_thread(play, url)
        device.set_online(2, True)
        assert (await ask("snapshot.cgi?channel=2"))[0] == 200
        assert await asyncio.to_thread(play, url) == (640, 360)


async def test_cameras_come_and_go() -> None:
    async with running(channels=2) as (device, ask):
        row = "RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_{}.Enable"
        assert device.add_channel("Gate") == 3
        assert device.store["ChannelTitle[2].Name"] == "Gate"
        assert await asyncio.to_thread(play, device.rtsp.url(device.paths(3)[1])) == (320, 180)
        device.start_event(channel=1)
        device.start_event(channel=2)
        device.remove_channel(1)
        assert device.events.active("VideoMotion") == [1]
        assert await ask("snapshot.cgi?channel=1") == BAD
        assert device.store[row.format(0)] == "false"
        assert (await ask("configManager.cgi?action=getConfig&name=Encode[0]"))[0] == 400
        with pytest.raises(av.error.HTTPNotFoundError):
            await asyncio.to_thread(play, device.rtsp.url("/cam/realmonitor?channel=1&subtype=0"))
        assert 1 not in device.ptz
        assert device.add_channel() == 1
        assert device.store[row.format(0)] == "true"
        assert device.add_channel() == 4
        with pytest.raises(ValueError, match="full"):
            device.add_channel()
        with pytest.raises(ValueError, match="place 1"):
            device.add_channel(number=1)
        device.remove_channel(2)
        with pytest.raises(KeyError):
            device.remove_channel(2)


async def test_what_it_says_of_cameras_may_be_stale() -> None:
    async with running(channels=3, quirks=["stale-remote-enable", "onvif-cameras"]) as (
        device,
        ask,
    ):
        device.remove_channel(1)
        remote = await table(ask, "RemoteDevice")
        row = "table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_{}.{}"
        enabled = [remote[row.format(index, "Enable")] for index in range(3)]
        assert enabled == ["true", "false", "true"]
        assert remote[row.format(0, "ProtocolType")] == "Onvif"
        _, states = await ask(f"{STATES}-1")
        assert states.count(b"=Connected") == 2


async def test_channels_may_be_inputs_of_its_own() -> None:
    async with running(channels=4, quirks=["analogue-inputs"]) as (_, ask):
        assert await ask("configManager.cgi?action=getConfig&name=RemoteDevice") == BAD
        assert (await ask(f"{STATES}-1"))[0] == 501
        assert (await ask("devVideoInput.cgi?action=getCollect"))[1] == b"result=4\r\n"
        assert (await ask("snapshot.cgi?channel=4"))[0] == 200


async def test_a_camera_has_no_table_of_others() -> None:
    async with running() as (_, ask):
        assert await ask("configManager.cgi?action=getConfig&name=RemoteDevice") == BAD
        assert (await ask(f"{STATES}-1"))[0] == 501
        assert (await ask("devVideoInput.cgi?action=getCollect"))[1] == b"result=1\r\n"


async def test_a_title_that_is_set_names_the_camera() -> None:
    async with running(channels=2) as (device, ask):
        await ask("configManager.cgi?action=setConfig&ChannelTitle[1].Name=North%20Gate")
        assert device.inputs[2].name == "North Gate"


async def test_64_channels_start_quickly_and_share_their_pictures() -> None:
    async with DahuaDevice("Many"):
        pass  # its clips are encoded now
    started = time.perf_counter()
    async with DahuaDevice("Many", channels=64) as device:
        assert time.perf_counter() - started < 3.0
        assert len(device.rtsp.mounts) == 129
        assert len({id(mount.clip) for mount in device.rtsp.mounts.values()}) == 2
        assert await asyncio.to_thread(play, device.rtsp.url(device.paths(64)[1])) == (320, 180)
