"""Keyframes as JPEG."""

from __future__ import annotations

import asyncio
import io
from fractions import Fraction

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from ucv.errors import StreamingError
from ucv.media.access_unit import VideoFormat
from ucv.media.fmp4 import Fragment, Packager
from ucv.media.samples import SampleReader
from ucv.streams.jpeg import keyframe_to_jpeg


def picture(
    width: int = 320, height: int = 240, *, options: dict[str, str] | None = None
) -> tuple[VideoFormat, list[Fragment]]:
    """Encode a picture, white at the left and black at the right, and one after it."""
    encoder = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", **(options or {})}
    frame = av.VideoFrame(width, height, "yuv420p")
    luma, *chroma = frame.planes
    row = bytes(235 if x < width // 2 else 16 for x in range(luma.line_size))
    # Slanted, so that there is detail to lose.
    luma.update(b"".join(row[y % 64 :] + row[: y % 64] for y in range(luma.height)))
    for plane in chroma:
        plane.update(b"\x80" * plane.buffer_size)
    packets = []
    for number in range(2):
        frame.pts = number
        packets += encoder.encode(frame)
    reader = SampleReader()
    units = [reader.read(bytes(packet), (packet.pts or 0) * 3600, 0.0) for packet in packets]
    assert reader.format is not None
    packager = Packager(reader.format)
    return reader.format, [packager.package(unit) for unit in units if unit is not None]


def decode(jpeg: bytes) -> av.VideoFrame:
    assert jpeg[:2] == b"\xff\xd8"
    assert jpeg[-2:] == b"\xff\xd9"
    with av.open(io.BytesIO(jpeg), "r", format="mjpeg") as container:
        return next(container.decode(video=0))


async def test_a_keyframe_becomes_a_picture_of_the_same_size_and_brightness() -> None:
    video_format, fragments = picture()
    frame = decode(await keyframe_to_jpeg(video_format, fragments[0], quality=90))
    assert (frame.width, frame.height) == (320, 240)
    row = bytes(frame.planes[0])[: frame.planes[0].line_size]
    assert row[20] > 245, "limited range becomes full range"
    assert row[300] < 10


async def test_a_wide_picture_is_scaled_down_and_a_narrow_one_is_left() -> None:
    video_format, fragments = picture()
    small = decode(await keyframe_to_jpeg(video_format, fragments[0], max_width=160))
    assert (small.width, small.height) == (160, 120)
    same = decode(await keyframe_to_jpeg(video_format, fragments[0], max_width=999))
    assert (same.width, same.height) == (320, 240)


async def test_quality_costs_bytes() -> None:
    video_format, fragments = picture(640, 480)
    sizes = [
        len(await keyframe_to_jpeg(video_format, fragments[0], quality=quality))
        for quality in (5, 50, 95)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


async def test_pictures_with_several_slices_and_in_high_profile_are_decoded() -> None:
    for options in ({"slices": "4"}, {"profile": "high", "preset": "medium"}):
        video_format, fragments = picture(options=options)
        frame = decode(await keyframe_to_jpeg(video_format, fragments[0]))
        assert (frame.width, frame.height) == (320, 240)


async def test_many_at_a_time_all_get_their_turn() -> None:
    video_format, fragments = picture()
    jpegs = await asyncio.gather(*(keyframe_to_jpeg(video_format, fragments[0]) for _ in range(20)))
    assert len(set(jpegs)) == 1


async def test_one_that_is_cancelled_gives_its_turn_back() -> None:
    video_format, fragments = picture()
    for _ in range(5):
        task = asyncio.create_task(keyframe_to_jpeg(video_format, fragments[0]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await keyframe_to_jpeg(video_format, fragments[0])


async def test_only_keyframes_can_be_decoded_alone() -> None:
    video_format, fragments = picture()
    with pytest.raises(ValueError, match="keyframe"):
        await keyframe_to_jpeg(video_format, fragments[1])


async def test_a_damaged_picture_is_an_error() -> None:
    video_format, fragments = picture()
    damaged = fragments[0]
    at = damaged.start + damaged.header_size
    damaged.buffer[at:] = b"\0\0\0\4\x65\xff\xff\xff"
    with pytest.raises(StreamingError):
        await keyframe_to_jpeg(video_format, damaged)
