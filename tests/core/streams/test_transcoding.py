"""JPEG pictures as H.264: for those who ask, as long as they do, once for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from random import Random

import av
import pytest
import pytest_asyncio
from av.video.codeccontext import VideoCodecContext

from ucv.bus import EventBus
from ucv.cameras.camera import StreamProfile
from ucv.errors import ConnectionClosed, NotFoundError, StreamingError
from ucv.media.fmp4 import decoder_configuration
from ucv.streams import jpeg_encoder
from ucv.streams.jpeg_encoder import KEYFRAME_INTERVAL, MAX_WIDTH, JpegEncoder
from ucv.streams.live import LiveStream, OpenSource
from ucv.streams.settings import StreamSettings
from ucv.streams.snapshot import snapshot
from ucv.streams.source import SourceRequest
from ucv.streams.transcoding import MAX_FAILURES, UNDECODABLE, Transcoding
from ucv.testing import FakeClock, until
from ucv.testing.jpeg_loop import jpeg_loop
from ucv.testing.streams import JPEG_FORMAT, FakeCamera, RecordingSink

URL = "http://192.0.2.1/video"
PICTURES = jpeg_loop("T", 320, 180, 5, 1)


class Stage:
    """A stream of JPEG pictures that a test sends by hand."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.camera = FakeCamera(self.clock, JPEG_FORMAT)
        self.stream = LiveStream(
            "front",
            StreamProfile("main", "main", URL, {"source": "mjpeg"}),
            self._find,
            clock=self.clock,
            bus=EventBus(),
            settings=StreamSettings(linger=10.0, retry_first=1.0),
            random=Random(7),
        )
        self._sent = 0

    async def _find(self) -> list[OpenSource]:
        return [lambda: self.camera.open(SourceRequest(URL), self.clock)]

    @property
    def transcoding(self) -> Transcoding:
        playable = self.stream.playable
        assert isinstance(playable, Transcoding)
        return playable

    async def play(self) -> RecordingSink:
        sink = RecordingSink()
        self.transcoding.attach(sink)
        await self.clock.settle()
        return sink

    async def send(self, sink: RecordingSink, count: int = 1) -> None:
        """Send pictures one by one, each when the one before has come out encoded."""
        for _ in range(count):
            before = len(sink.fragments)
            self.camera.jpeg(PICTURES[self._sent % len(PICTURES)])
            await self.clock.advance(0.1)
            self._sent += 1
            await until(partial(_has, sink, before + 1))


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.stream.stop()


def _has(sink: RecordingSink, count: int) -> bool:
    return len(sink.fragments) >= count


def decoded(sink: RecordingSink, video_format: object) -> list[tuple[int, int]]:
    decoder = VideoCodecContext.create("h264", "r")
    decoder.extradata = decoder_configuration(video_format)  # type: ignore[arg-type]  # the test's
    frames = []
    for fragment in sink.fragments:
        frames += decoder.decode(av.Packet(bytes(fragment.payload)))
    frames += decoder.decode(None)
    return [(frame.width, frame.height) for frame in frames]


async def test_a_player_of_h264_gets_each_picture_encoded(stage: Stage) -> None:
    sink = await stage.play()
    await stage.send(sink, 5)
    assert sink.inits[0][0][4:8] == b"ftyp"
    assert sink.inits[0][1].startswith('video/mp4; codecs="avc1.')
    assert [fragment.keyframe for fragment in sink.fragments] == [True] + [False] * 4
    times = [fragment.decode_time + fragment.offset for fragment in sink.fragments]
    assert times == [number * 9000 for number in range(5)]
    assert decoded(sink, stage.transcoding.format) == [(320, 180)] * 5


async def test_nothing_is_encoded_for_those_who_take_jpeg(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg_encoder, "JpegEncoder", None)  # calling it would fail
    sink = RecordingSink()
    stage.stream.attach(sink)
    await stage.clock.settle()
    taken = asyncio.create_task(snapshot(stage.stream))
    await stage.clock.settle()
    for picture in PICTURES:
        stage.camera.jpeg(picture)
    assert [bytes(fragment.payload) for fragment in sink.fragments] == list(PICTURES)
    assert await taken == PICTURES[0]
    assert await snapshot(stage.stream) == PICTURES[-1]
    assert sink.inits == [(b"", "image/jpeg")]
    assert not stage.transcoding.active


async def test_all_players_share_one_encoding_and_count_as_viewers(stage: Stage) -> None:
    first = await stage.play()
    await stage.send(first, 3)
    second = await stage.play()
    assert second.fragments == first.fragments, "a warm stream is there at once"
    await stage.send(first)
    assert second.fragments[-1] is first.fragments[-1]
    assert stage.stream.viewers == 2
    stage.stream.attach(RecordingSink())
    assert stage.stream.viewers == 3
    assert stage.camera.connections == 1


async def test_encoding_goes_on_a_while_after_the_last_player_and_then_ends(stage: Stage) -> None:
    sink = RecordingSink()
    viewer = stage.transcoding.attach(sink)
    await stage.clock.settle()
    await stage.send(sink)
    viewer.detach()
    assert stage.stream.viewers == 0
    await stage.clock.advance(9)
    assert stage.transcoding.active
    again = stage.transcoding.attach(RecordingSink())
    await stage.clock.advance(20)
    assert stage.transcoding.active, "whoever comes back in time keeps it going"
    again.detach()
    await stage.clock.advance(11)
    assert stage.stream.viewers == 0
    assert [stage.transcoding.active] == [False]
    await stage.clock.advance(11)
    assert stage.camera.connections == 0
    late = await stage.play()
    await stage.send(late)
    assert late.fragments[0].keyframe


