"""Streams that only libav can read, through PyAV, each in a thread of its own.

libav blocks, so it never runs on the event loop. Its calls cannot be called off from outside, only
by the time limits it was opened with: a source that is cancelled returns within `STOP_LIMIT`
seconds, and a thread that hangs in a silent connection ends by itself when the limit is reached.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import logging
import re
import threading
from collections import deque

import av
import av.error
import av.logging
from av.container import InputContainer
from av.video.stream import VideoStream

from ucv.clock import Clock
from ucv.errors import (
    CameraViewerError,
    CannotConnect,
    ConnectionClosed,
    ConnectTimeout,
    InvalidAuth,
    NotSupported,
    ProtocolError,
    StreamNotFound,
    StreamStalled,
    UnsupportedCodec,
)
from ucv.media.access_unit import AccessUnit, VideoFormat
from ucv.media.errors import MediaError
from ucv.media.samples import SampleReader
from ucv.streams.av_options import open_options, scheme_of
from ucv.streams.source import SourceRequest, SourceSink

#: Seconds that opening, and waiting for a packet, may take.
OPEN_LIMIT = 10.0
READ_LIMIT = 5.0
#: Seconds within which a cancelled source returns.
STOP_LIMIT = 1.0
#: Pictures between the thread and the event loop; the thread waits when there are more.
MAX_PENDING = 64
#: Bytes of one sample beyond which the stream is given up.
MAX_SAMPLE = 8 * 1024 * 1024

_CLOCK_RATE = 90_000
_MISSED = re.compile(r"RTP: missed (\d{1,6}) packets")
_MAX_LOG_LINES = 20

_log = logging.getLogger(__name__)


class _Stopped(Exception):
    """Nobody wants the pictures any more."""


class AvSource:
    """Reads one H.264 stream with libav (RTSP, RTMP, HLS, MPEG-TS and MP4 over HTTP).

    Options of the request: ``transport`` ("tcp" or "udp") for RTSP, ``tls_verify``. Capture times
    are not known. See `Source` for what `run` raises.
    """

    def __init__(
        self,
        request: SourceRequest,
        clock: Clock,
        *,
        open_limit: float = OPEN_LIMIT,
        read_limit: float = READ_LIMIT,
    ) -> None:
        self._request = request
        self._clock = clock
        self._open_limit = open_limit
        self._read_limit = read_limit

    async def run(self, sink: SourceSink) -> None:
        """See `Source.run`."""
        scheme_of(self._request.url)
        handover = _Handover(asyncio.get_running_loop(), sink)
        threading.Thread(target=self._work, args=(handover,), name="av-source", daemon=True).start()
        try:
            await asyncio.shield(handover.ended)
        finally:
            handover.stop()
            # Waits for the connection to be torn down, but not for ever.
            await asyncio.wait((handover.ended,), timeout=STOP_LIMIT)

    def _work(self, handover: _Handover) -> None:
        """Read until stopped; this is the thread."""
        error: CameraViewerError | None = None
        try:
            self._read(handover)
            error = ConnectionClosed("The stream has ended.")
        except _Stopped:
            pass
        except CameraViewerError as known:
            error = known
        except Exception:  # the thread's border: what happened goes to whoever awaits the source
            _log.exception("Reading with libav failed")
            error = ProtocolError("The stream cannot be read.")
        handover.end(error)

    def _read(self, handover: _Handover) -> None:
        av.logging.set_level(av.logging.WARNING)  # to Python, instead of nowhere
        opening = open_options(self._request)
        started = self._clock.monotonic()
        container: InputContainer | None = None
        # "from None" below: PyAV's exceptions name the address with its credentials.
        with av.logging.Capture() as logs:
            try:
                container = av.open(
                    opening.url,
                    options=opening.options,
                    timeout=(self._open_limit, self._read_limit),
                )
                with contextlib.closing(container):
                    self._demux(container, handover, logs)
            except av.error.FFmpegError as error:
                elapsed = self._clock.monotonic() - started
                late = container is None and elapsed >= self._open_limit
                raise _translate(error, opened=container is not None, late=late) from None
            finally:
                _pass_on(logs)

    def _demux(
        self, container: InputContainer, handover: _Handover, logs: list[tuple[int, str, str]]
    ) -> None:
        stream = _video_stream(container)
        rate = stream.average_rate
        reader = SampleReader(
            stream.codec_context.extradata or b"",
            clock_rate=_CLOCK_RATE,
            frame_rate=float(rate) if rate and 0 < rate <= 240 else 0.0,
        )
        video_format: VideoFormat | None = None
        interval = round(_CLOCK_RATE / rate) if rate else _CLOCK_RATE // 25
        timestamp = -interval
        for packet in container.demux(stream):
            if lost := _pass_on(logs) + packet.is_corrupt:
                reader.wait_for_keyframe()
                handover.lost(lost)
            if not packet.size:
                continue  # libav's way to say that this was the last
            # RTSP's first packet has no time: libav knows it only from the second on.
            timestamp = _ticks(packet, timestamp + interval)
            unit = self._unit(reader, packet, timestamp)
            if unit is not None and reader.format is not None and reader.format != video_format:
                video_format = reader.format
                handover.put(packet.size, unit, video_format)
            else:
                handover.put(packet.size, unit)

    def _unit(
        self, reader: SampleReader, packet: av.Packet[VideoStream], timestamp: int
    ) -> AccessUnit | None:
        if packet.size > MAX_SAMPLE:
            raise ProtocolError(f"A picture of {packet.size} bytes is too large.")
        try:
            return reader.read(bytes(packet), timestamp, self._clock.monotonic())
        except MediaError as error:
            _log.debug("A sample was passed over: %s", error)
            reader.wait_for_keyframe()
            return None


class _Handover:
    """From the thread to the event loop: bounded, in batches, in order.

    ``ended`` is done when the thread has let go of the connection.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sink: SourceSink) -> None:
        self.ended: asyncio.Future[None] = loop.create_future()
        # Cancelled sources leave the outcome unread.
        self.ended.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._loop = loop
        self._sink = sink
        self._stop = threading.Event()
        self._room = threading.Semaphore(MAX_PENDING)
        self._pending: deque[tuple[int, AccessUnit | None, VideoFormat | None]] = deque()
        self._lock = threading.Lock()
        self._scheduled = False

    def stop(self) -> None:
        """Deliver nothing any more, and let the thread end (called on the loop)."""
        self._stop.set()

    def put(
        self, size: int, unit: AccessUnit | None, video_format: VideoFormat | None = None
    ) -> None:
        """Hand over what was read (called in the thread); raises `_Stopped`."""
        while not self._room.acquire(timeout=STOP_LIMIT / 4):
            self._check()
        self._check()
        with self._lock:
            self._pending.append((size, unit, video_format))
            if self._scheduled:
                return
            self._scheduled = True
        self._call(self._drain)

    def lost(self, packets: int) -> None:
        """Hand over that packets were lost (called in the thread)."""
        self._check()
        self._call(self._lost, packets)

    def end(self, error: CameraViewerError | None) -> None:
        """Say that the thread has nothing more to do (called in the thread)."""
        # The loop is gone when the hub was stopped while libav hung: nobody waits any more.
        with contextlib.suppress(_Stopped):
            self._call(self._end, error)

    def _call(self, callback: object, *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)  # type: ignore[arg-type]  # ours
        except RuntimeError:
            raise _Stopped from None  # the loop is closed

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _lost(self, packets: int) -> None:
        if not self._stop.is_set():
            self._sink.on_loss(packets)

    def _drain(self) -> None:
        with self._lock:
            batch = tuple(self._pending)
            self._pending.clear()
            self._scheduled = False
        self._room.release(len(batch)) if batch else None
        for size, unit, video_format in batch:
            if self._stop.is_set():
                return
            self._sink.on_bytes(size)
            if video_format is not None:
                self._sink.on_format(video_format)
            if unit is not None:
                self._sink.on_access_unit(unit)

    def _end(self, error: CameraViewerError | None) -> None:
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


