"""A camera, a source and viewers in memory, for tests of what lies between them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from ucv.clock import Clock
from ucv.media.access_unit import HEADROOM, AccessUnit, VideoFormat
from ucv.media.fmp4 import Fragment
from ucv.streams.source import SourceRequest, SourceSink
from ucv.streams.state import Reason, StreamState, StreamStatus

#: A format as a camera of 640x480 has it; its pictures here hold no decodable data.
FORMAT = VideoFormat(
    codec="h264",
    codec_string="avc1.42c01e",
    width=640,
    height=480,
    sps=(bytes.fromhex("6742c01eda0280f684000003000400000300ca3c58ba80"),),
    pps=(bytes.fromhex("68ce0fc8"),),
)

#: The format of a camera that sends JPEG pictures.
JPEG_FORMAT = VideoFormat(
    codec="mjpeg", codec_string="mjpeg", width=320, height=180, sps=(), pps=()
)


class FakeCamera:
    """A camera whose pictures a test sends by hand; `open` is a provider's.

    ``error``, when set, is what each further connection fails with. ``requests`` are all attempts
    to connect that were made, ``torn_down`` counts connections that were ended from our side.
    """

    def __init__(self, clock: Clock, video_format: VideoFormat = FORMAT) -> None:
        self.clock = clock
        self.format = video_format
        self.error: Exception | None = None
        self.requests: list[SourceRequest] = []
        self.attempts: list[float] = []
        self.torn_down = 0
        self.silent = False
        self._connections: list[FakeConnection] = []
        self._timestamp = 0

    def open(self, request: SourceRequest, _clock: Clock) -> FakeConnection:
        """Return a source that reads from this camera."""
        return FakeConnection(self, request)

    @property
    def connections(self) -> int:
        """How many sources are connected now."""
        return len(self._connections)

    def picture(
        self,
        *,
        keyframe: bool = False,
        size: int = 1000,
        step: int = 3600,
        nal: bytes | None = None,
    ) -> None:
        """Send one picture, ``step`` ticks after the last one.

        Without a ``nal`` unit it has ``size`` bytes and cannot be decoded.
        """
        if nal is None:
            nal = bytes((0x65 if keyframe else 0x41,)) + bytes(size - 5)
        self._send(len(nal).to_bytes(4, "big") + nal, step, keyframe=keyframe)

    def jpeg(self, picture: bytes, *, step: int = 9000) -> None:
        """Send one JPEG picture, ``step`` ticks after the last one; for the codec "mjpeg"."""
        self._send(picture, step, keyframe=True)

    def _send(self, payload: bytes, step: int, *, keyframe: bool) -> None:
        self._timestamp += step
        for connection in list(self._connections):
            connection.sink.on_bytes(len(payload))
            connection.sink.on_access_unit(
                AccessUnit(
                    bytearray(HEADROOM) + payload,
                    self._timestamp,
                    keyframe=keyframe,
                    received=self.clock.monotonic(),
                )
            )

    def gop(self, length: int = 5, *, size: int = 1000) -> None:
        """Send a keyframe and the pictures up to the next."""
        for index in range(length):
            self.picture(keyframe=index == 0, size=size)

    def change_format(self, **changes: object) -> None:
        """Go on with another format."""
        self.format = replace(self.format, **changes)  # type: ignore[arg-type]  # a test's own fault
        for connection in self._connections:
            connection.sink.on_format(self.format)

    def drop(self, error: Exception) -> None:
        """End the connections there are with that error."""
        for connection in list(self._connections):
            connection.fail(error)

    async def connect(self, connection: FakeConnection) -> None:
        """Serve one connection."""
        self.requests.append(connection.request)
        self.attempts.append(self.clock.monotonic())
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self._connections.append(connection)
        try:
            if not self.silent:
                connection.sink.on_format(self.format)
            await connection.ended
        except asyncio.CancelledError:
            self.torn_down += 1
            raise
        finally:
            self._connections.remove(connection)


class FakeConnection:
    """A source (`ucv.streams.source.Source`) of a `FakeCamera`."""

    sink: SourceSink

    def __init__(self, camera: FakeCamera, request: SourceRequest) -> None:
        self.request = request
        self._camera = camera

    async def run(self, sink: SourceSink) -> None:
        """See `Source.run`."""
        self.sink = sink
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._camera.connect(self)

    def fail(self, error: Exception) -> None:
        """End with that error."""
        if not self.ended.done():
            self.ended.set_exception(error)


class RecordingSink:
    """A viewer (`ucv.streams.viewer.ViewerSink`) that keeps what it is given.

    ``room`` says whether it is writable; ``broken``, when set, is raised by `send`. ``fragments``
    are all in order, ``bursts`` those that came to catch up.
    """

    def __init__(self, *, room: bool = True) -> None:
        self.room = room
        self.broken: Exception | None = None
        self.inits: list[tuple[bytes, str]] = []
        self.fragments: list[Fragment] = []
        self.bursts: list[Fragment] = []
        self.statuses: list[StreamStatus] = []
        self.closed: Reason | None = None

    def writable(self) -> bool:
        """See `ViewerSink.writable`."""
        return self.room

    def send_init(self, init: bytes, mime: str) -> None:
        """See `ViewerSink.send_init`."""
        self.inits.append((init, mime))

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """See `ViewerSink.send`."""
        if self.broken is not None:
            raise self.broken
        self.fragments.extend(fragments)
        if burst:
            self.bursts.extend(fragments)

    def on_status(self, status: StreamStatus) -> None:
        """See `ViewerSink.on_status`."""
        self.statuses.append(status)

    def close(self, reason: Reason) -> None:
        """See `ViewerSink.close`."""
        self.closed = reason

    @property
    def states(self) -> list[StreamState]:
        """The states it was told of, in order."""
        return [status.state for status in self.statuses]
