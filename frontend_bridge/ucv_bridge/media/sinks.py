"""Viewers on a WebSocket: each writes to its transport directly, and never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from ucv.clock import Clock
from ucv.media.fmp4 import Fragment
from ucv.streams.state import Reason, StreamState, StreamStatus
from ucv_bridge.media.framing import binary_header, fragment_frame, payload_frame, text_frame

#: Bytes that may wait in a viewer's write buffer before it counts as not writable.
WRITE_LIMIT = 1024 * 1024

#: Ticks per second of all fragments (ISO 14496-12, `mdhd`; RFC 6184: 90 kHz).
TIMESCALE = 90_000
#: Ticks between pictures that are sent to catch up: 1 ms.
_BURST_STEP = TIMESCALE // 1000
#: Seconds between two clock messages.
_CLOCK_INTERVAL = 1.0

_FAILED = frozenset({StreamState.RETRYING, StreamState.OFFLINE, StreamState.AUTH_FAILED})


class SocketSink:
    """What all kinds of viewers on a WebSocket share.

    ``on_close`` is told why the stream let go of the viewer.
    """

    kind = "mse"

    def __init__(
        self, transport: asyncio.Transport, clock: Clock, on_close: Callable[[Reason], object]
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._on_close = on_close
        self._last_error: Reason | None = None

    def writable(self) -> bool:
        """See `ViewerSink.writable`."""
        transport = self._transport
        return not transport.is_closing() and transport.get_write_buffer_size() < WRITE_LIMIT

    def message(self, value: dict[str, Any]) -> None:
        """Send a JSON text message."""
        if not self._transport.is_closing():
            self._transport.write(text_frame(orjson.dumps(value)))

    def error(self, message: str) -> None:
        """Send an error as go2rtc's player expects it."""
        self.message({"type": "error", "value": f"{self.kind}: {message}"})

    def on_status(self, status: StreamStatus) -> None:
        """Tell of failures, once for each reason."""
        if status.state is StreamState.LIVE:
            self._last_error = None
        elif status.state in _FAILED and status.reason not in (None, self._last_error):
            self._last_error = status.reason
            self.error(status.reason.message if status.reason else "")

    def close(self, reason: Reason) -> None:
        """See `ViewerSink.close`."""
        self._on_close(reason)


class SharedSink(SocketSink):
    """The project's own player: every viewer is sent the very same bytes.

    The fragments keep the stream's decode times; the player sets its ``timestampOffset``. Text
    messages tell the format, the stream's state, and how media time relates to the clock.
    """

    def __init__(
        self, transport: asyncio.Transport, clock: Clock, on_close: Callable[[Reason], object]
    ) -> None:
        super().__init__(transport, clock, on_close)
        self._write = transport.write
        self._clock_due = 0.0

    def send_init(self, init: bytes, mime: str) -> None:
        """See `ViewerSink.send_init`."""
        self.message({"type": "mse", "value": mime, "timescale": TIMESCALE})
        self._transport.writelines((binary_header(len(init)), init))
        self._clock_due = 0.0

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """See `ViewerSink.send`."""
        last = fragments[-1]
        if len(fragments) == 1:
            self._write(last.frame or fragment_frame(last))
        else:
            self._transport.writelines([fragment_frame(fragment) for fragment in fragments])
        if last.received >= self._clock_due:
            self._send_clock(last)

    def on_status(self, status: StreamStatus) -> None:
        """See `ViewerSink.on_status`."""
        reason = status.reason
        self.message(
            {
                "type": "status",
                "value": {
                    "state": status.state,
                    "reason": reason and {"code": reason.code, "message": reason.message},
                    "next_try": status.next_try or None,
                },
            }
        )

    def _send_clock(self, fragment: Fragment) -> None:
        self._clock_due = fragment.received + _CLOCK_INTERVAL
        age = self._clock.monotonic() - fragment.received
        self.message(
            {
                "type": "clock",
                "media": fragment.decode_time + fragment.offset,
                "received": (self._clock.time() - age) * 1000,
            }
        )


class RetimedSink(SocketSink):
    """Any player of go2rtc's protocol: decode times start at 0, and a burst takes no time.

    Such players play from 0 at the rate of the decode times. Cached pictures therefore follow each
    other by a millisecond, or the burst would become delay for as long as the viewer watches; and
    there is no gap where pictures were skipped, which a player would wait out.
    """

    def __init__(
        self, transport: asyncio.Transport, clock: Clock, on_close: Callable[[Reason], object]
    ) -> None:
        super().__init__(transport, clock, on_close)
        self._last = -_BURST_STEP
        self._offset = 0
        self._announced = False

    def send_init(self, init: bytes, mime: str) -> None:
        """See `ViewerSink.send_init`."""
        if not self._announced:
            # Only once: go2rtc's player makes a source buffer for each such message.
            self._announced = True
            self.message({"type": "mse", "value": mime})
        self._transport.writelines((binary_header(len(init)), init))

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """See `ViewerSink.send`."""
        parts: list[bytes | memoryview] = []
        newest = fragments[-1]
        for fragment in fragments:
            duration = None
            if burst:
                self._offset = self._last + _BURST_STEP - fragment.decode_time
                if fragment is not newest:
                    duration = _BURST_STEP
            self._last = time = fragment.decode_time + self._offset
            boxes, payload = fragment.retimed(time, duration), fragment.payload
            parts.append(binary_header(len(boxes) + len(payload)) + boxes)
            parts.append(payload)
        self._transport.writelines(parts)


class JpegSink(SocketSink):
    """Keyframes as JPEG pictures, for a player that can decode nothing else.

    ``encode`` turns a keyframe into a JPEG off the loop. `run` must run as long as the viewer is
    attached. While a picture is encoded or cannot be written, newer ones take each other's place.
    """

    kind = "mjpeg"

    def __init__(
        self,
        transport: asyncio.Transport,
        clock: Clock,
        on_close: Callable[[Reason], object],
    ) -> None:
        super().__init__(transport, clock, on_close)
        self._newest: Fragment | None = None
        self._arrived = asyncio.Event()

    def send_init(self, init: bytes, mime: str) -> None:
        """Nothing to send: each JPEG stands alone."""

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """See `ViewerSink.send`."""
        for fragment in fragments:
            if fragment.keyframe:
                self._newest = fragment
                self._arrived.set()

    async def run(self, encode: Callable[[Fragment], Any]) -> None:
        """Encode and send until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            keyframe = self._newest
            if keyframe is None:
                continue
            jpeg: bytes = await encode(keyframe)
            if self.writable():
                self._transport.writelines((binary_header(len(jpeg)), jpeg))


class PictureSink(SocketSink):
    """JPEG pictures of a camera that sends them, as it does: all viewers get the very same bytes.

    Of what comes to catch up, only the newest is sent.
    """

    kind = "mjpeg"

    def send_init(self, init: bytes, mime: str) -> None:
        """Nothing to send: each JPEG stands alone."""

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """See `ViewerSink.send`."""
        self._transport.write(payload_frame(fragments[-1]))
