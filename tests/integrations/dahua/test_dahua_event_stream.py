"""The event stream of a device of a few routes: its framing, its refusals, and what it forgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from ucv import (
    CameraEvent,
    ConnectTimeout,
    CurrentEvents,
    DigitalInput,
    LineCrossing,
    Motion,
    NotSupported,
    OtherEvent,
    ProtocolError,
    Tampering,
    VideoLoss,
)
from ucv.plugins.device import Device
from ucv.testing import Answer, FakeClock, VirtualDevice, until
from ucv.testing.http_device import Request
from ucv_dahua import event_stream
from ucv_dahua.cgi import Cgi
from ucv_dahua.event_kinds import Translator
from ucv_dahua.event_stream import EventSource
from ucv_dahua.quirks import EventCodes

Connect = Callable[..., Device]
Told = CameraEvent | CurrentEvents

TYPE = "multipart/x-mixed-replace; boundary=myboundary"
START = b"Code=VideoMotion;action=Start;index=0"
STOP = b"Code=VideoMotion;action=Stop;index=0"
BEAT = b"Heartbeat"
BEGUN, OVER = Motion(active=True), Motion(active=False)


def part(body: bytes) -> bytes:
    head = b"--myboundary\r\nContent-Type: text/plain\r\nContent-Length:%d\r\n\r\n" % len(body)
    return head + body + b"\r\n\r\n"


class Station:
    """Answers ``eventManager.cgi``: ``send`` puts bytes into the stream, ``active`` goes on."""

    def __init__(self, device: VirtualDevice) -> None:
        self.active: dict[str, list[int]] = {}
        self.unknown: set[str] = set()
        self.refuse: Callable[[str], Answer | None] = lambda _codes: None
        self.nothing = Answer(200, (), b"Error\r\nNo Events\r\n")
        self.content_type = TYPE
        self.attached: list[str] = []
        self.questions = 0
        self._pieces: list[asyncio.Queue[bytes | None]] = []
        device.route("/cgi-bin/eventManager.cgi", self._answer)

    def send(self, *pieces: bytes | None) -> None:
        for piece in pieces:
            self._pieces[-1].put_nowait(piece)

    def _answer(self, request: Request) -> Answer:
        if request.query["action"] == "getEventIndexes":
            return self._indexes(request.query["code"])
        self.attached.append(request.query["codes"])
        refusal = self.refuse(request.query["codes"])
        if refusal is not None:
            return refusal
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._pieces.append(queue)
        headers = {"Content-Type": self.content_type} if self.content_type else {}
        return Answer(200, headers, self._stream(queue), chunked=False)

    async def _stream(self, queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
        while (piece := await queue.get()) is not None:
            yield piece

    def _indexes(self, code: str) -> Answer:
        self.questions += 1
        if code in self.unknown:
            return Answer(400, (), b"Error\r\nBad Request!")
        channels = self.active.get(code, [])
        if not channels:
            return self.nothing
        lines = (f"channels[{row}]={channel}\r\n" for row, channel in enumerate(channels))
        return Answer(200, (), "".join(lines).encode())


@pytest.fixture
async def camera() -> AsyncIterator[VirtualDevice]:
    async with VirtualDevice("admin", "camera-secret", algorithms=("MD5",)) as device:
        yield device


@pytest.fixture
def station(camera: VirtualDevice) -> Station:
    return Station(camera)


def source(device: Device, **options: Any) -> EventSource:
    return EventSource(device, Cgi(device), Translator(by_channel=False), **options)


class Listener:
    """Collects what a source tells, in a task."""

    def __init__(self, events: AsyncIterator[Told]) -> None:
        self.told: list[Told] = []
        self._events = events
        self.task = asyncio.create_task(self._listen())

    @property
    def events(self) -> list[CameraEvent]:
        return [event for event in self.told if isinstance(event, CameraEvent)]

    @property
    def current(self) -> list[CurrentEvents]:
        return [event for event in self.told if isinstance(event, CurrentEvents)]

    async def _listen(self) -> None:
        async with aclosing(self._events) as events:  # type: ignore[type-var] # it is a generator
            async for event in events:
                self.told.append(event)

    async def __aenter__(self) -> Listener:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


# --- framing --------------------------------------------------------------------------------------

#: How the same two reports come: as one stream, or in the pieces given.
FRAMINGS: dict[str, tuple[bytes, ...]] = {
    "usual": (part(START) + part(BEAT) + part(STOP) + part(BEAT),),
    "space_after_dashes": (
        (part(START) + part(STOP) + part(BEAT)).replace(b"--myboundary", b"-- myboundary"),
    ),
    "missing_blank_line": (
        b"--myboundary\r\nContent-Type: text/plain\r\nContent-Length:37\r\n" + START + b"\r\n"
        b"--myboundary\r\nContent-Type: text/plain\r\nContent-Length:36\r\n" + STOP + b"\r\n"
        b"--myboundary\r\n",
    ),
    "missing_length": (
        b"--myboundary\r\nContent-Type: text/plain\r\n\r\n" + START + b"\r\n"
        b"--myboundary\r\nContent-Type: text/plain\r\n\r\n" + STOP + b"\r\n--myboundary\r\n",
    ),
    "length_too_small": ((part(START) + part(STOP) + part(BEAT)).replace(b":3", b":1"),),
    "length_too_large": (
        (part(START) + part(STOP) + part(BEAT) + part(BEAT)).replace(b":3", b":4"),
    ),
    "bare_line_feeds": ((part(START) + part(STOP) + part(BEAT)).replace(b"\r\n", b"\n"),),
    "stray_http_head": (
        part(START),
        b"HTTP/1.1 200 OK\r\nContent-Type: " + TYPE.encode() + b"\r\n\r\n",
        part(STOP) + part(BEAT),
    ),
    "one_byte_at_a_time": tuple(
        bytes([byte]) for byte in part(START) + part(BEAT) + part(STOP) + part(BEAT)
    ),
}


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_events_are_the_same_however_they_are_framed(
    station: Station, camera: VirtualDevice, connect: Connect, framing: str
) -> None:
    async with Listener(source(connect(camera)).attach()) as listener:
        await until(lambda: listener.told)
        station.send(*FRAMINGS[framing])
        await until(lambda: len(listener.events) == 2)
        assert listener.events == [BEGUN, OVER]


async def test_a_report_is_told_as_soon_as_its_length_is_there(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    async with Listener(source(connect(camera)).attach()) as listener:
        await until(lambda: listener.told)
        station.send(part(START).rstrip(b"\r\n"))
        await until(lambda: listener.events)
        assert listener.events == [BEGUN]


async def test_a_stream_without_content_type_is_read_too(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    station.content_type = ""
    async with Listener(source(connect(camera)).attach()) as listener:
        await until(lambda: listener.told)
        station.send(part(START) + part(STOP) + part(BEAT))
        await until(lambda: len(listener.events) == 2)


async def test_json_of_several_lines_with_any_signs_comes_whole(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    data = b'{\n   "Name" : "a;b=c\\r\\n--x",\n   "Object" : { "ObjectType" : "Human" }\n}\n'
    async with Listener(source(connect(camera)).attach()) as listener:
        await until(lambda: listener.told)
        station.send(part(b"Code=CrossLineDetection;action=Start;index=0;data=" + data))
        await until(lambda: listener.events)
        (event,) = listener.events
        assert isinstance(event, LineCrossing)
        assert (event.source, event.object_type) == ("a;b=c\r\n--x", "person")


# --- what is asked for ----------------------------------------------------------------------------


async def test_codes_and_heartbeat_are_asked_for(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    async with Listener(source(connect(camera), heartbeat=7).attach()) as listener:
        await until(lambda: listener.told)
        request = next(one for one in camera.requests if one.query["action"] == "attach")
        assert "codes=%5BVideoMotion,VideoLoss," in request.target
        assert request.target.endswith("&heartbeat=7")


@pytest.mark.parametrize("status", [400, 500])
async def test_a_list_that_is_too_long_becomes_all(
    station: Station, camera: VirtualDevice, connect: Connect, status: int
) -> None:
    station.refuse = lambda codes: None if codes == "[All]" else Answer(status, (), b"Error")
    events = source(connect(camera))
    async with Listener(events.attach()) as listener:
        await until(lambda: listener.told)
        # What has no meaning here is not told, though it comes now.
        station.send(part(b"Code=NTPAdjustTime;action=Pulse;index=0"), part(START))
        await until(lambda: listener.events)
        assert listener.events == [BEGUN]
    assert events.codes is EventCodes.ALL
    station.attached.clear()
    async with Listener(events.attach()) as listener:
        await until(lambda: listener.told)
    assert station.attached == ["[All]"]


async def test_everything_is_told_to_who_wants_everything(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    device = connect(camera)
    translator = Translator(by_channel=False, everything=True)
    events = EventSource(device, Cgi(device), translator, everything=True)
    async with Listener(events.attach()) as listener:
        await until(lambda: listener.told)
        assert station.attached == ["[All]"]
        station.send(part(b"Code=NTPAdjustTime;action=Pulse;index=0"))
        await until(lambda: listener.events)
        assert listener.events == [OtherEvent(name="NTPAdjustTime")]


@pytest.mark.parametrize("status", [404, 501])
async def test_a_device_without_the_script_reports_no_events(
    station: Station, camera: VirtualDevice, connect: Connect, status: int
) -> None:
    camera.route("/cgi-bin/eventManager.cgi", lambda _: Answer(status, (), b"Error"))
    events = source(connect(camera))
    assert not await events.exists()
    with pytest.raises(NotSupported):
        await anext(events.attach())


async def test_a_device_that_refuses_both_lists_is_asked_again_later(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    station.refuse = lambda _codes: Answer(500, (), b"Error\r\nInternal Error")
    events = source(connect(camera))
    assert await events.exists()
    with pytest.raises(ProtocolError):
        await anext(events.attach())
    assert len(station.attached) == 2


async def test_a_refusal_with_status_200_is_one(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    station.refuse = lambda _codes: Answer(200, (), b"Error\r\nBad Request!\r\n")
    listener = Listener(source(connect(camera)).attach())
    with pytest.raises(ProtocolError, match="refused to report"):
        await listener.task


# --- what goes on ---------------------------------------------------------------------------------


async def test_what_goes_on_is_told_first_once_the_stream_is_open(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    station.active = {"VideoMotion": [0], "AlarmLocal": [1]}
    async with Listener(source(connect(camera)).attach()) as listener:
        await until(lambda: listener.told)
        assert listener.told == [
            CurrentEvents(
                (BEGUN, DigitalInput(active=True, source="2")),
                (Motion, VideoLoss, Tampering, DigitalInput),
            )
        ]
        # Asked only then: nothing can begin unseen in between.
        assert camera.requests[0].query["action"] == "attach"


async def test_what_cannot_be_asked_about_is_left_as_it_is(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    station.unknown = {"VideoBlind", "AlarmLocal"}
    async with Listener(source(connect(camera)).attach()) as listener:
        await until(lambda: listener.told)
        assert listener.told == [CurrentEvents((), (Motion, VideoLoss))]


@pytest.mark.parametrize("status", [200, 400])
async def test_error_no_events_means_that_nothing_goes_on(
    station: Station, camera: VirtualDevice, connect: Connect, status: int
) -> None:
    station.nothing = replace(station.nothing, status=status)
    kinds = (Motion, VideoLoss, Tampering, DigitalInput)
    assert await source(connect(camera)).current() == CurrentEvents((), kinds)


async def test_an_end_that_got_lost_is_found_out(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    clock = FakeClock()
    async with Listener(source(connect(camera, clock=clock)).attach()) as listener:
        await until(lambda: listener.told)
        asked = station.questions
        station.send(part(START))
        await until(lambda: listener.events)
        await clock.advance(event_stream.CONFIRM_AFTER - 1)
        station.send(part(BEAT), part(b"Code=VideoLoss;action=Stop;index=3"))
        await until(lambda: len(listener.events) == 2)
        assert station.questions == asked
        await clock.advance(1)
        station.send(part(BEAT))
        await until(lambda: len(listener.current) == 2)
        assert listener.current[-1].active == ()
        assert Motion in listener.current[-1].kinds


async def test_where_nothing_goes_on_nothing_is_asked(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    clock = FakeClock()
    async with Listener(source(connect(camera, clock=clock)).attach()) as listener:
        await until(lambda: listener.told)
        asked = station.questions
        station.send(part(START), part(STOP))
        await until(lambda: len(listener.events) == 2)
        await clock.advance(10 * event_stream.CONFIRM_AFTER)
        station.send(part(BEAT), part(START))
        await until(lambda: len(listener.events) == 3)
        station.send(part(STOP))
        await until(lambda: len(listener.events) == 4)
        # Once, when something began after a long time.
        assert station.questions <= asked + 4


# --- when it ends ---------------------------------------------------------------------------------


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a heartbeat of a second be late after 0.4 s."""
    monkeypatch.setattr(event_stream, "MISSED_BEATS", 0.4)
    monkeypatch.setattr(event_stream, "GRACE", 0.0)


