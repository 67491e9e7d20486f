"""The media endpoint over real sockets, with a camera in memory."""

import asyncio
import io
import re
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, cast

import aiohttp
import av
import orjson
import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from ucv.bus import EventBus
from ucv.cameras.camera import Camera, StreamProfile
from ucv.clock import Clock, SystemClock
from ucv.errors import (
    CameraViewerError,
    ConnectionClosed,
    Forbidden,
    InvalidAuth,
    NotFoundError,
    StreamNotLive,
)
from ucv.media.access_unit import VideoFormat
from ucv.media.fmp4 import Fragment
from ucv.streams.jpeg import keyframe_to_jpeg
from ucv.streams.manager import StreamManager
from ucv.streams.providers import ProviderRegistry, StreamProvider
from ucv.streams.settings import StreamSettings
from ucv.streams.snapshot import snapshot
from ucv.testing.clock import until
from ucv.testing.streams import FORMAT, FakeCamera
from ucv_bridge.media import add_media_routes

CODECS = "avc1.640029,avc1.64002A,avc1.640033,hvc1.1.6.L153.B0,mp4a.40.2,flac,opus"


@dataclass
class FakeHub:
    streams: StreamManager
    clock: Clock


@dataclass
class FakeContext:
    """What the endpoint needs of the bridge; ``denied`` cameras may not be seen."""

    hub: FakeHub
    denied: set[str] = field(default_factory=set)

    def authorize(self, _request: web.Request, camera_id: str | None = None) -> None:
        if camera_id in self.denied:
            raise Forbidden


@web.middleware
async def errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        return cast("web.StreamResponse", await handler(request))
    except CameraViewerError as error:
        return web.json_response({"code": error.code}, status=error.http_status)


class Stage:
    """A server with the endpoint, and one camera ``front`` with two profiles."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.camera = FakeCamera(self.clock)
        self.sub = FakeCamera(self.clock)
        by_url = {"fake://192.0.2.1/main": self.camera, "fake://192.0.2.1/sub": self.sub}
        self.streams = StreamManager(
            bus=EventBus(),
            clock=self.clock,
            providers=ProviderRegistry(
                [
                    StreamProvider(
                        "fake",
                        frozenset({"fake"}),
                        lambda request, clock: by_url[request.url].open(request, clock),
                    )
                ]
            ),
            settings=StreamSettings(linger=0.0, retry_first=0.01),
        )
        self.players: list[Player] = []
        self.context = FakeContext(FakeHub(self.streams, self.clock))

    async def start(self) -> None:
        profiles = tuple(
            StreamProfile(name, role, f"fake://192.0.2.1/{role}")
            for name, role in (("hd", "main"), ("sd", "sub"))
        )
        camera = Camera("front", "front", "Front", "fake", profiles=profiles)
        await self.streams.configure(camera, self._credentials)
        app = web.Application(middlewares=[errors])
        add_media_routes(app, self.context)
        self.server = TestServer(app)
        await self.server.start_server()
        self.session = aiohttp.ClientSession(base_url=self.server.make_url("/"))

    async def stop(self) -> None:
        for player in self.players:
            await player.socket.close()
        await self.streams.stop()
        await self.session.close()
        await self.server.close()

    async def _credentials(self) -> None:
        return None

    async def open(self, src: str = "front", **options: Any) -> "Player":
        player = Player(await self.session.ws_connect("/api/ws", params={"src": src}, **options))
        self.players.append(player)  # one that nobody holds would be closed
        return player

    async def warm(self, length: int = 5, *, size: int = 1000) -> "Player":
        """Have the main stream live with a GOP, watched by one player."""
        player = await self.open()
        await player.say("mse", CODECS)
        await until(lambda: self.camera.connections)
        self.camera.gop(length, size=size)
        return player


class Player:
    """The client's side of one WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, kind: str, value: Any = None, **more: Any) -> None:
        await self.socket.send_str(orjson.dumps({"type": kind, "value": value, **more}).decode())

    async def text(self) -> dict[str, Any]:
        """Return the next text message, whatever is between."""
        while True:
            message = await self.socket.receive(timeout=5)
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
            if message.type is WSMsgType.TEXT:
                return cast("dict[str, Any]", orjson.loads(message.data))

    async def binary(self, count: int = 1) -> list[bytes]:
        """Return the next binary messages, whatever is between."""
        found: list[bytes] = []
        while len(found) < count:
            message = await self.socket.receive(timeout=5)
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
            if message.type is WSMsgType.BINARY:
                found.append(message.data)
        return found


