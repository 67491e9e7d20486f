"""Motion JPEG over HTTP as a source: what ends it, and what it keeps to itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ucv.bus import EventBus
from ucv.cameras.camera import Camera, StreamProfile
from ucv.clock import SystemClock
from ucv.errors import (
    CameraViewerError,
    CannotConnect,
    ConnectionClosed,
    EndpointNotFound,
    InvalidAuth,
    ProtocolError,
    StreamStalled,
    ValidationError,
)
from ucv.lockout import MAX_REFUSALS, Lockout
from ucv.media.access_unit import AccessUnit, VideoFormat
from ucv.streams.manager import StreamManager
from ucv.streams.mjpeg_source import MAX_PIXELS, MjpegSource
from ucv.streams.providers import default_providers
from ucv.streams.settings import StreamSettings
from ucv.streams.source import Credentials, SourceRequest
from ucv.streams.state import StreamState
from ucv.testing import Answer, FakeClock, MjpegDevice, VirtualDevice, until
from ucv.testing.mjpeg_device import MultipartStyle
from ucv.testing.streams import RecordingSink

LOGIN = Credentials("admin", "camera-secret")


class Sink:
    """Keeps what a source delivers."""

    def __init__(self) -> None:
        self.formats: list[VideoFormat] = []
        self.units: list[AccessUnit] = []
        self.bytes = 0

    def on_format(self, video_format: VideoFormat) -> None:
        self.formats.append(video_format)

    def on_access_unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)

    def on_loss(self, packets: int) -> None:
        raise AssertionError("nothing is lost over TCP")

    def on_bytes(self, count: int) -> None:
        self.bytes += count

    @property
    def pictures(self) -> list[bytes]:
        return [bytes(unit.payload) for unit in self.units]


def source(
    device: VirtualDevice, path: str = "/video", login: Credentials | None = None, **options: Any
) -> MjpegSource:
    request = SourceRequest(f"{device.url}{path}", login, {"source": "mjpeg", **options})
    return MjpegSource(request, SystemClock())


async def read(of: MjpegSource, pictures: int) -> Sink:
    """Read until so many pictures have come."""
    sink = Sink()
    task = asyncio.create_task(of.run(sink))
    try:
        await until(lambda: len(sink.units) >= pictures or task.done(), 10)
        if task.done():
            task.result()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, CameraViewerError):
            await task
    return sink


async def failure(of: MjpegSource) -> CameraViewerError:
    """Return what ends the source."""
    with pytest.raises(CameraViewerError) as raised:
        async with asyncio.timeout(10):
            await of.run(Sink())
    return raised.value


def parts(*pictures: bytes, pause: float = 0.0) -> AsyncIterator[bytes]:
    async def write() -> AsyncIterator[bytes]:
        style = MultipartStyle()
        for number, picture in enumerate(pictures):
            yield style.part(picture, first=number == 0)
            await asyncio.sleep(pause)

    return write()


@pytest.fixture
async def device() -> AsyncIterator[MjpegDevice]:
    async with MjpegDevice(width=64, height=48, rate=50) as device:
        yield device


async def test_pictures_are_passed_on_as_they_came(device: MjpegDevice) -> None:
    sink = await read(source(device), 10)
    first = device.pictures.index(sink.pictures[0])
    turned = device.pictures[first:] + device.pictures[:first]
    assert sink.pictures[:10] == list(turned[:10])
    assert all(unit.keyframe for unit in sink.units)
    assert [(f.codec, f.width, f.height) for f in sink.formats] == [("mjpeg", 64, 48)]
    times = [unit.timestamp for unit in sink.units]
    assert times == sorted(set(times))
    assert sink.bytes > sum(unit.size for unit in sink.units)
    await until(lambda: device.viewers == 0)


async def test_another_size_is_another_format(device: MjpegDevice) -> None:
    async with MjpegDevice(width=32, height=32) as other:
        pictures = [*device.pictures[:2], *other.pictures[:2], *device.pictures[:2]]
        kind = {"Content-Type": "multipart/x-mixed-replace; boundary=frame"}
        device.route("/changing", lambda _: Answer(200, kind, parts(*pictures, pause=0.01)))
        sink = await read(source(device, "/changing"), 6)
    assert [f.width for f in sink.formats] == [64, 32, 64]
    assert sink.pictures == pictures


async def test_a_stream_that_ends_is_a_closed_connection(device: MjpegDevice) -> None:
    device.last_frames = 1
    assert isinstance(await failure(source(device)), ConnectionClosed)


async def test_a_stream_that_falls_silent_has_stalled(device: MjpegDevice) -> None:
    device.muted = True
    assert isinstance(await failure(source(device, idle_timeout=0.3)), StreamStalled)


async def test_a_camera_that_is_not_there_and_an_address_that_is_wrong(
    device: MjpegDevice,
) -> None:
    assert isinstance(await failure(source(device, "/nothing")), EndpointNotFound)
    await device.stop()
    assert isinstance(await failure(source(device)), CannotConnect)
    wrong = MjpegSource(SourceRequest("http://127.0.0.1:99999999/"), SystemClock())
    assert isinstance(await failure(wrong), ValidationError)


async def test_a_picture_of_too_many_bytes_or_pixels_is_refused(device: MjpegDevice) -> None:
    error = await failure(source(device, max_picture=100))
    assert isinstance(error, ProtocolError)
    assert "100 bytes" in error.message
    at = device.pictures[0].index(b"\xff\xc0") + 5
    side = (int(MAX_PIXELS**0.5) + 1).to_bytes(2, "big")
    huge = device.pictures[0][:at] + side * 2 + device.pictures[0][at + 4 :]
    device.route("/huge.jpg", huge)
    error = await failure(source(device, "/huge.jpg"))
    assert isinstance(error, ProtocolError)
    assert "pixels" in error.message


async def test_still_pictures_come_at_the_rate_that_was_asked_for(device: MjpegDevice) -> None:
    sink = await read(source(device, "/snap.jpg", frame_rate=20), 8)
    times = [unit.received for unit in sink.units]
    assert 0.3 <= times[7] - times[0] <= 0.7
    assert sink.formats[-1].frame_rate == 20
    assert device.counters.connections == 1, "one connection is kept for all"


async def test_what_is_no_picture_any_more_ends_the_stills(device: MjpegDevice) -> None:
    answers = iter([device.pictures[0], device.pictures[1], b"busy"])
    device.route("/still", lambda _: Answer(200, {"Content-Type": "image/jpeg"}, next(answers)))
    error = await failure(source(device, "/still", frame_rate=30))
    assert isinstance(error, ProtocolError)


async def test_credentials_in_the_query_are_sent_there_alone(device: MjpegDevice) -> None:
    seen = []

    def refuse(request: Any) -> Answer:
        seen.append((request.query, request.headers.get("authorization")))
        return Answer(401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")

    device.route("/query", refuse)
    path = "/query?user={username}&pwd={password}"
    error = await failure(source(device, path, LOGIN))
    assert isinstance(error, InvalidAuth)
    assert seen == [({"user": "admin", "pwd": "camera-secret"}, None)]
    assert "camera-secret" not in f"{error!r}{error.details}"
    assert isinstance(await failure(source(device, path)), InvalidAuth)
    assert len(seen) == 1


async def test_a_locked_turn_of_the_device_does_not_keep_its_own_stream_waiting() -> None:
    """The manager holds the device's turn while the stream logs in."""
    async with MjpegDevice("admin", "camera-secret", width=64, height=48) as device:
        clock = SystemClock()
        manager = StreamManager(bus=EventBus(), clock=clock, providers=default_providers())
        options = {"source": "mjpeg"}
        profile = StreamProfile("main", "main", f"{device.url}/video", options)
        camera = Camera("cam", "cam", "Cam", "mjpeg", profiles=(profile,))

        async def login() -> Credentials:
            return LOGIN

        await manager.configure(camera, login, Lockout())
        sink = RecordingSink()
        manager.get("cam").attach(sink)
        await until(lambda: sink.fragments, 2)
        await manager.stop()


