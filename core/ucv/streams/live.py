"""A live stream: one connection to a camera, its pictures packaged once for all viewers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from random import Random
from typing import NoReturn

from ucv.bus import EventBus
from ucv.clock import Clock, TimerHandle
from ucv.errors import (
    CameraViewerError,
    ConnectionClosed,
    InvalidAuth,
    NotFoundError,
    NotSupported,
    UnsupportedCodec,
)
from ucv.media.access_unit import VideoFormat
from ucv.streams.backoff import Backoff
from ucv.streams.fanout import Fanout
from ucv.streams.health import HealthMeter
from ucv.streams.ingest import Ingest, Packaging
from ucv.streams.profile import ProfileLike, shows_jpeg
from ucv.streams.reading import Gate, Reading, ended
from ucv.streams.settings import StreamSettings
from ucv.streams.source import Source
from ucv.streams.state import (
    Reason,
    StreamFormatChanged,
    StreamHealth,
    StreamHealthMeasured,
    StreamState,
    StreamStateChanged,
    StreamStatus,
)
from ucv.streams.transcoding import Transcoding, Watchable
from ucv.streams.viewer import Viewer, ViewerSink

_log = logging.getLogger(__name__)

#: Seconds between two measurements of a stream's health.
_TICK = 1.0

REMOVED = Reason("NOT_FOUND", "The stream has been removed.")

OpenSource = Callable[[], Source]
#: Finds out, for one attempt, how the stream can be opened: the best way first.
SourceFinder = Callable[[], Awaitable[Sequence[OpenSource]]]

_DISCONNECTED = frozenset({StreamState.IDLE, StreamState.AUTH_FAILED})


class LiveStream:
    """One profile of one camera, read once whatever the number of viewers.

    Connects when the first viewer attaches (or `preload` is set) and disconnects ``linger`` seconds
    after the last has left. A connection that fails is tried again after a back-off, whoever comes
    or goes meanwhile; after refused credentials never, until `restart`.

    ``find_sources`` is asked before each attempt. ``gate`` is entered while connecting, until the
    camera has accepted the credentials; ``on_accepted`` is then told, and ``on_failed`` of the
    error that ended a connection or kept it from coming about.
    """

    def __init__(
        self,
        camera_id: str,
        profile: ProfileLike,
        find_sources: SourceFinder,
        *,
        clock: Clock,
        bus: EventBus,
        settings: StreamSettings | None = None,
        gate: Gate = nullcontext,
        on_accepted: Callable[[LiveStream], object] = lambda _stream: None,
        on_failed: Callable[[LiveStream, CameraViewerError], object] = lambda _stream, _error: None,
        random: Random | None = None,
    ) -> None:
        self.camera_id = camera_id
        self.profile = profile
        self.find_sources = find_sources
        self.status = StreamStatus(since=clock.time())
        self.health: StreamHealth | None = None
        self._clock = clock
        self._bus = bus
        self._settings = settings or StreamSettings()
        self._gate = gate
        self._on_accepted = on_accepted
        self._on_failed = on_failed
        self._backoff = Backoff(
            first=self._settings.retry_first,
            cap=self._settings.retry_cap,
            random=random or Random(),  # noqa: S311 - jitter, not cryptography
        )
        self._fanout = Fanout(clock, self._settings.ring_bytes)
        self._packaging = Packaging(self._fanout)
        self._transcoding: Transcoding | None = None
        self._meter = HealthMeter(profile.frame_rate, clock.monotonic())
        self._preload = False
        self._removed = False
        self._task: asyncio.Task[None] | None = None
        self._reading: Reading | None = None
        self._linger: TimerHandle | None = None
        self._ticker: TimerHandle | None = None
        self._not_before = 0.0
        self._candidate = 0
        self._connecting_since = 0.0
        self._live_since = 0.0
        self._was_live = False
        self._last_failure: Reason | None = None

    # --- viewers ------------------------------------------------------------------------------

    def attach(self, sink: ViewerSink) -> Viewer:
        """Add a viewer; a warm stream's pictures are with the sink when this returns.

        Raises `NotFoundError` when the stream has been removed.
        """
        if self._removed:
            raise NotFoundError(REMOVED.message)
        sink.on_status(self.status)
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        viewer = self._fanout.attach(sink, self._viewer_left)
        self._start()
        return viewer

    @property
    def viewers(self) -> int:
        """How many viewers there are now, in whatever form they get the pictures."""
        return len(self._fanout) + (self._transcoding.more_viewers if self._transcoding else 0)

    @property
    def shows_jpeg(self) -> bool:
        """Whether its pictures are JPEG; a stream's never change from one kind to the other."""
        return shows_jpeg(self.profile)

    @property
    def playable(self) -> Watchable:
        """What a player of H.264 attaches to: the stream, or what its JPEG pictures become."""
        if not self.shows_jpeg:
            return self
        if self._transcoding is None:
            self._transcoding = Transcoding(self, self._clock, self._settings)
        return self._transcoding

    @property
    def mime(self) -> str:
        """The MIME type with codecs for a player, "" before the format is known."""
        return self._fanout.mime

    @property
    def format(self) -> VideoFormat | None:
        """The format of the pictures as last seen, also while not live."""
        return self._packaging.format

    @property
    def ring_bytes(self) -> int:
        """Bytes of pictures kept for new viewers."""
        return self._fanout.ring.size

    def _viewer_left(self) -> None:
        if self._fanout or self._preload or self.status.state in _DISCONNECTED:
            return
        if self._linger is None:
            self._linger = self._clock.call_later(self._settings.linger, self._linger_over)

    def _linger_over(self) -> None:
        self._linger = None
        if not self._fanout and not self._preload:
            self._end(StreamStatus(StreamState.IDLE))

    # --- control ------------------------------------------------------------------------------

    @property
    def preload(self) -> bool:
        """Whether the stream is kept connected without viewers."""
        return self._preload

    @preload.setter
    def preload(self, value: bool) -> None:
        self._preload = value
        if value:
            self._start()
        else:
            self._viewer_left()

    def restart(self) -> None:
        """Connect anew if someone wants the stream, at once and with failures forgotten.

        For changed credentials or settings: viewers stay and go on with the new connection.
        """
        self._backoff.reset()
        self._not_before = 0.0
        self._candidate = 0
        self._last_failure = None
        self._end(StreamStatus(StreamState.IDLE))
        if self._fanout or self._preload:
            self._start()

    def refuse(self, reason: Reason) -> None:
        """Stop all traffic, because the camera refuses the credentials, until `restart`."""
        self._end(StreamStatus(StreamState.AUTH_FAILED, reason))

    async def stop(self, reason: Reason = REMOVED) -> None:
        """Close all viewers and disconnect for good; returns when the camera has been told."""
        self._removed = True
        self._preload = False
        self._fanout.close(reason)
        task = self._task
        self._end(StreamStatus(StreamState.IDLE))
        if task is not None:
            await asyncio.wait({task})

    def _start(self) -> None:
        if self._removed or self.status.state is StreamState.AUTH_FAILED:
            return
        if self._task is None or self._task.done() or self._task.cancelling():
            self._task = asyncio.create_task(
                self._run(self._task), name=f"stream {self.camera_id}:{self.profile.name}"
            )
            if self._ticker is None:
                self._meter.resume(self._clock.monotonic())
            self._tick_later()

    def _end(self, status: StreamStatus) -> None:
        """Cancel the connection, or the wait for one, and take that state."""
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        self._disconnected()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        if self._set_status(status):
            self._measure()

    # --- the owner task -----------------------------------------------------------------------

    async def _run(self, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await ended(previous)
        wait = self._not_before - self._clock.monotonic()
        if wait > 0:
            self._set_status(self._waiting_status(wait))
            await self._clock.sleep(wait)
        while True:
            error = await self._attempt()
            self._disconnected()
            reason = Reason(error.code, error.message)
            self._on_failed(self, error)
            if isinstance(error, InvalidAuth):
                _log.error("%s: %s", self._name, error.message)
                self.refuse(reason)
                return
            self._last_failure = reason
            delay = self._next_delay(error)
            self._not_before = self._clock.monotonic() + delay
            self._set_status(self._waiting_status(delay))
            _log.log(
                # One line for each outage at the usual level, however long it takes.
                logging.WARNING if self._backoff.failures == 1 else logging.DEBUG,
                "%s: %s Next try in %.1f s.",
                self._name,
                error.message,
                delay,
            )
            await self._clock.sleep(delay)

    async def _attempt(self) -> CameraViewerError:
        """Connect and read until it fails; returns the error that says why."""
        self._connecting_since = self._clock.monotonic()
        self._set_status(StreamStatus(StreamState.CONNECTING, self._last_failure))
        try:
            sources = await self.find_sources()
            while self._candidate < len(sources):
                try:
                    await self._read(sources[self._candidate]())
                except (UnsupportedCodec, NotSupported) as error:
                    self._candidate += 1
                    if self._candidate >= len(sources):
                        self._candidate = 0
                        return error
                    self._disconnected()
                    _log.info("%s: %s Trying another source.", self._name, error.message)
            self._candidate = 0
            return NotSupported("Nothing is installed that can read this address.")
        except CameraViewerError as error:
            return error
        except Exception as error:  # a source may come from a plugin; its fault must not end us
            _log.exception("%s: the source failed", self._name)
            return ConnectionClosed(f"Reading the stream failed with {type(error).__name__}.")

    async def _read(self, source: Source) -> NoReturn:
        ingest = Ingest(
            self._packaging,
            self._fanout,
            self._meter,
            self._clock,
            on_format=self._format_known,
            on_accepted=lambda: self._on_accepted(self),
            on_first_picture=self._first_picture,
        )
        self._reading = reading = Reading(source, ingest, self._name)
        await reading.run(self._gate)

    def _next_delay(self, error: CameraViewerError) -> float:
        settings = self._settings
        if not error.retry or self._backoff.failures >= settings.slow_after:
            self._backoff.failures = max(self._backoff.failures, settings.slow_after)
            return self._backoff.next(settings.slow_cap)
        return self._backoff.next()

    def _waiting_status(self, delay: float) -> StreamStatus:
        offline = self._backoff.failures >= self._settings.offline_after
        state = StreamState.OFFLINE if offline else StreamState.RETRYING
        return StreamStatus(state, self._last_failure, next_try=self._clock.time() + delay)

    # --- what the connection tells ------------------------------------------------------------

    def _format_known(self, video_format: VideoFormat) -> None:
        self._meter.format(video_format, self.profile.frame_rate)
        self._bus.publish(
            StreamFormatChanged(
                self.camera_id,
                self.profile.name,
                codec=video_format.codec,
                codec_string=video_format.codec_string,
                width=video_format.width,
                height=video_format.height,
                frame_rate=video_format.frame_rate,
            )
        )

    def _first_picture(self) -> None:
        self._live_since = now = self._clock.monotonic()
        self._meter.time_to_first_frame = now - self._connecting_since
        if self._was_live:
            self._meter.reconnects += 1
        self._was_live = True
        self._set_status(StreamStatus(StreamState.LIVE))

    def _disconnected(self) -> None:
        if self._reading is not None:
            self._reading.ingest.close()
            self._reading = None
            self._fanout.restart()
            self._meter.disconnected()

    # --- once a second ------------------------------------------------------------------------

    def _tick_later(self) -> None:
        if self._ticker is None:
            self._ticker = self._clock.call_later(_TICK, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        self._tick_later()
        now = self._clock.monotonic()
        self._fanout.tick(self._settings.blocked_limit)
        if self._reading is not None:
            if now - self._reading.ingest.last_picture >= self._settings.picture_limit:
                self._reading.stall()
            elif (
                self.status.state is StreamState.LIVE
                and now - self._live_since >= self._settings.stable_after
            ):
                self._backoff.reset()
                self._last_failure = None
        self._measure()

    def _measure(self) -> None:
        state = self.status.state
        self.health = self._meter.measure(
            self._clock.monotonic(),
            viewers=self.viewers,
            skips=self._fanout.skips,
            live=None if state is StreamState.IDLE else state is StreamState.LIVE,
        )
        self._bus.publish(StreamHealthMeasured(self.camera_id, self.profile.name, self.health))

    def _set_status(self, status: StreamStatus) -> bool:
        if replace(status, since=self.status.since) == self.status:
            return False
        self.status = replace(status, since=self._clock.time())
        self._bus.publish(StreamStateChanged(self.camera_id, self.profile.name, self.status))
        self._fanout.announce(self.status)
        return True

    @property
    def _name(self) -> str:
        return f"{self.camera_id}:{self.profile.name}"
