"""Reads a camera over RTSP, on the event loop: the source for everything that speaks it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ucv.clock import Clock, TimerHandle
from ucv.errors import (
    ConnectionClosed,
    NotSupported,
    ProtocolError,
    StreamStalled,
    UnsupportedCodec,
)
from ucv.media import sdp
from ucv.media.errors import UnsupportedMedia
from ucv.media.rtp import MAX_ACCESS_UNIT, depacketizer_for
from ucv.media.rtsp import (
    AuthRefused,
    Described,
    Event,
    Failed,
    Playing,
    Redirected,
    RtspSession,
    RtspUrl,
    SetUp,
    TornDown,
)
from ucv.streams.rtsp_connection import (
    MAX_REDIRECTS,
    RtspConnection,
    authorizer_for,
    credentials_of,
    failure,
    parse,
    trusted,
)
from ucv.streams.source import Credentials, SourceRequest, SourceSink

#: Seconds without an RTP packet after which a playing camera counts as stalled.
STALL_LIMIT = 10.0

_log = logging.getLogger(__name__)


class _Redirection(Exception):
    """The camera names another URL."""

    def __init__(self, url: str) -> None:
        super().__init__("redirected")
        self.url = url


class RtspSource:
    """A `Source` for ``rtsp:`` and ``rtsps:`` URLs: TCP interleaved, first H.264 video.

    Options: ``tls_verify`` (default true), ``transport`` ("tcp", the default; anything else is
    `NotSupported`), ``max_access_unit`` (bytes).

    Beyond what `Source.run` promises it raises `NotSupported` and `UnsupportedCodec` where another
    source could do better, `StreamNotFound`, `StreamStalled`, and `ProtocolError`.
    """

    def __init__(self, request: SourceRequest, clock: Clock) -> None:
        self._request = request
        self._clock = clock

    async def run(self, sink: SourceSink) -> None:
        """See `Source.run`."""
        if (transport := self._request.options.get("transport", "tcp")) != "tcp":
            raise NotSupported(f"RTP over {transport} is not supported.")
        url = start = parse(self._request.url)
        credentials = self._request.credentials or credentials_of(start)
        for _ in range(MAX_REDIRECTS + 1):
            reader = _Reader(url, credentials, self._request.options, self._clock, sink)
            target = await reader.run()
            _log.debug("%s redirects", url.host)
            url = parse(target)
            if not trusted(start, url):
                credentials = None
        raise ProtocolError(f"The camera redirects more than {MAX_REDIRECTS} times.")


class _Reader:
    """One connection of a source."""

    def __init__(
        self,
        url: RtspUrl,
        credentials: Credentials | None,
        options: Mapping[str, Any],
        clock: Clock,
        sink: SourceSink,
    ) -> None:
        self._url = url
        self._options = options
        self._clock = clock
        self._sink = sink
        self._session = RtspSession(url.target, authorizer_for(credentials))
        self._connection = RtspConnection(
            self._session,
            clock,
            on_event=self._on_event,
            on_packet=self._on_packet,
            on_bytes=sink.on_bytes,
        )
        self._rtp_channel = self._rtcp_channel = -1
        self._last_packet = 0.0
        self._stall_timer: TimerHandle | None = None
        self._keep_alive_timer: TimerHandle | None = None

    async def run(self) -> str:
        """Read until it fails; return the URL if the camera redirects."""
        connection = self._connection
        try:
            await connection.connect(
                self._url, tls_verify=self._options.get("tls_verify", True) is not False
            )
            self._session.start()
            connection.flush()
            await connection.ended
        except _Redirection as redirection:
            return redirection.url
        finally:
            for timer in (self._stall_timer, self._keep_alive_timer):
                if timer is not None:
                    timer.cancel()
            if skipped := connection.demultiplexer.skipped:
                _log.info("%s sent %d bytes that are no RTP", self._url.host, skipped)
            await connection.close()

    def _on_packet(self, channel: int, buffer: bytearray, start: int, end: int) -> None:
        """Pass a packet on: called some 350 times a second for each camera."""
        if channel == self._rtp_channel:
            self._last_packet = now = self._connection.now
            self._push(buffer, start, end, now)
        elif channel == self._rtcp_channel:
            self._push_rtcp(buffer, start, end)

    def _on_run(self, channel: int, buffer: bytearray, start: int, end: int) -> int:
        """Pass on what follows a packet."""
        return self._push_run(channel, buffer, start, end, self._connection.now)

    def _on_event(self, event: Event) -> None:
        """Act on what the camera said; what this raises ends the connection."""
        match event:
            case Described(description):
                medium = choose_video(description)
                self._depacketize(medium)
                self._session.setup(medium)
            case SetUp(rtp_channel, rtcp_channel):
                self._rtp_channel, self._rtcp_channel = rtp_channel, rtcp_channel
                self._connection.demultiplexer.channels = (rtp_channel, rtcp_channel)
                self._connection.demultiplexer.on_run = self._on_run
            case Playing(interval):
                self._last_packet = self._connection.now
                self._watch(STALL_LIMIT)
                self._keep_alive_timer = self._clock.call_later(
                    interval, lambda: self._keep_alive(interval)
                )
            case Redirected(url):
                raise _Redirection(url)
            case AuthRefused() | Failed():
                raise failure(event)
            case TornDown():
                raise ConnectionClosed("The camera ended the session.")

    def _depacketize(self, medium: sdp.MediaDescription) -> None:
        """Choose what turns the medium's packets into pictures."""
        limit = int(self._options.get("max_access_unit", MAX_ACCESS_UNIT))
        try:
            depacketizer = depacketizer_for(medium, self._sink, max_access_unit=limit)
        except UnsupportedMedia as error:
            raise UnsupportedCodec(f"{error}") from None
        # Bound once, since they are called for each packet.
        self._push, self._push_rtcp = depacketizer.push, depacketizer.push_rtcp
        self._push_run = depacketizer.push_run

    def _watch(self, seconds: float) -> None:
        """Look in so many seconds whether packets still come."""
        self._stall_timer = self._clock.call_later(seconds, self._check_stall)

    def _check_stall(self) -> None:
        silent = self._clock.monotonic() - self._last_packet
        if silent >= STALL_LIMIT:
            self._connection.fail(StreamStalled())
        else:
            self._watch(STALL_LIMIT - silent)

    def _keep_alive(self, interval: float) -> None:
        """Tell the camera that we are there, again and again."""
        self._session.keep_alive()
        self._connection.flush()
        self._keep_alive_timer = self._clock.call_later(
            interval, lambda: self._keep_alive(interval)
        )


def choose_video(description: sdp.SessionDescription) -> sdp.MediaDescription:
    """Return the video to play: the first H.264, else the first; raises `UnsupportedCodec`."""
    videos = description.of_kind("video")
    if not videos:
        raise UnsupportedCodec("The camera offers no video at this address.")
    return next((v for v in videos if v.encoding == "H264"), videos[0])
