"""The media endpoint over real sockets, with a camera in memory."""

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
import orjson
import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from ucv.bus import EventBus
from ucv.cameras.camera import Camera, StreamProfile
from ucv.clock import Clock, SystemClock
from ucv.errors import CameraViewerError, ConnectionClosed, Forbidden, InvalidAuth
from ucv.streams.manager import StreamManager
from ucv.streams.providers import ProviderRegistry, StreamProvider
from ucv.streams.settings import StreamSettings
from ucv.testing.clock import until
from ucv.testing.streams import FakeCamera
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
        add_media_routes(app, cast("Any", self.context))
        self.server = TestServer(app)
        await self.server.start_server()
        self.session = aiohttp.ClientSession(base_url=self.server.make_url("/"))

    async def stop(self) -> None:
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
