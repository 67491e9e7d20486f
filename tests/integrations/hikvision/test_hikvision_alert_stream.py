"""The alert stream over a real connection: framing, silence, reconnects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from ucv import (
    CameraViewerError,
    ConnectionClosed,
    ConnectTimeout,
    Motion,
    NotSupported,
    ProtocolError,
    RateLimited,
)
from ucv.cameras.camera_event import CameraReported
from ucv.plugins.device import Device
from ucv.testing import Answer, FakeClock, VirtualCamera, VirtualDevice, until
from ucv.testing.plugin import StartHub
from ucv_hikvision import alert_stream
from ucv_hikvision.alert_stream import PATH, alerts
from ucv_hikvision.isapi import Isapi

Connect = Callable[..., Device]

URL = f"/ISAPI/{PATH}"


def alert(kind: str = "VMD", state: str = "active") -> bytes:
    return (
        f"<EventNotificationAlert><channelID>1</channelID><eventType>{kind}</eventType>"
        f"<eventState>{state}</eventState></EventNotificationAlert>"
    ).encode()


def part(body: bytes, content_type: str = 'application/xml; charset="UTF-8"') -> bytes:
    return (
        b"--boundary\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
        % (content_type.encode(), len(body))
    ) + body


class Feed:
    """What a device sends on its alert stream, to all that listen; None ends the answers."""

    def __init__(self, content_type: str = "multipart/mixed; boundary=boundary") -> None:
        self._content_type = content_type
        self._listeners: set[asyncio.Queue[bytes | None]] = set()
        self.connections = 0

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def send(self, data: bytes | None) -> None:
        for listener in self._listeners:
            listener.put_nowait(data)

    def answer(self, _request: object) -> Answer:
        return Answer(200, {"Content-Type": self._content_type}, self._stream())

    async def _stream(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.connections += 1
        self._listeners.add(queue)
        try:
            while (data := await queue.get()) is not None:
                yield data
        finally:
            self._listeners.discard(queue)


@pytest.fixture
async def device() -> AsyncIterator[VirtualDevice]:
    async with VirtualDevice("admin", "camera-secret") as made:
        made.route("/ISAPI/Security/userCheck", Answer(404), auth=False)
        yield made


async def received(device: VirtualDevice, handle: Device, *data: bytes) -> list[str]:
    """Return the types of the alerts in an answer of these bytes, each sent by itself."""

    async def stream() -> AsyncIterator[bytes]:
        for chunk in data:
            yield chunk
            await asyncio.sleep(0.01)

    content_type = "multipart/mixed; boundary=boundary"
    device.route(URL, lambda _: Answer(200, {"Content-Type": content_type}, stream()))
    return [told.word async for told in alerts(Isapi(handle))]


async def test_alerts_come_as_soon_as_they_are_whole(
    device: VirtualDevice, connect: Connect
) -> None:
    feed = Feed()
    device.route(URL, feed.answer)
    stream = alerts(Isapi(connect(device)))
    try:
        first = asyncio.ensure_future(anext(stream))
        await until(lambda: feed.listeners)
        # No delimiter follows: the length alone says that the part is complete.
        feed.send(part(alert()))
        async with asyncio.timeout(1):
            assert (await first).kind == "vmd"
    finally:
        await stream.aclose()


async def test_pictures_and_json_parts_do_not_disturb(
    device: VirtualDevice, connect: Connect
) -> None:
    picture = part(b"\xff\xd8 --boundary \xff\xd9" * 1000, "image/jpeg")
    json = part(b'{"eventType": "PIR", "eventState": "active"}', "application/json")
    got = await received(
        device, connect(device), part(alert()), picture, json, part(alert("IO")), picture
    )
    assert got == ["VMD", "PIR", "IO"]


async def test_an_alert_cut_anywhere_is_whole_again(
    device: VirtualDevice, connect: Connect
) -> None:
    data = part(alert()) + part(alert("PIR"))
    pieces = [data[i : i + 37] for i in range(0, len(data), 37)]
    assert await received(device, connect(device), *pieces) == ["VMD", "PIR"]


async def test_the_real_boundary_may_differ_from_the_header(
    device: VirtualDevice, connect: Connect
) -> None:
    data = (part(alert()) + part(alert("PIR")) + b"--boundary--\r\n").replace(
        b"--boundary", b"--MIME_boundary"
    )
    assert await received(device, connect(device), data) == ["VMD", "PIR"]


async def test_form_data_is_read_like_mixed(device: VirtualDevice, connect: Connect) -> None:
    async def stream() -> AsyncIterator[bytes]:
        body = alert()
        yield b'--boundary\r\nContent-Disposition: form-data; name="MoveDetection.xml"\r\n'
        yield b"Content-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(body)
        yield body

    content_type = "multipart/form-data; boundary=boundary"
    device.route(URL, lambda _: Answer(200, {"Content-Type": content_type}, stream()))
    assert [told.word async for told in alerts(Isapi(connect(device)))] == ["VMD"]


@pytest.mark.parametrize(
    ("sub", "code", "kind"),
    [("notSupport", 4, NotSupported), ("deployExceedMax", 2, RateLimited)],
)
async def test_a_failure_in_place_of_a_stream_is_raised(
    sub: str, code: int, kind: type[CameraViewerError], device: VirtualDevice, connect: Connect
) -> None:
    body = (
        f"<ResponseStatus><statusCode>{code}</statusCode>"
        f"<subStatusCode>{sub}</subStatusCode></ResponseStatus>"
    )
    device.route(URL, body, content_type="application/xml")
    with pytest.raises(kind):
        async for _ in alerts(Isapi(connect(device))):
            pytest.fail("that is no alert")


async def test_a_part_that_never_ends_is_not_kept(
    device: VirtualDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_stream, "MAX_PART", 64 * 1024)
    endless = b"--boundary\r\nContent-Type: application/xml\r\n\r\n" + b"x" * 500_000
    with pytest.raises(ProtocolError):
        await received(device, connect(device), endless)


async def test_a_stream_without_a_heartbeat_is_given_up(
    device: VirtualDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_stream, "SILENCE", 0.2)
    feed = Feed()
    device.route(URL, feed.answer)
    with pytest.raises(ConnectTimeout):
        async for _ in alerts(Isapi(connect(device))):
            pytest.fail("nothing was sent")


async def test_a_stream_that_breaks_off_raises_what_is_tried_again(
    device: VirtualDevice, connect: Connect
) -> None:
    feed = Feed()
    device.route(URL, feed.answer)
    stream = alerts(Isapi(connect(device)))
    first = asyncio.ensure_future(anext(stream))
    await until(lambda: feed.listeners)
    device.drop_connections()
    with pytest.raises(ConnectionClosed):
        await first


# --- in a hub -------------------------------------------------------------------------------------


class Camera(VirtualCamera):
    """A camera with just enough of the interface to be set up, and an alert stream."""

    def __init__(self) -> None:
        super().__init__("Hikvision", paths=("/Streaming/Channels/101", "/Streaming/Channels/102"))
        self.feed = Feed()
        info = "<DeviceInfo><model>DS-2CD</model><serialNumber>AAW1234567</serialNumber>"
        self.http.route("/ISAPI/System/deviceInfo", f"{info}</DeviceInfo>")
        self.http.route("/ISAPI/Event/triggers", "<EventTriggerList/>")
        self.http.route(URL, self.feed.answer)


async def test_events_reach_the_bus_once_and_expire_when_they_are_not_repeated(
    ucv_hub: StartHub,
) -> None:
    clock = FakeClock()
    async with Camera() as camera:
        kit = await ucv_hub(clock=clock)
        seen: list[CameraReported] = []
        kit.hub.bus.subscribe(CameraReported, seen.append)
        await kit.add({"integration": "hikvision", "id": "yard", **camera.config})
        await until(lambda: camera.feed.listeners)
        for _ in range(5):
            camera.feed.send(part(alert()))
            camera.feed.send(part(alert("videoloss", "inactive")))
            await until(lambda: seen)
            await clock.advance(3)
        assert [event.event.active for event in seen] == [True]
        assert isinstance(seen[0].event, Motion)
        await clock.advance(5.1)
        assert [event.event.active for event in seen] == [True, False]


async def test_over_a_reconnect_nothing_is_lost_or_doubled(ucv_hub: StartHub) -> None:
    clock = FakeClock()
    async with Camera() as camera:
        kit = await ucv_hub(clock=clock)
        seen: list[CameraReported] = []
        kit.hub.bus.subscribe(CameraReported, seen.append)
        await kit.add({"integration": "hikvision", "id": "yard", **camera.config})
        await until(lambda: camera.feed.listeners)
        camera.feed.send(part(alert("linedetection")))
        camera.feed.send(part(alert()))
        await until(lambda: len(seen) == 2)
        camera.feed.send(None)
        await until(lambda: not camera.feed.listeners)
        await until(lambda: clock.pending)
        await clock.advance(2)
        await until(lambda: camera.feed.listeners)
        # Motion goes on, and is told again; the line is crossed no longer.
        camera.feed.send(part(alert()))
        await clock.advance(3.5)
        camera.feed.send(part(alert("videoloss", "inactive")) + part(alert("PIR")))
        await until(lambda: len(seen) == 4)
        told = [(e.event.kind, e.event.source, e.event.active) for e in seen]
        assert told == [
            ("line_crossing", "", True),
            ("motion", "", True),
            ("line_crossing", "", False),
            ("motion", "PIR", True),
        ]