def _video_stream(container: InputContainer) -> VideoStream:
    """Return the H.264 stream; raises `UnsupportedCodec` if there is none."""
    for stream in container.streams.video:
        if stream.codec_context.name == "h264":
            return stream
    names = ", ".join(s.codec_context.name for s in container.streams.video) or "no video"
    raise UnsupportedCodec(f"The stream holds {names}, and only H.264 can be played.")


def _ticks(packet: av.Packet[VideoStream], otherwise: int) -> int:
    """Return when a packet is to be shown, in ticks of `_CLOCK_RATE`."""
    time = packet.pts if packet.pts is not None else packet.dts
    if time is None or not packet.time_base:
        return otherwise
    return round(time * packet.time_base * _CLOCK_RATE)


def _pass_on(logs: list[tuple[int, str, str]]) -> int:
    """Log what libav said, and return how many packets it says were lost."""
    if not logs:
        return 0
    lines = list(logs)
    logs.clear()
    for _, name, message in lines[:_MAX_LOG_LINES]:
        _log.debug("libav %s: %s", name, message.strip())
    return sum(int(match[1]) for *_, text in lines for match in _MISSED.finditer(text))


_CLASSES: tuple[tuple[type[Exception], type[CameraViewerError], str], ...] = (
    (av.error.HTTPUnauthorizedError, InvalidAuth, "The camera refuses the user name or password."),
    (av.error.HTTPForbiddenError, InvalidAuth, "The camera forbids the access."),
    (av.error.HTTPNotFoundError, StreamNotFound, "The camera has no stream at this address."),
    (av.error.ProtocolNotFoundError, NotSupported, "This libav cannot read such addresses."),
    (av.error.DemuxerNotFoundError, NotSupported, "This libav cannot read such streams."),
    (builtins.ConnectionRefusedError, CannotConnect, "The camera refused the connection."),
)


def _translate(error: av.error.FFmpegError, *, opened: bool, late: bool) -> CameraViewerError:
    """Return ours for libav's exception, without its text: that names the address."""
    for theirs, ours, message in _CLASSES:
        if isinstance(error, theirs):
            return ours(message)
    if late or isinstance(error, (av.error.ExitError, builtins.TimeoutError)):
        if opened:
            return StreamStalled("The camera sends nothing any more.")
        return ConnectTimeout("The camera did not answer in time.")
    if isinstance(error, (builtins.EOFError, builtins.ConnectionError)):
        return ConnectionClosed("The camera closed the connection.")
    if isinstance(error, builtins.OSError):
        if opened:
            return ConnectionClosed(f"The connection broke: {error.strerror}.")
        return CannotConnect(f"The camera cannot be reached: {error.strerror}.")
    return ProtocolError(f"The stream cannot be read: {error.strerror}.")
