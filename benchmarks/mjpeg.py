"""Processor time for a JPEG picture on its way to a viewer, against decoding and encoding it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from statistics import median

import av
from av.video.codeccontext import VideoCodecContext

from benchmarks.report import TIMES, Row
from benchmarks.scale import Progress, Scale
from ucv.clock import SystemClock
from ucv.media.access_unit import HEADROOM, AccessUnit, VideoFormat
from ucv.media.fmp4 import Fragment
from ucv.media.jpeg import picture_size
from ucv.media.mjpeg import MjpegParser
from ucv.streams.fanout import Fanout
from ucv.streams.health import HealthMeter
from ucv.streams.ingest import Ingest, Packaging
from ucv.streams.state import Reason, StreamStatus
from ucv.testing.jpeg_loop import jpeg_loop
from ucv.testing.mjpeg_device import MultipartStyle
from ucv_bridge.media.framing import payload_frame

_RATE = 10
#: Bytes of one read from a socket.
_READ = 64 * 1024


class _Sink:
    """Frames each picture as for a WebSocket, and sends it nowhere."""

    def __init__(self) -> None:
        self.pictures = 0

    def writable(self) -> bool:
        """See `ViewerSink.writable`."""
        return True

    def send_init(self, init: bytes, mime: str) -> None:
        """Nothing to send: each JPEG stands alone."""

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """See `ViewerSink.send`."""
        payload_frame(fragments[-1])
        self.pictures += 1

    def on_status(self, status: StreamStatus) -> None:
        """Nobody asks."""

    def close(self, reason: Reason) -> None:
        """Nothing is held."""


def run(scale: Scale, progress: Progress) -> list[Row]:
    """Measure pictures with and without their lengths, and the two baselines, in turn."""
    progress("JPEG pictures: drawing")
    pictures = jpeg_loop("BENCH", scale.width, scale.height, _RATE, 1) * scale.pairs
    measured, unmeasured = _stream(pictures, length=True), _stream(pictures, length=False)
    times: dict[str, list[float]] = {}
    for number in range(scale.pairs):
        progress(f"JPEG pictures: round {number + 1} of {scale.pairs}")
        for name, work in (
            ("passed", lambda: _pass_on(measured, len(pictures))),
            ("unmeasured", lambda: _pass_on(unmeasured, len(pictures))),
            ("encoded", lambda: _encode(pictures[: 2 * _RATE])),
            ("copied", lambda: _copy(measured)),
        ):
            times.setdefault(name, []).append(_seconds(work))
    each = {
        name: [spent * 1000 / (2 * _RATE if name == "encoded" else len(pictures)) for spent in all_]
        for name, all_ in times.items()
    }

    def ratio(name: str, baseline: str) -> float:
        return median(a / b for a, b in zip(each[name], each[baseline], strict=True))

    size = sum(map(len, pictures)) // len(pictures) // 1000
    passed, encoded, copied = (median(each[name]) for name in ("passed", "encoded", "copied"))
    about = f"{scale.width} x {scale.height}, {size} kB; {scale.pairs} pairs"
    return [
        Row(
            "a JPEG picture from the bytes of a stream to a viewer",
            ratio("passed", "encoded"),
            TIMES,
            0.05,
            baseline="decoding it and encoding it anew (PyAV)",
            note=f"{passed:.2f} against {encoded:.1f} ms of processor time; copying the bytes of "
            f"the stream once takes {copied:.2f} ms; {about}",
        ),
        Row(
            "the same, of a stream that does not tell its pictures' lengths",
            ratio("unmeasured", "encoded"),
            TIMES,
            0.05,
            baseline="the same",
            note=f"{median(each['unmeasured']):.2f} ms; {about}",
        ),
    ]


def _stream(pictures: Sequence[bytes], *, length: bool) -> list[bytes]:
    """Return a stream of the pictures, as it is read."""
    style = MultipartStyle(length=length)
    data = b"".join(style.part(one, first=not number) for number, one in enumerate(pictures))
    return [data[start : start + _READ] for start in range(0, len(data), _READ)]


def _pass_on(chunks: Sequence[bytes], count: int) -> None:
    """Do what the hub does with a stream, its connection aside."""
    asyncio.run(_deliver(chunks, count))


async def _deliver(chunks: Sequence[bytes], count: int) -> None:
    clock, parser, sink = SystemClock(), MjpegParser("frame"), _Sink()
    fanout = Fanout(clock, 16 * 1024 * 1024)
    fanout.attach(sink, lambda: None)
    ingest = Ingest(
        Packaging(fanout),
        fanout,
        HealthMeter(0.0, clock.monotonic()),
        clock,
        on_format=lambda _format: None,
        on_accepted=lambda: None,
        on_first_picture=lambda: None,
    )
    size = (0, 0)
    number = 0
    for chunk in chunks:
        ingest.on_bytes(len(chunk))
        for picture in parser.feed(chunk):
            if (now := picture_size(picture)) != size:
                size = now
                ingest.on_format(VideoFormat("mjpeg", "mjpeg", *size, sps=(), pps=()))
            number += 1
            ingest.on_access_unit(
                AccessUnit(
                    bytearray(HEADROOM) + picture,
                    number * 90_000 // _RATE,
                    keyframe=True,
                    received=clock.monotonic(),
                )
            )
    assert sink.pictures == count


def _encode(pictures: Sequence[bytes]) -> None:
    decoder = VideoCodecContext.create("mjpeg", "r")
    decoder.thread_count = 1
    encoder: VideoCodecContext | None = None
    for number, picture in enumerate(pictures):
        for frame in decoder.decode(av.Packet(picture)):
            if encoder is None:
                encoder = VideoCodecContext.create("mjpeg", "w")
                encoder.width, encoder.height = frame.width, frame.height
                encoder.pix_fmt = "yuvj420p"
                encoder.time_base = Fraction(1, _RATE)
                encoder.thread_count = 1
            frame.pts = number
            assert encoder.encode(frame)


def _copy(chunks: Sequence[bytes]) -> None:
    for chunk in chunks:
        bytearray(chunk)


def _seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