def decode_time(fragment: bytes) -> int:
    """Return the tfdt's decode time."""
    assert fragment[4:8] == b"moof"
    at = fragment.index(b"tfdt")
    assert fragment[at + 4] == 1
    return cast("int", struct.unpack_from(">Q", fragment, at + 8)[0])


def payload(fragment: bytes) -> bytes:
    return fragment[fragment.index(b"mdat") + 4 :]


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.start()
    yield stage
    await stage.stop()


async def test_a_player_is_told_the_codec_and_sent_init_gop_and_live(stage: Stage) -> None:
    player = await stage.warm(3)
    assert await player.text() == {"type": "mse", "value": 'video/mp4; codecs="avc1.42c01e"'}
    init, *gop = await player.binary(4)
    assert init[4:8] == b"ftyp"
    assert init.count(b"moov") == 1
    assert decode_time(gop[0]) == 0
    stage.camera.picture(size=70_000)
    stage.camera.picture(size=100)
    large, small = await player.binary(2)
    assert len(payload(large)) == 70_000
    assert len(payload(small)) == 100
    assert decode_time(small) - decode_time(large) == 3600


async def test_a_late_players_first_decode_time_is_0_and_the_burst_takes_no_time(
    stage: Stage,
) -> None:
    await stage.warm(100)
    late = await stage.open()
    await late.say("mse", CODECS)
    burst = (await late.binary(101))[1:]
    assert [decode_time(fragment) for fragment in burst] == [n * 90 for n in range(100)]
    stage.camera.picture()
    stage.camera.picture()
    times = [decode_time(fragment) for fragment in await late.binary(2)]
    assert times == [99 * 90 + 3600, 99 * 90 + 7200]


async def test_our_own_player_gets_shared_fragments_and_what_it_needs_to_place_them(
    stage: Stage,
) -> None:
    await stage.warm(4)
    players = [await stage.open() for _ in range(2)]
    for player in players:
        await player.say("mse", CODECS, shared=True)
    kinds = [await players[0].text() for _ in range(3)]
    assert [message["type"] for message in kinds] == ["status", "mse", "clock"]
    assert kinds[0]["value"] == {"state": "live", "reason": None, "next_try": None}
    assert kinds[1] == {
        "type": "mse",
        "value": 'video/mp4; codecs="avc1.42c01e"',
        "timescale": 90_000,
    }
    assert abs(kinds[2]["received"] - stage.clock.time() * 1000) < 1000
    assert kinds[2]["media"] == 3 * 3600
    stage.camera.picture(size=500)
    stage.camera.picture(size=70_000)
    # The first has read its init segment and GOP on the way to the clock message.
    first, second = await players[0].binary(2), await players[1].binary(7)
    assert first == second[5:]
    assert [decode_time(fragment) for fragment in second[1:]] == [n * 3600 for n in range(6)]
    assert [len(payload(fragment)) for fragment in first] == [500, 70_000]


async def test_shared_and_retimed_viewers_do_not_disturb_each_other(stage: Stage) -> None:
    plain = await stage.warm(1)
    shared = await stage.open()
    await shared.say("mse", CODECS, shared=True)
    await shared.binary(2)
    stage.camera.gop(20, size=3000)
    mine, theirs = await shared.binary(20), (await plain.binary(22))[2:]
    assert [payload(a) for a in mine] == [payload(b) for b in theirs]
    assert all(fragment[4:8] == b"moof" for fragment in (*mine, *theirs))


async def test_the_profile_is_named_after_the_camera(stage: Stage) -> None:
    for src in ("front:sub", "front:sd"):
        player = await stage.open(src)
        await player.say("mse", CODECS)
        await until(lambda: stage.sub.connections)
        stage.sub.gop(1)
        assert (await player.text())["type"] == "mse"
        await player.socket.close()
        await until(lambda: not stage.sub.connections)
    assert not stage.camera.requests


