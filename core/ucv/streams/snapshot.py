"""One JPEG of what a stream shows now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from ucv.errors import CameraViewerError, InvalidAuth, StreamNotLive
from ucv.media.fmp4 import Fragment
from ucv.streams.jpeg import keyframe_to_jpeg
from ucv.streams.live import LiveStream
from ucv.streams.profile import MJPEG
from ucv.streams.state import Reason, StreamState, StreamStatus

#: What a snapshot looks like: JPEG quality (1 worst to 100).
_QUALITY = 85


class _KeyframeSink:
    """Waits for one keyframe, or for the news that there will be none."""

    def __init__(self) -> None:
        self.keyframe: asyncio.Future[Fragment] = asyncio.get_running_loop().create_future()

    def writable(self) -> bool:
        return not self.keyframe.done()

    def send_init(self, init: bytes, mime: str) -> None:
        """Nothing to do: the stream knows its format."""

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        if not self.keyframe.done() and fragments[0].keyframe:
            self.keyframe.set_result(fragments[0])

    def on_status(self, status: StreamStatus) -> None:
        if status.state is StreamState.AUTH_FAILED:
            self._fail(InvalidAuth(status.reason.message if status.reason else ""))
        elif status.state in (StreamState.RETRYING, StreamState.OFFLINE) and status.reason:
            self._fail(StreamNotLive(status.reason.message))

    def close(self, reason: Reason) -> None:
        self._fail(StreamNotLive(reason.message))

    def _fail(self, error: CameraViewerError) -> None:
        if not self.keyframe.done():
            self.keyframe.set_exception(error)


# The newest JPEG of each stream, by the keyframe it shows: many requests cost one decoding.
_newest: WeakKeyDictionary[LiveStream, tuple[float, asyncio.Task[bytes]]] = WeakKeyDictionary()


async def snapshot(stream: LiveStream, *, timeout: float = 10.0) -> bytes:  # noqa: ASYNC109 - covers two waits, and is answered with our own error
    """Return a JPEG of the stream's newest keyframe; connects the stream if it is idle.

    ``timeout`` is in seconds. Raises `StreamNotLive` when no picture comes in time or the stream is
    failing, `InvalidAuth` when the camera refuses its credentials, `NotFoundError` when the stream
    has been removed.
    """
    sink = _KeyframeSink()
    viewer = stream.attach(sink)
    try:
        async with asyncio.timeout(timeout):
            keyframe = await sink.keyframe
            return await encode_keyframe(stream, keyframe)
    except TimeoutError:
        raise StreamNotLive(f"No picture came within {timeout:g} s.") from None
    finally:
        viewer.detach()


async def encode_keyframe(stream: LiveStream, keyframe: Fragment) -> bytes:
    """Return a JPEG of a keyframe of the stream; decoded once, however many ask for it.

    Raises `StreamingError` when it cannot be decoded.
    """
    video_format = stream.format
    if video_format is None:
        raise StreamNotLive
    if video_format.codec == MJPEG:
        return bytes(keyframe.payload)  # the camera's own picture
    known = _newest.get(stream)
    if known is not None and known[0] == keyframe.received:
        task = known[1]
    else:
        task = asyncio.create_task(keyframe_to_jpeg(video_format, keyframe, quality=_QUALITY))
        _newest[stream] = (keyframe.received, task)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        # Others may wait for the same picture: who leaves must not take it from them.
        return await asyncio.shield(task)
    except Exception:
        if _newest.get(stream) == (keyframe.received, task):
            del _newest[stream]
        raise
