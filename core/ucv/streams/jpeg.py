"""A keyframe as JPEG, for snapshots and previews."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction
from weakref import WeakKeyDictionary

import av
import av.error
import av.logging
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from ucv.errors import StreamingError
from ucv.media.access_unit import VideoFormat
from ucv.media.errors import MediaError
from ucv.media.fmp4 import Fragment, decoder_configuration

#: JPEG quality if nothing else is asked for, 1 (worst) to 100.
DEFAULT_QUALITY = 80
#: Conversions at a time: each keeps a core busy for some 10 to 50 ms.
MAX_CONCURRENT = 2
#: Seconds that one may take, waiting for its turn included.
TIME_LIMIT = 10.0

_limits: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def keyframe_to_jpeg(
    video_format: VideoFormat,
    fragment: Fragment,
    *,
    quality: int = DEFAULT_QUALITY,
    max_width: int | None = None,
) -> bytes:
    """Return the picture of a keyframe's fragment as JPEG; in a thread, a few at a time.

    ``quality`` is 1 to 100; a picture wider than ``max_width`` pixels is scaled down to it. Raises
    `StreamingError` if it cannot be decoded, `ValueError` if it is no keyframe, `TimeoutError`
    after `TIME_LIMIT`.
    """
    if not fragment.keyframe:
        raise ValueError("only a keyframe can be decoded alone")
    payload = bytes(fragment.payload)
    async with asyncio.timeout(TIME_LIMIT):
        return await _in_turn(lambda: _convert(video_format, payload, quality, max_width))


async def _in_turn(convert: Callable[[], bytes]) -> bytes:
    """Run in a thread when it is its turn; a thread that is given up keeps its turn to the end."""
    loop = asyncio.get_running_loop()
    limit = _limits.setdefault(loop, asyncio.Semaphore(MAX_CONCURRENT))
    await limit.acquire()
    work = loop.run_in_executor(None, convert)

    def finished(done: asyncio.Future[bytes]) -> None:
        limit.release()
        if not done.cancelled():
            done.exception()  # read, whether or not somebody still waits

    work.add_done_callback(finished)
    return await asyncio.shield(work)


def _convert(
    video_format: VideoFormat, payload: bytes, quality: int, max_width: int | None
) -> bytes:
    try:
        with av.logging.Capture():  # what it says of damaged pictures comes with the exception
            return _encode(_decode(video_format, payload), quality, max_width)
    except (av.error.FFmpegError, MediaError) as error:
        raise StreamingError("The picture cannot be decoded.") from error


def _decode(video_format: VideoFormat, payload: bytes) -> VideoFrame:
    decoder = VideoCodecContext.create("h264", "r")
    decoder.extradata = decoder_configuration(video_format)
    decoder.thread_count = 1
    frames = [*decoder.decode(av.Packet(payload)), *decoder.decode(None)]
    if not frames:
        raise MediaError("the keyframe holds no picture")
    return frames[0]


def _encode(frame: VideoFrame, quality: int, max_width: int | None) -> bytes:
    width, height = frame.width, frame.height
    if max_width is not None and 0 < max_width < width:
        width, height = max_width, max(1, round(height * max_width / width))
    # JPEG knows no limited range, and mjpeg's encoder wants even numbers of pixels.
    picture = frame.reformat(
        max(2, width & ~1),
        max(2, height & ~1),
        "yuvj420p",
        dst_color_range=ColorRange.JPEG,
    )
    encoder = VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    # 2 is mjpeg's best quantiser and 31 its worst.
    scale = round(2 + (100 - min(max(quality, 1), 100)) * 29 / 99)
    encoder.options = {"qmin": str(scale), "qmax": str(scale)}
    picture.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None)))