async def test_heartbeats_keep_it_open_and_silence_ends_it(
    station: Station, camera: VirtualDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    listener = Listener(source(connect(camera), heartbeat=1).attach())
    await until(lambda: listener.told)
    for _ in range(4):
        station.send(part(BEAT))
        await asyncio.sleep(0.2)
        assert not listener.task.done()
    with pytest.raises(ConnectTimeout):
        await listener.task


async def test_a_device_without_heartbeat_is_asked_whether_it_is_there(
    station: Station, camera: VirtualDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    events = source(connect(camera), heartbeat=1)
    async with Listener(events.attach()) as listener:
        await until(lambda: len(listener.current) == 2)
        station.active = {"VideoMotion": [0]}
        await until(lambda: listener.current[-1].active)
        # It is still the same connection, and is listened to.
        assert len(station.attached) == 1
        station.send(part(STOP))
        await until(lambda: listener.events)
        assert listener.events == [OVER]
        station.unknown = {"VideoMotion", "VideoLoss", "VideoBlind", "AlarmLocal"}
        with pytest.raises(ConnectTimeout):
            await listener.task


@pytest.mark.parametrize("how", ["the device ends it", "the connection breaks"])
async def test_a_stream_that_is_over_ends(
    station: Station, camera: VirtualDevice, connect: Connect, how: str
) -> None:
    listener = Listener(source(connect(camera)).attach())
    await until(lambda: listener.told)
    if how == "the device ends it":
        station.send(None)
    else:
        camera.drop_connections()
    # The core opens it again: nobody is to wait for the heartbeat that does not come.
    await asyncio.wait_for(listener.task, 2)


async def test_a_part_that_never_ends_is_refused(
    station: Station, camera: VirtualDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "MAX_PART", 1000)
    listener = Listener(source(connect(camera)).attach())
    await until(lambda: listener.told)
    station.send(b"--myboundary\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 100_000)
    with pytest.raises(ProtocolError, match="cannot be read"):
        await listener.task


# --- by asking ------------------------------------------------------------------------------------


async def test_by_asking_what_goes_on_is_told_again_and_again(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    clock = FakeClock()
    async with Listener(source(connect(camera, clock=clock)).poll(2.0)) as listener:
        await until(lambda: len(listener.told) == 1)
        station.active = {"VideoMotion": [0]}
        await until(lambda: clock.pending)
        await clock.advance(2)
        await until(lambda: len(listener.told) == 2)
        assert [told.active for told in listener.current] == [(), (BEGUN,)]
        assert station.attached == []


async def test_a_device_that_cannot_be_asked_reports_no_events(
    station: Station, camera: VirtualDevice, connect: Connect
) -> None:
    station.unknown = {"VideoMotion", "VideoLoss", "VideoBlind", "AlarmLocal"}
    with pytest.raises(NotSupported):
        await anext(source(connect(camera)).poll(2.0))