@pytest.mark.parametrize("src", ["", "back", "front:third", ":", "rtsp://192.0.2.1/live"])
async def test_what_is_not_a_camera_is_not_found(stage: Stage, src: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await stage.open(src)
    assert refusal.value.status == 404


async def test_who_may_not_see_the_camera_is_refused_before_the_upgrade(stage: Stage) -> None:
    stage.context.denied.add("front")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await stage.open("front:sub")
    assert refusal.value.status == 403
    assert not stage.sub.requests


async def test_a_player_that_knows_no_h264_is_told(stage: Stage) -> None:
    player = await stage.open()
    await player.say("mse", "hvc1.1.6.L153.B0,opus")
    error = await player.text()
    assert error["type"] == "error"
    assert error["value"].startswith("mse: codecs not matched")


async def test_a_failing_camera_is_an_error_once_and_the_player_goes_on_when_it_is_back(
    stage: Stage,
) -> None:
    player = await stage.warm(1)
    await player.binary(2)
    stage.camera.error = ConnectionClosed()
    stage.camera.drop(ConnectionClosed())
    assert await player.text() == {
        "type": "error",
        "value": "mse: The camera closed the connection.",
    }
    await until(lambda: len(stage.camera.attempts) > 3)
    stage.camera.error = None
    await until(lambda: stage.camera.connections)
    stage.camera.gop(2)
    messages = [await player.socket.receive(timeout=5) for _ in range(2)]
    assert [message.type for message in messages] == [WSMsgType.BINARY] * 2
    assert decode_time(messages[0].data) > 0


async def test_refused_credentials_reach_the_player_as_status_with_reason(stage: Stage) -> None:
    stage.camera.error = InvalidAuth()
    player = await stage.open()
    await player.say("mse", CODECS, shared=True)
    states = [(await player.text())["value"] for _ in range(3)]
    assert [value["state"] for value in states] == ["idle", "connecting", "auth_failed"]
    assert states[-1]["reason"]["code"] == "AUTH_FAILED"
    assert len(stage.camera.attempts) == 1


async def test_a_changed_format_is_announced_before_its_init_segment(stage: Stage) -> None:
    player = await stage.open()
    await player.say("mse", CODECS, shared=True)
    await until(lambda: stage.camera.connections)
    stage.camera.gop(2)
    await player.binary(3)
    stage.camera.change_format(codec_string="avc1.4d0029")
    stage.camera.gop(1)
    message = await player.text()
    while message["type"] != "mse":
        message = await player.text()
    assert message["value"] == 'video/mp4; codecs="avc1.4d0029"'
    init, fragment = await player.binary(2)
    assert init[4:8] == b"ftyp"
    assert decode_time(fragment) > 3600


async def test_a_plain_player_is_told_the_codec_once_and_gets_the_new_init_segment(
    stage: Stage,
) -> None:
    player = await stage.warm(2)
    await player.binary(3)
    stage.camera.change_format(width=1280)
    stage.camera.gop(1)
    messages = [await player.socket.receive(timeout=5) for _ in range(2)]
    assert [message.type for message in messages] == [WSMsgType.BINARY] * 2
    assert messages[0].data[4:8] == b"ftyp"
    assert decode_time(messages[1].data) > 3600


async def test_a_ping_is_answered_with_the_time(stage: Stage) -> None:
    player = await stage.open()
    await player.say("ping", 17)
    pong = await player.text()
    assert (pong["type"], pong["value"]) == ("pong", 17)
    assert abs(pong["time"] - stage.clock.time() * 1000) < 1000


@pytest.mark.parametrize("text", ["", "{", "[]", "17", "null", '"mse"', "{}", '{"value":1}', "[[["])
async def test_what_is_not_a_message_is_an_error_and_the_connection_stays(
    stage: Stage, text: str
) -> None:
    player = await stage.open()
    await player.socket.send_str(text)
    assert (await player.text())["type"] == "error"
    await player.say("ping", 1)
    assert (await player.text())["type"] == "pong"


async def test_other_kinds_of_playing_are_refused_by_name(stage: Stage) -> None:
    player = await stage.open()
    await player.say("webrtc/offer", "v=0")
    assert await player.text() == {"type": "error", "value": "webrtc/offer: not supported"}


async def test_a_leaving_player_lets_go_of_the_camera(stage: Stage) -> None:
    player = await stage.warm()
    assert stage.streams.get("front").viewers == 1
    await player.socket.close()
    await until(lambda: not stage.camera.connections)
    assert stage.streams.get("front").viewers == 0


async def test_a_player_that_vanishes_lets_go_of_the_camera(stage: Stage) -> None:
    player = await stage.warm()
    transport = player.socket.get_extra_info("socket")
    assert transport is not None
    player.socket._response.connection.transport.abort()  # type: ignore[union-attr]  # it is open
    await until(lambda: not stage.streams.get("front").viewers)


async def test_asking_twice_replaces_the_viewer(stage: Stage) -> None:
    player = await stage.warm(2)
    await player.binary(3)
    await player.say("mse", CODECS, shared=True)
    await player.binary(3)
    assert stage.streams.get("front").viewers == 1


async def test_a_removed_camera_closes_its_players_with_the_reason(stage: Stage) -> None:
    player = await stage.warm()
    await player.binary(2)
    await stage.streams.remove("front")
    assert (await player.text())["value"].endswith("The stream has been removed.")
    message = await player.socket.receive(timeout=5)
    assert message.type is WSMsgType.CLOSE
    assert message.extra == "NOT_FOUND"


async def test_a_stopping_server_closes_its_players(stage: Stage) -> None:
    player = await stage.warm()
    await player.binary(2)
    closing = asyncio.create_task(stage.server.close())
    while not player.socket.closed:
        await player.socket.receive(timeout=5)
    await closing


class Reader:
    """A client that reads only when told to, with its own small receive buffer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, stage: Stage) -> "Reader":
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", stage.server.port, limit=64 * 1024
        )
        writer.write(
            b"GET /api/ws?src=front HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        request = orjson.dumps({"type": "mse", "value": CODECS, "shared": True})
        writer.write(bytes((0x81, 0x80 | len(request))) + bytes(4) + request)  # masked with 0
        return cls(reader, writer)

    async def fragment(self) -> bytes:
        """Return the next fragment, whatever is between."""
        while True:
            first, size = await self.reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            message = await self.reader.readexactly(size)
            if first == 0x82 and message[4:8] == b"moof":
                return message

    async def forever(self) -> None:
        """Read until the connection ends."""
        while True:
            await self.fragment()


def is_keyframe(fragment: bytes) -> bool:
    return payload(fragment)[4] == 0x65


async def test_a_viewer_that_stops_reading_costs_nobody_anything_and_resumes_at_a_keyframe(
    stage: Stage,
) -> None:
    quick = await stage.warm(1)
    await quick.binary(2)
    slow = await Reader.open(stage)
    stream = stage.streams.get("front")
    await until(lambda: stream.viewers == 2)
    viewer = stream._fanout._viewers[1]
    transport = cast("Any", viewer.sink)._transport
    for _ in range(40):
        stage.camera.gop(10, size=100_000)
        assert len(await quick.binary(10)) == 10
        assert transport.get_write_buffer_size() < 2 * 1024 * 1024
    assert viewer.skips > 200
    assert stream._fanout._viewers[0].skips == 0

    got = []
    while transport.get_write_buffer_size() != 0:
        got.append(await slow.fragment())
    before = viewer.sent
    stage.camera.gop(3)
    while len(got) < before + 3:
        got.append(await slow.fragment())
    numbers = [decode_time(fragment) // 3600 for fragment in got]
    assert numbers[-3:] == [401, 402, 403]
    gaps = [position for position, (one, other) in enumerate(pairwise(numbers)) if other != one + 1]
    assert gaps
    assert all(is_keyframe(got[position + 1]) for position in gaps)
    assert viewer.sent + viewer.skips == 404
    slow.writer.close()
    await until(lambda: stream.viewers == 1)


async def test_a_viewer_that_does_not_read_for_the_limit_is_cut_off(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = await stage.warm(1)
    slow = await Reader.open(stage)
    stream = stage.streams.get("front")
    await until(lambda: stream.viewers == 2)
    for _ in range(10):
        stage.camera.gop(10, size=100_000)
        await quick.binary(10)
    stream._fanout.tick(0.0)
    await until(lambda: stream.viewers == 1)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await slow.forever()
    slow.writer.close()


@pytest.mark.parametrize("length", [1, 50, 2500])
async def test_a_warm_stream_shows_its_first_picture_within_20_ms(
    stage: Stage, length: int
) -> None:
    await stage.warm(length, size=3000)
    took = []
    for _ in range(5):  # the machine may be busy with something else now and then
        player = await stage.open()
        began = stage.clock.monotonic()
        await player.say("mse", CODECS, shared=True)
        _init, keyframe = await player.binary(2)
        took.append(stage.clock.monotonic() - began)
        assert is_keyframe(keyframe)
        await player.socket.close()
    assert min(took) < 0.020


class Film:
    """Pictures that can be decoded: one NAL unit each, a keyframe every ten."""

    def __init__(self, length: int = 1, width: int = 320, height: int = 240) -> None:
        encoder = av.VideoCodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base = Fraction(1, 25)
        encoder.gop_size = 10
        encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "slices": "1"}
        encoder.thread_count = 1
        packets = []
        for number in range(length):
            frame = av.VideoFrame(width, height, "yuv420p")
            frame.planes[0].update(bytes((number * 7 % 200,)) * frame.planes[0].buffer_size)
            frame.pts = number
            packets += encoder.encode(frame)
        packets += encoder.encode(None)
        sets = {}
        self.nals: list[bytes] = []
        for packet in packets:
            for nal in filter(None, re.split(rb"\x00{2,3}\x01", bytes(packet))):
                kind = nal[0] & 0x1F
                if kind in (7, 8):
                    sets[kind] = nal
                elif kind in (1, 5):
                    self.nals.append(nal)
        self.format = replace(FORMAT, width=width, height=height, sps=(sets[7],), pps=(sets[8],))

    def show(self, camera: FakeCamera, start: int = 0, end: int | None = None) -> None:
        """Let the camera send these pictures."""
        for nal in self.nals[start:end]:
            camera.picture(nal=nal, keyframe=nal[0] & 0x1F == 5)


async def test_every_frame_that_a_late_player_is_sent_decodes(stage: Stage) -> None:
    film = Film(60)
    assert len(film.nals) == 60
    stage.camera.format = film.format
    first = await stage.open()
    await first.say("mse", CODECS)
    await until(lambda: stage.camera.connections)
    film.show(stage.camera, 0, 25)
    late = await stage.open()
    await late.say("mse", CODECS)
    got = await late.binary(6)
    film.show(stage.camera, 25)
    got += await late.binary(35)
    assert decode_time(got[1]) == 0
    with av.open(io.BytesIO(b"".join(got)), "r") as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 40
    assert not any(frame.is_corrupt for frame in frames)
    times = [frame.pts or 0 for frame in frames]
    assert times == sorted(set(times))


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG, by decoding it."""
    decoder = av.VideoCodecContext.create("mjpeg", "r")
    frame = decoder.decode(av.Packet(jpeg))[0]
    return frame.width, frame.height


async def test_a_player_without_mse_gets_each_keyframe_as_jpeg(stage: Stage) -> None:
    film = Film()
    stage.camera.format = film.format
    player = await stage.open()
    await player.say("mjpeg")
    assert await player.text() == {"type": "mjpeg"}
    await until(lambda: stage.camera.connections)
    for _ in range(2):
        film.show(stage.camera)
        (jpeg,) = await player.binary()
        assert size_of(jpeg) == (320, 240)


async def test_a_keyframe_that_cannot_be_decoded_ends_a_jpeg_viewer_with_a_reason(
    stage: Stage,
) -> None:
    player = await stage.open()
    await player.say("mjpeg")
    await player.text()
    await until(lambda: stage.camera.connections)
    stage.camera.gop(1)
    assert "cannot be decoded" in (await player.text())["value"]
    assert (await player.socket.receive(timeout=5)).type is WSMsgType.CLOSE


async def test_a_snapshot_shows_the_newest_keyframe_and_is_decoded_once_for_all(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Film()
    stage.camera.format = film.format
    stream = stage.streams.get("front")
    wanted = asyncio.create_task(snapshot(stream, timeout=5))
    await until(lambda: stage.camera.connections)
    film.show(stage.camera)
    first = await wanted
    assert size_of(first) == (320, 240)

    await stage.warm(0)
    film.show(stage.camera)
    decoded = []

    async def counted(video_format: VideoFormat, fragment: Fragment, *, quality: int) -> bytes:
        decoded.append(fragment)
        return await keyframe_to_jpeg(video_format, fragment, quality=quality)

    monkeypatch.setattr("ucv.streams.snapshot.keyframe_to_jpeg", counted)
    many = await asyncio.gather(*(snapshot(stream, timeout=5) for _ in range(20)))
    assert len(decoded) == 1
    assert len(set(many)) == 1


async def test_no_snapshot_is_made_up_for_a_camera_that_is_not_there(stage: Stage) -> None:
    stream = stage.streams.get("front")
    stage.camera.error = ConnectionClosed()
    with pytest.raises(StreamNotLive, match="closed the connection"):
        await snapshot(stream, timeout=5)
    stage.sub.silent = True
    with pytest.raises(StreamNotLive, match="within"):
        await snapshot(stage.streams.get("front", "sub"), timeout=0.05)
    await stage.streams.remove("front")
    with pytest.raises(NotFoundError):
        await snapshot(stream, timeout=5)


async def test_a_snapshot_of_a_refused_camera_says_so(stage: Stage) -> None:
    stage.camera.error = InvalidAuth()
    with pytest.raises(InvalidAuth):
        await snapshot(stage.streams.get("front"), timeout=5)