async def test_a_stream_that_was_interrupted_goes_on_with_a_keyframe(stage: Stage) -> None:
    sink = await stage.play()
    await stage.send(sink, 3)
    stage.camera.drop(ConnectionClosed())
    await stage.clock.settle()
    assert sink.states[-1] == "retrying"
    newcomer = await stage.play()
    assert not newcomer.fragments, "what was before the interruption is not shown as if it were now"
    await stage.clock.advance(2)
    await stage.send(sink, 2)
    assert sink.states[-1] == "live"
    assert [fragment.keyframe for fragment in sink.fragments] == [True, False, False, True, False]
    times = [fragment.decode_time for fragment in sink.fragments]
    assert times == sorted(set(times))


async def test_of_pictures_that_come_too_fast_the_newest_is_next(stage: Stage) -> None:
    sink = await stage.play()
    await stage.send(sink)
    for _ in range(50):
        stage.camera.jpeg(PICTURES[0], step=100)
    await until(lambda: sink.fragments[-1].received and len(sink.fragments) >= 2)
    last = 0
    while last != len(sink.fragments):
        last = len(sink.fragments)
        await asyncio.sleep(0.1)
    assert last <= 4
    assert sink.fragments[-1].decode_time + sink.fragments[-1].offset == 50 * 100


async def test_a_player_that_lags_is_helped_on_and_one_that_is_stuck_is_closed(
    stage: Stage,
) -> None:
    sink, stuck = await stage.play(), await stage.play()
    stuck.room = False
    await stage.send(sink, 3)
    await stage.clock.advance(32)
    assert stuck.closed is not None
    assert stuck.closed.code == "VIEWER_BLOCKED"
    assert sink.closed is None


async def test_pictures_that_cannot_be_decoded_are_passed_over_and_in_the_end_said(
    stage: Stage,
) -> None:
    sink = await stage.play()
    for _ in range(MAX_FAILURES - 1):
        stage.camera.jpeg(b"\xff\xd8\xff\xdanothing")
        await asyncio.sleep(0.02)
    await stage.send(sink)
    assert sink.fragments[0].keyframe
    deadline = MAX_FAILURES * 3
    while sink.closed is None and deadline:
        stage.camera.jpeg(b"\xff\xd8\xff\xdanothing")
        await asyncio.sleep(0.02)
        deadline -= 1
    assert sink.closed == UNDECODABLE
    assert not stage.transcoding.active


async def test_players_of_a_stream_that_is_removed_are_closed(stage: Stage) -> None:
    sink = await stage.play()
    await stage.send(sink)
    await stage.stream.stop()
    assert sink.closed is not None
    assert sink.closed.code == "NOT_FOUND"
    assert not stage.transcoding.active
    with pytest.raises(NotFoundError):
        stage.transcoding.attach(RecordingSink())


def test_keyframes_come_by_time_and_when_asked_for() -> None:
    encoder = JpegEncoder()
    keyframes = []
    for number in range(50):
        asked = number == 7
        unit = encoder.encode(
            PICTURES[number % 5], number * 9000, 100 + number / 10, keyframe=asked
        )
        assert unit is not None
        if unit.keyframe:
            keyframes.append(number)
    assert keyframes == [0, 7, *range(7 + int(KEYFRAME_INTERVAL * 10), 50, 20)]


def test_odd_sizes_become_even_and_wide_pictures_smaller() -> None:
    encoder = JpegEncoder()
    odd = jpeg_loop("T", 321, 181, 1, 1)[0]
    wide = jpeg_loop("T", 2048, 256, 1, 1)[0]
    assert encoder.encode(odd, 0, 1.0) is not None
    assert encoder.format is not None
    assert (encoder.format.width, encoder.format.height) == (320, 180)
    unit = encoder.encode(wide, 9000, 1.1)
    assert unit is not None
    assert unit.keyframe
    assert (encoder.format.width, encoder.format.height) == (MAX_WIDTH, 240)


def test_brightness_survives_the_way_through() -> None:
    encoder = JpegEncoder()
    unit = encoder.encode(PICTURES[0], 0, 1.0)
    assert unit is not None
    assert encoder.format is not None
    source = VideoCodecContext.create("mjpeg", "r").decode(av.Packet(PICTURES[0]))[0]
    decoder = VideoCodecContext.create("h264", "r")
    decoder.extradata = decoder_configuration(encoder.format)
    (shown,) = [*decoder.decode(av.Packet(bytes(unit.payload))), *decoder.decode(None)]
    # JPEG's 0 to 255 has become television's 16 to 235.
    assert abs(16 + _mean(source) * 219 / 255 - _mean(shown)) < 3


def _mean(frame: av.VideoFrame) -> float:
    luma = frame.planes[0]
    data = bytes(luma)
    rows = [data[y * luma.line_size :][: luma.width] for y in range(luma.height)]
    return sum(map(sum, rows)) / (luma.width * luma.height)


def test_a_picture_of_too_many_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert JpegEncoder().encode(PICTURES[0], 0, 0.0) is not None
    monkeypatch.setattr(jpeg_encoder, "MAX_PIXELS", 320 * 180 // 2)
    with pytest.raises(StreamingError):
        JpegEncoder().encode(PICTURES[0], 0, 0.0)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xd9", PICTURES[0][:100]])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(StreamingError):
        JpegEncoder().encode(data, 0, 0.0)
