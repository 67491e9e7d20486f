"""The virtual MJPEG camera, read by libav and by aiohttp."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import aiohttp
import av
import pytest

from ucv.testing import FakeClock, until
from ucv.testing.mjpeg_device import MjpegDevice, MultipartStyle
from ucv.testing.scene import read_counter


@pytest.fixture
async def device() -> AsyncIterator[MjpegDevice]:
    async with MjpegDevice() as running:
        yield running


def counter(picture: bytes) -> int | None:
    with av.open(io.BytesIO(picture), mode="r", format="jpeg_pipe") as container:
        return read_counter(next(container.decode(video=0)))


async def stream(device: MjpegDevice) -> tuple[aiohttp.ClientResponse, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{device.url}/video") as response,
    ):
        return response, await response.read()


def test_pictures_are_jpeg_and_numbered() -> None:
    device = MjpegDevice(rate=5, seconds=1)

    async def drawn() -> tuple[bytes, ...]:
        async with device:
            return device.pictures

    pictures = asyncio.run(drawn())
    assert [counter(picture) for picture in pictures] == [0, 1, 2, 3, 4]
    assert all(picture.startswith(b"\xff\xd8") for picture in pictures)
    assert all(picture.endswith(b"\xff\xd9") for picture in pictures)


@pytest.mark.parametrize(
    "style",
    [
        MultipartStyle(),
        MultipartStyle(chunked=True),
        MultipartStyle(boundary="my boundary", declared='"my boundary"'),
        MultipartStyle(declared="--frame"),
        MultipartStyle(preamble=b"\r\n"),
    ],
    ids=["plain", "chunked", "quoted", "prefixed", "preamble"],
)
async def test_libav_plays_the_stream_in_order(style: MultipartStyle) -> None:
    async with MjpegDevice(style=style) as device:

        def read() -> list[int | None]:
            with av.open(f"{device.url}/video", mode="r", format="mpjpeg", timeout=5) as container:
                frames = container.decode(video=0)
                return [read_counter(next(frames)) for _ in range(4)]

        numbers = await asyncio.to_thread(read)
        await until(lambda: device.viewers == 0)
    assert numbers[0] is not None
    assert numbers == [(numbers[0] + step) % 20 for step in range(4)]


async def test_aiohttp_reads_its_parts(device: MjpegDevice) -> None:
    device.last_frames = 3
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{device.url}/video") as response,
    ):
        # aiohttp wants the last boundary that such a stream never has.
        reader = aiohttp.MultipartReader(response.headers, response.content)
        for _ in range(2):
            part = await reader.next()
            assert isinstance(part, aiohttp.BodyPartReader)
            assert bytes(await part.read()) in device.pictures


@pytest.mark.parametrize(
    ("style", "start"),
    [
        (MultipartStyle(), b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: "),
        (MultipartStyle(length=False), b"--frame\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8"),
        (
            MultipartStyle(length=False, newline="\n"),
            b"--frame\nContent-Type: image/jpeg\n\n\xff\xd8",
        ),
        (MultipartStyle(dashes="-- "), b"-- frame\r\n"),
        (MultipartStyle(dashes=""), b"frame\r\n"),
        (MultipartStyle(first_boundary=False), b"Content-Type: image/jpeg\r\n"),
        (MultipartStyle(part_header="content-TYPE"), b"--frame\r\ncontent-TYPE: image/jpeg"),
        (MultipartStyle(preamble=b"\r\n\r\n"), b"\r\n\r\n--frame"),
    ],
)
async def test_each_style_is_written_as_it_says(
    device: MjpegDevice, style: MultipartStyle, start: bytes
) -> None:
    device.style = style
    device.last_frames = 2
    _, body = await stream(device)
    assert body.startswith(start)
    assert body.count(style.delimiter()) == (2 if style.first_boundary else 1)
    assert body.count(b"\xff\xd9" + style.newline.encode()) == 2


async def test_a_length_can_be_wrong_and_the_type_another(device: MjpegDevice) -> None:
    device.last_frames = 1
    device.style = MultipartStyle(length_error=2)
    response, body = await stream(device)
    assert response.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    head, _, rest = body.partition(b"\r\n\r\n")
    assert int(head.rpartition(b" ")[2]) == len(rest)
    device.style = MultipartStyle(declared="other")
    assert (await stream(device))[0].headers["Content-Type"].endswith("boundary=other")
    device.style = MultipartStyle(content_type=None)
    assert "Content-Type" not in (await stream(device))[0].headers


async def test_snapshots_show_the_moment(device: MjpegDevice) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{device.url}/snap.jpg") as response,
    ):
        assert response.content_type == "image/jpeg"
        number = device.pictures.index(await response.read())
    assert (device.index_at(device.clock.time()) - number) % 20 <= 3


async def test_a_muted_stream_stays_open_and_shows_nothing() -> None:
    clock = FakeClock()
    async with (
        MjpegDevice(rate=10, clock=clock) as device,
        aiohttp.ClientSession() as session,
        session.get(f"{device.url}/video"),
    ):
        await until(lambda: clock.pending)
        await clock.advance(1)
        device.muted = True
        sent = device.sent
        await clock.advance(5)
        assert (device.sent, device.viewers) == (sent, 1)
        device.muted = False
        await clock.advance(1)
        assert device.sent == pytest.approx(sent + 10, abs=1)


async def test_a_slow_viewer_does_not_hold_up_another() -> None:
    async with MjpegDevice(rate=50, width=640, height=480) as device:
        reader, writer = await asyncio.open_connection(device.host, device.port, limit=1024)
        writer.write(b"GET /video HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readexactly(10)
        device.last_frames = 20
        _, body = await stream(device)
        assert body.count(device.style.delimiter()) == 20
        writer.close()


async def test_its_pictures_are_guarded_like_everything() -> None:
    async with MjpegDevice("admin", "secret") as device:
        response, _ = await stream(device)
        assert response.status == 401
        assert device.viewers == 0
