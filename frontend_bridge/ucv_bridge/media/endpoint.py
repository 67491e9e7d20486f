"""The media endpoint, ``/api/ws?src=<camera>[:<profile>]``.

Speaks the protocol of go2rtc's player, so that existing players work unmodified: text messages
``{"type", "value"}``, then binary fMP4. ``"shared": true`` in the request asks for the extension
that the project's own player uses, see `SharedSink`.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from ucv.errors import CameraViewerError, NotFoundError
from ucv.streams.live import LiveStream
from ucv.streams.manager import StreamManager
from ucv.streams.snapshot import encode_keyframe
from ucv.streams.state import Reason
from ucv.streams.transcoding import Watchable
from ucv.streams.viewer import Viewer, ViewerSink
from ucv_bridge.media.context import MediaContext
from ucv_bridge.media.sinks import (
    WRITE_LIMIT,
    JpegSink,
    PictureSink,
    RetimedSink,
    SharedSink,
    SocketSink,
)

_log = logging.getLogger(__name__)

#: Bytes a client's message may have; they are a few hundred.
_MAX_MESSAGE = 16 * 1024
#: Seconds between pings to a client that sends nothing; half of it is the limit for its answer.
_HEARTBEAT = 60.0
#: Seconds a client gets to answer a close.
_CLOSE_LIMIT = 2.0


def add_media_routes(app: web.Application, context: MediaContext) -> None:
    """Mount the endpoint."""
    sessions: set[MediaSession] = set()

    async def close_sessions(_app: web.Application) -> None:
        for session in list(sessions):
            session.end(Reason("HUB_STOPPED", "The hub is stopping."))

    async def handle(request: web.Request) -> web.StreamResponse:
        return await media_socket(request, context, sessions)

    app.router.add_get("/api/ws", handle)
    app.on_shutdown.append(close_sessions)


async def media_socket(
    request: web.Request, context: MediaContext, sessions: set[MediaSession]
) -> web.StreamResponse:
    """Serve one viewer until it leaves.

    Raises `Unauthorized`, `Forbidden`, `NotFoundError` before the upgrade.
    """
    context.authorize(request)
    stream = find_stream(context.hub.streams, request.query.get("src", ""))
    context.authorize(request, stream.camera_id)

    socket = web.WebSocketResponse(
        compress=False, heartbeat=_HEARTBEAT, max_msg_size=_MAX_MESSAGE, timeout=_CLOSE_LIMIT
    )
    await socket.prepare(request)
    transport = request.transport
    if transport is None:
        return socket
    session = MediaSession(stream, transport, context)
    sessions.add(session)
    try:
        await session.run(socket)
    finally:
        sessions.discard(session)
        if transport.get_write_buffer_size() > 0:
            transport.abort()  # it does not read: closing in order would keep the buffer for it
    return socket


def find_stream(streams: StreamManager, src: str) -> LiveStream:
    """Return the stream that ``<camera>`` or ``<camera>:<profile>`` names.

    Raises `NotFoundError`.
    """
    camera_id, _, profile = src.partition(":")
    if not camera_id:
        raise NotFoundError("Name the camera: ?src=<camera>[:<profile>].")
    return streams.get(camera_id, profile or None)


class MediaSession:
    """One client on the endpoint, and its viewer of the stream."""

    def __init__(
        self, stream: LiveStream, transport: asyncio.Transport, context: MediaContext
    ) -> None:
        self._stream = stream
        self._transport = transport
        self._clock = context.hub.clock
        self._viewer: Viewer | None = None
        self._encoder: asyncio.Task[None] | None = None
        self._reason: Reason | None = None
        self._limit: asyncio.Timeout | None = None
        # For messages before the client has chosen what to view.
        self._control = SocketSink(transport, self._clock, self.end)

    async def run(self, socket: web.WebSocketResponse) -> None:
        """Answer the client's messages until it leaves or the stream lets go of it."""
        try:
            async with asyncio.timeout(None) as self._limit:
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        self._receive(message.data)
        except TimeoutError:
            await self._say_goodbye(socket)
        finally:
            await self._leave()

    def end(self, reason: Reason) -> None:
        """Close the connection soon, and say why."""
        if self._reason is None:
            self._reason = reason
            if self._limit is not None:
                self._limit.reschedule(asyncio.get_running_loop().time())

    async def _say_goodbye(self, socket: web.WebSocketResponse) -> None:
        reason = self._reason
        if reason is None or self._transport.get_write_buffer_size() >= WRITE_LIMIT:
            self._transport.abort()
            return
        self._control.error(reason.message)
        await socket.close(code=WSCloseCode.GOING_AWAY, message=reason.code.encode())

    def _receive(self, text: str) -> None:
        try:
            message = orjson.loads(text)
            kind = message["type"]
        except (ValueError, TypeError, KeyError):
            self._control.error("expected a JSON object with a type")
            return
        value = message.get("value")
        if kind == "mse":
            self._play(value, shared=message.get("shared") is True)
        elif kind == "mjpeg":
            self._show_pictures()
        elif kind == "ping":
            now = self._clock.time() * 1000
            self._control.message({"type": "pong", "value": value, "time": now})
        else:
            # Players ask for WebRTC and others first, and go on by the error.
            self._control.message({"type": "error", "value": f"{kind}: not supported"})

    def _play(self, codecs: Any, *, shared: bool) -> None:
        if isinstance(codecs, str) and codecs and "avc1" not in codecs:
            self._control.error("codecs not matched: the camera sends H.264")
            return
        kind = SharedSink if shared else RetimedSink
        self._attach(kind(self._transport, self._clock, self.end), self._stream.playable)

    def _show_pictures(self) -> None:
        kind = PictureSink if self._stream.shows_jpeg else JpegSink
        sink = kind(self._transport, self._clock, self.end)
        sink.message({"type": "mjpeg"})
        if self._encoder is not None:
            self._encoder.cancel()
        self._attach(sink, self._stream)
        if isinstance(sink, JpegSink):
            self._encoder = asyncio.create_task(self._encode(sink))

    async def _encode(self, sink: JpegSink) -> None:
        try:
            await sink.run(partial(encode_keyframe, self._stream))
        except CameraViewerError as error:
            self.end(Reason(error.code, error.message))
        except Exception:  # a picture no decoder takes must not leave the client without a word
            _log.exception("Encoding a keyframe of %s failed", self._stream.camera_id)
            self.end(Reason("STREAM_ERROR", "The picture cannot be decoded."))

    def _attach(self, sink: ViewerSink, stream: Watchable) -> None:
        if self._viewer is not None:
            self._viewer.detach()
            self._viewer = None
        try:
            self._viewer = stream.attach(sink)
        except CameraViewerError as error:
            self.end(Reason(error.code, error.message))

    async def _leave(self) -> None:
        if self._viewer is not None:
            self._viewer.detach()
        if self._encoder is not None:
            self._encoder.cancel()
            await asyncio.wait({self._encoder})
