"""A live stream: on demand, retries, and what viewers see of it."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from random import Random

import pytest
import pytest_asyncio

from ucv.bus import Event, EventBus
from ucv.cameras.camera import StreamProfile
from ucv.errors import (
    CameraViewerError,
    CannotConnect,
    ConnectionClosed,
    InvalidAuth,
    NotFoundError,
    UnsupportedCodec,
)
from ucv.streams.live import LiveStream, OpenSource
from ucv.streams.settings import StreamSettings
from ucv.streams.source import SourceRequest
from ucv.streams.state import (
    Reason,
    StreamFormatChanged,
    StreamHealthMeasured,
    StreamState,
    StreamStateChanged,
)
from ucv.testing.clock import FakeClock
from ucv.testing.streams import FORMAT, FakeCamera, RecordingSink

IDLE, CONNECTING, LIVE = StreamState.IDLE, StreamState.CONNECTING, StreamState.LIVE
RETRYING, OFFLINE, AUTH_FAILED = (
    StreamState.RETRYING,
    StreamState.OFFLINE,
    StreamState.AUTH_FAILED,
)


class Stage:
    """A stream with the camera it reads and everything it published."""

    def __init__(self, **settings: float) -> None:
        self.clock = FakeClock()
        self.bus = EventBus()
        self.camera = FakeCamera(self.clock)
        self.events: list[Event] = []
        self.errors: list[CameraViewerError] = []
        self.bus.subscribe(Event, self.events.append)
        self.openers = [self._open]
        self.stream = LiveStream(
            "front",
            StreamProfile("main", "main", "rtsp://192.0.2.1/"),
            self._find,
            clock=self.clock,
            bus=self.bus,
            settings=StreamSettings(**settings),  # type: ignore[arg-type]  # counts are whole
            on_failed=lambda _stream, error: self.errors.append(error),
            random=Random(7),
        )

    async def _find(self) -> list[OpenSource]:
        return list(self.openers)  # type: ignore[arg-type]  # narrower is fine

    def _open(self) -> object:
        return self.camera.open(SourceRequest("rtsp://192.0.2.1/"), self.clock)

    async def watch(self) -> RecordingSink:
        sink = RecordingSink()
        self.stream.attach(sink)
        await self.clock.settle()
        return sink

    @property
    def state(self) -> StreamState:
        return self.stream.status.state

    @property
    def states(self) -> list[StreamState]:
        return [e.status.state for e in self.events if isinstance(e, StreamStateChanged)]


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.stream.stop()


async def test_without_viewers_there_is_no_connection(stage: Stage) -> None:
    await stage.clock.advance(60)
    assert stage.state is IDLE
    assert not stage.camera.requests


async def test_the_first_viewer_connects_and_sees_the_first_keyframe(stage: Stage) -> None:
    sink = await stage.watch()
    assert stage.state is CONNECTING
    stage.camera.picture()
    stage.camera.gop(3)
    assert stage.state is LIVE
    assert sink.states == [IDLE, CONNECTING, LIVE]
    assert len(sink.inits) == 1
    assert [fragment.keyframe for fragment in sink.fragments] == [True, False, False]


async def test_many_viewers_share_one_connection_and_each_fragment(stage: Stage) -> None:
    sinks = [await stage.watch() for _ in range(20)]
    stage.camera.gop()
    assert len(stage.camera.requests) == 1
    assert all(sink.fragments == sinks[0].fragments for sink in sinks)


async def test_the_stream_lingers_after_its_last_viewer(stage: Stage) -> None:
    sink = RecordingSink()
    viewer = stage.stream.attach(sink)
    await stage.clock.settle()
    stage.camera.gop()
    viewer.detach()
    viewer.detach()
    await stage.clock.advance(9.9)
    assert stage.state is LIVE
    await stage.clock.advance(0.2)
    assert stage.state is IDLE
    assert (stage.camera.connections, stage.camera.torn_down) == (0, 1)


async def test_a_viewer_who_comes_while_it_lingers_sees_a_picture_at_once(stage: Stage) -> None:
    viewer = stage.stream.attach(RecordingSink())
    await stage.clock.settle()
    stage.camera.gop(50)
    viewer.detach()
    await stage.clock.advance(5)
    late = RecordingSink()
    stage.stream.attach(late)
    assert len(late.fragments) == 50
    await stage.clock.advance(20)
    assert stage.state is LIVE
    assert len(stage.camera.requests) == 1


async def test_a_preloaded_stream_stays_connected_without_viewers(stage: Stage) -> None:
    stage.stream.preload = True
    await stage.clock.settle()
    stage.camera.gop()
    await stage.clock.advance(25)
    assert stage.state is LIVE
    stage.stream.preload = False
    await stage.clock.advance(11)
    assert stage.state is IDLE


async def test_a_viewer_who_returns_while_the_old_connection_is_torn_down_gets_a_new_one(
    stage: Stage,
) -> None:
    viewer = stage.stream.attach(RecordingSink())
    await stage.clock.settle()
    viewer.detach()
    await stage.clock.advance(9.99)
    stage.stream._linger_over()
    sink = RecordingSink()
    stage.stream.attach(sink)
    await stage.clock.settle()
    assert (stage.camera.connections, stage.camera.torn_down) == (1, 1)
    stage.camera.gop()
    assert sink.fragments


async def test_a_lost_connection_is_tried_again_and_the_viewer_goes_on(stage: Stage) -> None:
    sink = await stage.watch()
    stage.camera.gop(3)
    stage.camera.drop(ConnectionClosed())
    await stage.clock.settle()
    status = stage.stream.status
    assert status.state is RETRYING
    assert status.reason is not None
    assert status.reason.code == "CONN_CLOSED"
    assert 0 < status.next_try - stage.clock.time() <= 1
    await stage.clock.advance(1)
    stage.camera.gop(3)
    assert stage.state is LIVE
    assert len(sink.inits) == 1
    assert len(sink.fragments) == 6
    times = [fragment.decode_time for fragment in sink.fragments]
    assert times == sorted(set(times))


async def test_no_old_picture_is_shown_while_the_camera_is_gone(stage: Stage) -> None:
    await stage.watch()
    stage.camera.gop()
    stage.camera.drop(ConnectionClosed())
    await stage.clock.settle()
    assert not (await stage.watch()).fragments


async def test_tries_get_rarer_and_after_some_the_stream_is_offline(stage: Stage) -> None:
    stage.camera.error = CannotConnect()
    await stage.watch()
    await stage.clock.advance(600)
    assert 12 < len(stage.camera.attempts) < 40
    assert stage.states[:11] == [CONNECTING, RETRYING] * 4 + [CONNECTING, OFFLINE, CONNECTING]
    gaps = [b - a for a, b in zip(stage.camera.attempts, stage.camera.attempts[1:], strict=False)]
    assert max(gaps) <= 60
    assert min(gaps) >= 0.5
    stage.camera.error = None
    for _ in range(61):
        if not stage.camera.connections:
            await stage.clock.advance(1)
    stage.camera.gop()
    assert stage.state is LIVE


async def test_viewers_who_come_and_go_while_it_retries_cause_no_further_attempts() -> None:
    stage, calm = Stage(linger=0.0), Stage(linger=0.0)
    for each in (stage, calm):
        each.camera.error = CannotConnect()
    keep = RecordingSink()
    calm.stream.attach(keep)
    for _ in range(600):
        viewer = stage.stream.attach(RecordingSink())
        await stage.clock.advance(0.1)
        await calm.clock.advance(0.1)
        viewer.detach()
    assert len(stage.camera.attempts) <= len(calm.camera.attempts) + 1
    await stage.stream.stop()
    await calm.stream.stop()


async def test_failures_are_forgotten_once_it_was_live_for_a_while(stage: Stage) -> None:
    stage.camera.error = CannotConnect()
    await stage.watch()
    await stage.clock.advance(60)
    stage.camera.error = None
    await stage.clock.advance(60)
    for _ in range(12):
        stage.camera.gop()
        await stage.clock.advance(1)
    stage.camera.drop(ConnectionClosed())
    await stage.clock.settle()
    assert stage.state is RETRYING
    assert stage.stream.status.next_try - stage.clock.time() <= 1


async def test_a_camera_that_is_live_for_moments_only_is_not_tried_ever_faster(
    stage: Stage,
) -> None:
    await stage.watch()
    for _ in range(1200):
        if stage.camera.connections:
            stage.camera.gop(1)
            stage.camera.drop(ConnectionClosed())
        await stage.clock.advance(0.25)
    assert len(stage.camera.attempts) < 40


async def test_refused_credentials_end_all_traffic_until_a_restart(stage: Stage) -> None:
    stage.camera.error = InvalidAuth()
    sink = await stage.watch()
    await stage.clock.advance(3600)
    assert len(stage.camera.requests) == 1
    assert stage.state is AUTH_FAILED
    assert sink.statuses[-1].reason is not None
    assert sink.statuses[-1].reason.code == "AUTH_FAILED"
    await stage.watch()
    stage.stream.preload = True
    await stage.clock.advance(3600)
    assert len(stage.camera.requests) == 1
    assert [type(error) for error in stage.errors] == [InvalidAuth]
    stage.camera.error = None
    stage.stream.restart()
    await stage.clock.settle()
    stage.camera.gop()
    assert stage.state is LIVE
    assert sink.fragments


async def test_a_refused_stream_stays_refused_when_its_viewers_leave(stage: Stage) -> None:
    stage.camera.error = InvalidAuth()
    viewer = stage.stream.attach(RecordingSink())
    await stage.clock.settle()
    viewer.detach()
    await stage.clock.advance(60)
    await stage.watch()
    await stage.clock.advance(60)
    assert stage.state is AUTH_FAILED
    assert len(stage.camera.requests) == 1


async def test_credentials_refused_on_another_stream_cut_this_one_off(stage: Stage) -> None:
    sink = await stage.watch()
    stage.camera.gop()
    stage.stream.refuse(Reason("AUTH_FAILED", "Refused."))
    await stage.clock.advance(60)
    assert stage.state is AUTH_FAILED
    assert stage.camera.connections == 0
    assert sink.closed is None
    assert sink.states[-1] is AUTH_FAILED


async def test_a_restart_keeps_the_viewers(stage: Stage) -> None:
    sink = await stage.watch()
    stage.camera.gop(2)
    stage.stream.restart()
    await stage.clock.settle()
    stage.camera.gop(2)
    assert len(sink.fragments) == 4
    assert (len(stage.camera.requests), stage.camera.torn_down) == (2, 1)


async def test_what_one_source_cannot_read_the_next_one_tries(stage: Stage) -> None:
    first = FakeCamera(stage.clock)
    first.error = UnsupportedCodec()
    stage.openers.insert(0, partial(first.open, SourceRequest("rtsp://192.0.2.1/"), stage.clock))
    await stage.watch()
    stage.camera.gop()
    assert stage.state is LIVE
    stage.camera.drop(ConnectionClosed())
    await stage.clock.advance(1)
    assert (len(first.attempts), len(stage.camera.attempts)) == (1, 2)


async def test_a_codec_that_no_source_can_read_is_offline_and_rarely_tried(stage: Stage) -> None:
    stage.camera.error = UnsupportedCodec()
    await stage.watch()
    assert stage.state is OFFLINE
    await stage.clock.advance(600)
    assert len(stage.camera.attempts) < 60


async def test_an_address_that_no_source_knows_is_offline_with_a_reason(stage: Stage) -> None:
    stage.openers.clear()
    await stage.watch()
    assert stage.state is OFFLINE
    assert stage.stream.status.reason is not None
    assert stage.stream.status.reason.code == "NOT_SUPPORTED"


async def test_a_source_with_a_fault_of_its_own_is_logged_and_tried_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.camera.error = ZeroDivisionError("a plugin's fault")
    await stage.watch()
    assert stage.state is RETRYING
    assert "a plugin's fault" in caplog.text
    stage.camera.error = None
    await stage.clock.advance(1)
    stage.camera.gop()
    assert stage.state is LIVE


async def test_a_connection_without_pictures_has_stalled(stage: Stage) -> None:
    stage.camera.silent = True
    await stage.watch()
    await stage.clock.advance(29)
    assert stage.state is CONNECTING
    await stage.clock.advance(2)
    assert stage.state in (RETRYING, CONNECTING)
    assert stage.errors[0].code == "STREAM_STALLED"
    assert stage.camera.torn_down == 1


async def test_a_live_stream_whose_pictures_stop_has_stalled(stage: Stage) -> None:
    await stage.watch()
    stage.camera.gop()
    await stage.clock.advance(31)
    assert [error.code for error in stage.errors] == ["STREAM_STALLED"]


async def test_a_format_change_is_announced_and_sent_to_viewers(stage: Stage) -> None:
    sink = await stage.watch()
    stage.camera.gop(2)
    stage.camera.change_format(width=1280, height=720)
    stage.camera.picture()
    stage.camera.gop(2)
    assert len(sink.inits) == 2
    assert [fragment.keyframe for fragment in sink.fragments] == [True, False, True, False]
    sizes = [(e.width, e.height) for e in stage.events if isinstance(e, StreamFormatChanged)]
    assert sizes == [(640, 480), (1280, 720)]


async def test_the_same_format_after_a_reconnect_needs_no_new_init_segment(stage: Stage) -> None:
    sink = await stage.watch()
    stage.camera.gop(2)
    stage.camera.drop(ConnectionClosed())
    await stage.clock.advance(1)
    stage.camera.gop(2)
    assert len(sink.inits) == 1
    assert stage.stream.format == FORMAT


async def test_a_stopped_stream_closes_its_viewers_and_takes_no_new_ones(stage: Stage) -> None:
    sink = await stage.watch()
    stage.camera.gop()
    await stage.stream.stop()
    assert sink.closed is not None
    assert (stage.camera.connections, stage.camera.torn_down) == (0, 1)
    with pytest.raises(NotFoundError):
        stage.stream.attach(RecordingSink())
    assert not stage.clock.pending


async def test_a_source_that_does_not_end_does_not_hold_up_the_hub(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ucv.streams.reading._TEARDOWN_LIMIT", 0.05)
    stubborn_ends = asyncio.Event()

    class Stubborn:
        async def run(self, _sink: object) -> None:
            while not stubborn_ends.is_set():
                try:
                    await stubborn_ends.wait()
                except asyncio.CancelledError:
                    continue

    stage.openers[:] = [Stubborn]
    await stage.watch()
    await stage.stream.stop()
    assert "does not end" in caplog.text
    stubborn_ends.set()


async def test_a_hundred_streams_that_fail_together_do_not_return_together() -> None:
    stages = [Stage() for _ in range(100)]
    for number, stage in enumerate(stages):
        stage.stream._backoff._random = Random(number)
        stage.camera.error = CannotConnect()
        stage.stream.preload = True
    for stage in stages:
        await stage.clock.advance(60)
    attempts = sorted(when for stage in stages for when in stage.camera.attempts)
    later = [when for when in attempts if when > attempts[0] + 4]
    for start in range(5, 60):
        window = [when for when in later if start <= when - attempts[0] < start + 0.1]
        assert len(window) <= 10
    for stage in stages:
        await stage.stream.stop()


async def test_health_is_published_once_a_second_and_once_more_when_idle(stage: Stage) -> None:
    viewer = stage.stream.attach(RecordingSink())
    await stage.clock.settle()
    for _ in range(5):
        stage.camera.gop(25)
        await stage.clock.advance(1)
    viewer.detach()
    await stage.clock.advance(30)
    measured = [e.health for e in stage.events if isinstance(e, StreamHealthMeasured)]
    assert 15 <= len(measured) <= 17
    assert measured[2].fps == pytest.approx(25)
    assert measured[2].bitrate == pytest.approx(25 * 1000 * 8)
    assert measured[2].viewers == 1
    assert measured[-1].score is None
    assert stage.stream.health == measured[-1]
