"""A scene that is drawn as long as it is watched, and turns with its camera's head."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import av
import pytest

from ucv.clock import SystemClock
from ucv.media.access_unit import AccessUnit, VideoFormat
from ucv.media.fmp4 import decoder_configuration
from ucv.streams.rtsp_source import RtspSource
from ucv.streams.source import SourceRequest
from ucv.testing import FakeClock, until
from ucv.testing.live_scene import LiveScene
from ucv.testing.ptz_model import PtzModel
from ucv.testing.rtsp_server import RtspServer
from ucv.testing.scene import read_counter


class Screen:
    """Decodes what a source delivers."""

    def __init__(self) -> None:
        self.counters: list[int | None] = []
        self.sizes: set[tuple[int, int]] = set()
        self._decoder: Any = None

    def on_format(self, video_format: VideoFormat) -> None:
        self._decoder = av.CodecContext.create("h264", "r")
        self._decoder.extradata = decoder_configuration(video_format)

    def on_access_unit(self, unit: AccessUnit) -> None:
        for frame in self._decoder.decode(av.Packet(bytes(unit.payload))):
            self.sizes.add((frame.width, frame.height))
            self.counters.append(read_counter(frame))

    def on_loss(self, packets: int) -> None:
        raise AssertionError(packets)

    def on_bytes(self, count: int) -> None:
        pass


def picture(data: bytes) -> av.VideoFrame:
    with av.open(io.BytesIO(data), "r") as container:
        return next(container.decode(video=0))


async def test_it_streams_live_pictures_one_after_the_other_while_somebody_watches() -> None:
    scene = LiveScene("Bay", PtzModel())
    async with RtspServer() as server:
        main = scene.mount(server, "/main", 0)
        scene.mount(server, "/sub", 1)
        screens = [Screen(), Screen()]
        tasks = [
            asyncio.create_task(
                RtspSource(SourceRequest(server.url(path)), SystemClock()).run(screen)
            )
            for path, screen in zip(("/main", "/sub"), screens, strict=True)
        ]
        await until(lambda: all(len(screen.counters) >= 8 for screen in screens), 15)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await until(lambda: not main.viewers)
        for screen in screens:
            numbers = [number for number in screen.counters if number is not None]
            assert len(numbers) == len(screen.counters)
            assert numbers == sorted(numbers)
        assert [screen.sizes for screen in screens] == [{(640, 360)}, {(320, 180)}]
        # A sparse machine may leave some out, but nothing is drawn for nobody.
        sent = main.sent
        await asyncio.sleep(0.3)
        assert main.sent == sent
    await scene.stop()


async def test_turning_the_head_moves_the_picture() -> None:
    head = PtzModel()
    scene = LiveScene("Bay", head)
    left = await scene.jpeg()
    head.absolute(pan=1)
    right = await scene.jpeg()
    assert (picture(left).width, picture(left).height) == (640, 360)
    planes = [bytes(picture(one).planes[0]) for one in (left, right)]
    differing = sum(abs(a - b) > 20 for a, b in zip(*planes, strict=True))
    assert differing > 640 * 360 // 20
    await scene.stop()


async def test_motion_is_told_when_the_head_turns_or_the_boat_sails_through() -> None:
    clock = FakeClock(epoch=1_000_000.0)
    head = PtzModel(clock)
    told: list[bool] = []
    scene = LiveScene("Bay", head, on_motion=told.append, now=clock.time)
    # Zoomed in to the far left, while the boat is on the right.
    head.absolute(pan=-1, zoom=1)
    await clock.advance(19 - clock.time() % 20)
    scene.start()
    await asyncio.sleep(0.25)
    assert told == []
    head.move(pan=0.1)
    await until(lambda: scene.moving)
    head.stop()
    head.absolute(pan=-1)
    await clock.advance(0.5)
    await asyncio.sleep(0.3)
    assert told == [True]
    await clock.advance(1)
    await until(lambda: len(told) == 2)
    # The boat comes in from the left.
    await clock.advance(3)
    await until(lambda: scene.moving)
    assert told == [True, False, True]
    await scene.stop()


@pytest.mark.parametrize("zoom", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("pan", [-1.0, 0.3, 1.0])
async def test_any_position_shows_a_picture_with_its_number(pan: float, zoom: float) -> None:
    head = PtzModel()
    head.absolute(pan=pan, tilt=-pan, zoom=zoom)
    scene = LiveScene("Bay", head)
    assert read_counter(picture(await scene.jpeg(640, 360))) is not None
    await scene.stop()