async def test_a_wrong_password_closes_the_device_s_lockout() -> None:
    async with MjpegDevice("admin", "another", width=64, height=48) as device:
        manager = StreamManager(
            bus=EventBus(),
            clock=SystemClock(),
            providers=default_providers(),
            settings=StreamSettings(retry_first=0.01),
        )
        lockout = Lockout()
        profile = StreamProfile("main", "main", f"{device.url}/video", {"source": "mjpeg"})
        camera = Camera("cam", "cam", "Cam", "mjpeg", profiles=(profile,))

        async def login() -> Credentials:
            return LOGIN

        await manager.configure(camera, login, lockout)
        stream = manager.get("cam")
        stream.attach(RecordingSink())
        await until(lambda: stream.status.state is StreamState.AUTH_FAILED)
        assert lockout.closed
        assert device.counters.refused <= MAX_REFUSALS
        await manager.stop()


async def test_a_stream_that_becomes_another_kind_closes_its_viewers() -> None:
    clock = FakeClock()
    manager = StreamManager(bus=EventBus(), clock=clock, providers=default_providers())

    async def login() -> None:
        return None

    def camera(url: str, **options: Any) -> Camera:
        profile = StreamProfile("main", "main", url, options)
        return Camera("cam", "cam", "Cam", "x", profiles=(profile,))

    await manager.configure(camera("rtsp://127.0.0.1:1/"), login)
    before, sink = manager.get("cam"), RecordingSink()
    before.attach(sink)
    await manager.configure(camera("http://127.0.0.1:1/", source="mjpeg"), login)
    assert manager.get("cam") is not before
    assert sink.closed is not None
    same = manager.get("cam")
    await manager.configure(camera("http://127.0.0.1:1/other", source="mjpeg"), login)
    assert manager.get("cam") is same
    await manager.stop()


def test_the_provider_is_taken_only_by_name() -> None:
    providers = default_providers()
    names = [p.name for p in providers.candidates(SourceRequest("http://192.0.2.1/"))]
    assert names == ["av"]
    named = SourceRequest("https://192.0.2.1/", None, {"source": "mjpeg"})
    assert [p.name for p in providers.candidates(named)] == ["mjpeg"]
