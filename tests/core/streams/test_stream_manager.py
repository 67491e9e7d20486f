"""All streams of the hub: made, changed, refused and removed together."""

from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random

import pytest
import pytest_asyncio

from ucv.bus import EventBus
from ucv.cameras.camera import Camera, StreamProfile
from ucv.clock import Clock
from ucv.errors import CannotConnect, ConnectionClosed, InvalidAuth, NotFoundError
from ucv.streams.manager import StreamManager
from ucv.streams.providers import ProviderRegistry, StreamProvider
from ucv.streams.settings import StreamSettings
from ucv.streams.source import Credentials, Source, SourceRequest
from ucv.streams.state import Reason, StreamState
from ucv.testing.clock import FakeClock
from ucv.testing.streams import FakeCamera, RecordingSink


class Stage:
    """A manager whose provider reads fake cameras, one for each address."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cameras: dict[str, FakeCamera] = {}
        self.refusals: list[tuple[str, Reason]] = []
        self.password = "first"
        self.manager = StreamManager(
            bus=EventBus(),
            clock=self.clock,
            providers=ProviderRegistry([StreamProvider("fake", frozenset({"fake"}), self._open)]),
            settings=StreamSettings(parallel_connects=8),
            random=Random(3),
        )
        self.manager.on_auth_failed = lambda camera, reason: self.refusals.append((camera, reason))

    def _open(self, request: SourceRequest, clock: Clock) -> Source:
        return self.camera(request.url).open(request, clock)

    def camera(self, url: str) -> FakeCamera:
        return self.cameras.setdefault(url, FakeCamera(self.clock))

    async def credentials(self) -> Credentials:
        return Credentials("viewer", self.password)

    async def configure(self, camera: Camera) -> None:
        await self.manager.configure(camera, self.credentials)

    def gop(self) -> None:
        for camera in self.cameras.values():
            camera.gop()

    @property
    def attempts(self) -> int:
        return sum(len(camera.attempts) for camera in self.cameras.values())

    def states(self) -> list[StreamState]:
        return [stream.status.state for stream in self.manager.streams()]


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.manager.stop()
    assert not stage.clock.pending


MAIN = StreamProfile("main", "main", "fake://192.0.2.1/main")
SUB = StreamProfile("second", "sub", "fake://192.0.2.1/sub")
FRONT = Camera("front", "entry", "Front", "fake", profiles=(SUB, MAIN))


async def test_a_stream_is_found_by_name_by_role_and_as_the_main_one(stage: Stage) -> None:
    await stage.configure(FRONT)
    get = stage.manager.get
    assert get("front").profile == get("front", "main").profile == MAIN
    assert get("front", "second") is get("front", "sub")
    for camera, profile in (("back", None), ("front", "third")):
        with pytest.raises(NotFoundError):
            get(camera, profile)
    assert stage.manager.status("front").state is StreamState.IDLE
    assert stage.manager.health("front") is None


async def test_the_credentials_are_asked_for_with_each_attempt(stage: Stage) -> None:
    await stage.configure(FRONT)
    camera = stage.camera(MAIN.url)
    camera.error = CannotConnect()
    stage.manager.get("front").attach(RecordingSink())
    await stage.clock.settle()
    stage.password = "second"
    await stage.clock.advance(1)
    assert [request.credentials for request in camera.requests] == [
        Credentials("viewer", "first"),
        Credentials("viewer", "second"),
    ]


async def test_only_the_main_stream_is_kept_warm(stage: Stage) -> None:
    await stage.configure(replace(FRONT, preload=True))
    await stage.clock.advance(0.1)
    assert list(stage.cameras) == [MAIN.url]
    stage.gop()
    await stage.configure(FRONT)
    await stage.clock.advance(11)
    assert stage.manager.status("front").state is StreamState.IDLE


async def test_a_hundred_warm_streams_do_not_connect_all_at_once(stage: Stage) -> None:
    for number in range(100):
        url = f"fake://192.0.2.{number}/"
        profile = StreamProfile("main", "main", url)
        await stage.configure(
            Camera(f"c{number}", f"e{number}", "", "fake", profiles=(profile,), preload=True)
        )
    most = 0
    for _ in range(100):
        before = stage.attempts
        await stage.clock.advance(0.1)
        stage.gop()
        await stage.clock.settle()
        most = max(most, stage.attempts - before)
    assert stage.attempts == 100
    assert most <= 16


async def test_a_viewer_does_not_wait_for_the_turn_of_a_warm_stream(stage: Stage) -> None:
    for number in range(50):
        profile = StreamProfile("main", "main", f"fake://192.0.2.{number}/")
        await stage.configure(
            Camera(f"c{number}", f"e{number}", "", "fake", profiles=(profile,), preload=True)
        )
    stage.manager.get("c49").attach(RecordingSink())
    await stage.clock.settle()
    assert "fake://192.0.2.49/" in stage.cameras


async def test_credentials_refused_on_one_stream_stop_all_streams_of_the_device(
    stage: Stage,
) -> None:
    channels = [
        Camera(
            f"nvr{n}",
            "nvr",
            "",
            "fake",
            profiles=(StreamProfile("main", "main", f"fake://192.0.2.9/{n}"),),
        )
        for n in range(8)
    ]
    for camera in channels:
        stage.camera(camera.profiles[0].url).error = InvalidAuth()
        await stage.configure(camera)
    other = Camera("other", "other", "", "fake", profiles=(MAIN,))
    await stage.configure(other)
    stage.manager.get("other").attach(RecordingSink())
    for camera in channels:
        stage.manager.get(camera.id).attach(RecordingSink())
    await stage.clock.advance(3600)
    refused = [s for s in stage.manager.streams() if s.camera_id != "other"]
    assert {s.status.state for s in refused} == {StreamState.AUTH_FAILED}
    assert sum(len(stage.camera(c.profiles[0].url).attempts) for c in channels) == 1
    assert [camera for camera, _ in stage.refusals] == ["nvr0"]
    assert stage.refusals[0][1].code == "AUTH_FAILED"
    assert stage.manager.status("other").state is not StreamState.AUTH_FAILED


async def test_a_channel_without_pictures_does_not_hold_up_the_others_of_its_device(
    stage: Stage,
) -> None:
    await stage.configure(FRONT)
    stage.manager.get("front", "sub").attach(RecordingSink())
    await stage.clock.settle()
    stage.manager.get("front").attach(RecordingSink())
    await stage.clock.settle()
    assert stage.camera(MAIN.url).connections == 1


async def test_a_password_changed_on_the_device_is_noticed_by_one_stream_alone(
    stage: Stage,
) -> None:
    sub = replace(SUB, url="fake://192.0.2.1/sub")
    await stage.configure(replace(FRONT, profiles=(MAIN, sub)))
    for profile in ("main", "sub"):
        stage.manager.get("front", profile).attach(RecordingSink())
        await stage.clock.settle()
        stage.gop()
        await stage.clock.settle()
    stage.gop()
    assert stage.states() == [StreamState.LIVE] * 2
    before = stage.attempts
    for camera in stage.cameras.values():
        camera.error = InvalidAuth()
        camera.drop(ConnectionClosed())
    await stage.clock.advance(3600)
    assert stage.states() == [StreamState.AUTH_FAILED] * 2
    assert stage.attempts == before + 1


async def test_a_configured_stream_tries_again_after_a_refusal(stage: Stage) -> None:
    camera = stage.camera(MAIN.url)
    camera.error = InvalidAuth()
    await stage.configure(FRONT)
    sink = RecordingSink()
    stage.manager.get("front").attach(sink)
    await stage.clock.advance(10)
    camera.error = None
    await stage.configure(FRONT)
    await stage.clock.advance(0.1)
    stage.gop()
    assert stage.manager.status("front").state is StreamState.LIVE
    assert sink.fragments


async def test_what_did_not_change_is_left_alone_and_what_changed_connects_anew(
    stage: Stage,
) -> None:
    await stage.configure(FRONT)
    sinks = {role: RecordingSink() for role in ("main", "sub")}
    for role, sink in sinks.items():
        stage.manager.get("front", role).attach(sink)
        await stage.clock.settle()
        stage.gop()
    await stage.clock.settle()
    stage.gop()
    moved = replace(SUB, url="fake://192.0.2.77/sub")
    await stage.configure(replace(FRONT, name="Gate", profiles=(moved, MAIN)))
    await stage.clock.settle()
    stage.gop()
    assert len(stage.camera(MAIN.url).attempts) == 1
    assert stage.camera(MAIN.url).connections == 1
    assert stage.camera(SUB.url).torn_down == 1
    assert stage.camera(moved.url).connections == 1
    assert sinks["sub"].closed is None
    assert sinks["sub"].states[-1] is StreamState.LIVE


async def test_a_profile_that_is_gone_is_closed(stage: Stage) -> None:
    await stage.configure(FRONT)
    sink = RecordingSink()
    stage.manager.get("front", "sub").attach(sink)
    await stage.clock.settle()
    await stage.configure(replace(FRONT, profiles=(MAIN,)))
    assert sink.closed is not None
    assert sink.closed.code == "NOT_FOUND"
    assert stage.camera(SUB.url).torn_down == 1
    with pytest.raises(NotFoundError):
        stage.manager.get("front", "sub")


async def test_a_removed_camera_is_told_goodbye_and_removing_twice_is_harmless(
    stage: Stage,
) -> None:
    await stage.configure(replace(FRONT, preload=True))
    await stage.clock.advance(1)
    stage.gop()
    await stage.manager.remove("front")
    assert stage.camera(MAIN.url).torn_down == 1
    await stage.manager.remove("front")
    with pytest.raises(NotFoundError):
        stage.manager.get("front")


async def test_ten_cameras_whose_server_vanishes_and_returns_are_all_live_again(
    stage: Stage,
) -> None:
    for number in range(10):
        profile = StreamProfile("main", "main", f"fake://192.0.2.1/{number}")
        await stage.configure(
            Camera(f"c{number}", f"e{number}", "", "fake", profiles=(profile,), preload=True)
        )
    for _ in range(5):
        await stage.clock.advance(1)
        stage.gop()
    assert set(stage.states()) == {StreamState.LIVE}
    before = stage.attempts
    for camera in stage.cameras.values():
        camera.error = CannotConnect()
        camera.drop(ConnectionClosed())
    await stage.clock.advance(120)
    assert stage.attempts - before <= 10 * 16
    for camera in stage.cameras.values():
        camera.error = None
    for _ in range(60):
        await stage.clock.advance(1)
        stage.gop()
    assert set(stage.states()) == {StreamState.LIVE}
