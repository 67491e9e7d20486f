"""JPEG pictures as H.264, for players that want it: encoded once for all, while there are any."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ucv.clock import Clock, TimerHandle
from ucv.errors import StreamingError
from ucv.media.access_unit import AccessUnit, VideoFormat
from ucv.media.fmp4 import Fragment
from ucv.streams.fanout import Fanout
from ucv.streams.ingest import Packaging
from ucv.streams.settings import StreamSettings
from ucv.streams.state import Reason, StreamState, StreamStatus
from ucv.streams.viewer import Viewer, ViewerSink

if TYPE_CHECKING:
    from ucv.streams.jpeg_encoder import JpegEncoder

_log = logging.getLogger(__name__)

#: Seconds between two looks after viewers that fell behind.
_TICK = 1.0
#: Pictures in a row that cannot be decoded, after which it is no use.
MAX_FAILURES = 10

UNDECODABLE = Reason("STREAM_ERROR", "The camera's pictures cannot be decoded.")


class Watchable(Protocol):
    """What viewers attach to: a `LiveStream`, or a `Transcoding` of one."""

    @property
    def status(self) -> StreamStatus:
        """Where the stream stands."""

    def attach(self, sink: ViewerSink) -> Viewer:
        """Add a viewer; raises `NotFoundError` when the stream has been removed."""


class Transcoding:
    """The pictures of ``stream`` as H.264.

    It watches the stream from its first viewer on until ``linger`` seconds after its last has left.
    Pictures are encoded in a thread, one at a time: of those that come meanwhile, the newest is
    next. Its viewers are told what the stream's viewers are told.
    """

    def __init__(self, stream: Watchable, clock: Clock, settings: StreamSettings) -> None:
        self._stream = stream
        self._clock = clock
        self._settings = settings
        self._fanout = Fanout(clock, settings.ring_bytes)
        self._packaging = Packaging(self._fanout)
        self._source: Viewer | None = None
        self._task: asyncio.Task[None] | None = None
        self._linger: TimerHandle | None = None
        self._ticker: TimerHandle | None = None
        self._newest: Fragment | None = None
        self._arrived = asyncio.Event()
        self._wants_keyframe = True

    @property
    def status(self) -> StreamStatus:
        """Where the stream stands."""
        return self._stream.status

    @property
    def active(self) -> bool:
        """Whether it watches the stream."""
        return self._source is not None

    @property
    def more_viewers(self) -> int:
        """How many viewers there are beyond the one that the stream itself sees."""
        return len(self._fanout) - self.active

    @property
    def format(self) -> VideoFormat | None:
        """The format of what was encoded last."""
        return self._packaging.format

    def attach(self, sink: ViewerSink) -> Viewer:
        """Add a viewer; raises `NotFoundError` when the stream has been removed."""
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if self._source is None:
            self._source = self._stream.attach(self)
            self._task = asyncio.create_task(self._run(), name="transcoding")
            self._tick_later()
        sink.on_status(self.status)
        return self._fanout.attach(sink, self._viewer_left)

    def _viewer_left(self) -> None:
        if not self._fanout and self.active and self._linger is None:
            self._linger = self._clock.call_later(self._settings.linger, self._end)

    def _end(self) -> None:
        """Leave the stream, and forget its pictures."""
        for timer in (self._linger, self._ticker):
            if timer is not None:
                timer.cancel()
        self._linger = self._ticker = None
        if self._task is not None:
            self._task.cancel()
        source, self._source, self._task = self._source, None, None
        self._restart()
        if source is not None:
            source.detach()

    def _restart(self) -> None:
        """Let what comes next begin anew: what there is, is past."""
        self._newest = None
        self._wants_keyframe = True
        self._fanout.restart()

    # --- as a viewer of the stream ------------------------------------------------------------

    def writable(self) -> bool:
        """See `ViewerSink.writable`: what cannot be encoded in time is passed over here."""
        return True

    def send_init(self, init: bytes, mime: str) -> None:
        """Nothing to do: a JPEG says itself what it is."""

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """See `ViewerSink.send`."""
        self._newest = fragments[-1]
        self._arrived.set()

    def on_status(self, status: StreamStatus) -> None:
        """See `ViewerSink.on_status`."""
        if status.state is not StreamState.LIVE:
            self._restart()
        self._fanout.announce(status)

    def close(self, reason: Reason) -> None:
        """See `ViewerSink.close`."""
        self._fanout.close(reason)
        self._end()

    # --- encoding -----------------------------------------------------------------------------

    async def _run(self) -> None:
        # Here, for it maps 60 MB of FFmpeg, which hubs without such viewers need not.
        from ucv.streams.jpeg_encoder import JpegEncoder  # noqa: PLC0415 - see above

        encoder = JpegEncoder()
        failures = 0
        while failures < MAX_FAILURES:
            await self._arrived.wait()
            self._arrived.clear()
            picture = self._newest
            if picture is None:
                continue
            try:
                unit = await self._encode(encoder, picture)
            except StreamingError as error:
                failures += 1
                _log.debug("A picture was passed over: %s", error.message)
                continue
            failures = 0
            if unit is not None and encoder.format is not None:
                self._publish(unit, encoder.format)
        _log.warning("Of a stream's JPEG pictures, none can be decoded")
        self.close(UNDECODABLE)

    async def _encode(self, encoder: JpegEncoder, picture: Fragment) -> AccessUnit | None:
        keyframe, self._wants_keyframe = self._wants_keyframe, False
        try:
            unit = await asyncio.get_running_loop().run_in_executor(
                None,
                lambda: encoder.encode(
                    bytes(picture.payload),
                    picture.decode_time + picture.offset,
                    picture.received,
                    keyframe=keyframe,
                ),
            )
        except StreamingError:
            self._wants_keyframe = self._wants_keyframe or keyframe
            raise
        if self._wants_keyframe and unit is not None and not unit.keyframe:
            return None  # the stream was interrupted meanwhile
        return unit

    def _publish(self, unit: AccessUnit, video_format: VideoFormat) -> None:
        self._packaging.change(video_format)
        packager = self._packaging.packager
        assert packager is not None  # noqa: S101 - there is one for the format just taken
        self._fanout.publish(packager.package(unit))

    # --- once a second ------------------------------------------------------------------------

    def _tick_later(self) -> None:
        self._ticker = self._clock.call_later(_TICK, self._tick)

    def _tick(self) -> None:
        self._tick_later()
        self._fanout.tick(self._settings.blocked_limit)
