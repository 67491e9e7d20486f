"""What the hub's viewers are compared with: each viewer's fragments made and sent by aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web

from ucv.media.access_unit import HEADROOM, AccessUnit
from ucv.media.fmp4 import Fragment, Packager
from ucv.streams.live import LiveStream
from ucv.streams.state import Reason, StreamStatus
from ucv_bridge.context import BridgeContext
from ucv_bridge.media.endpoint import find_stream


class _Sink:
    """Takes the pictures for all viewers of one stream, so that handing over costs little."""

    def __init__(self, stream: LiveStream) -> None:
        self.viewers: dict[web.WebSocketResponse, Packager] = {}
        self._fragments: asyncio.Queue[Fragment] = asyncio.Queue()
        self._viewer = stream.attach(self)
        self._task = asyncio.create_task(self._run())

    def end(self) -> None:
        """Leave the stream."""
        self._viewer.detach()
        self._task.cancel()

    def writable(self) -> bool:
        """See `ViewerSink.writable`."""
        return True

    def send_init(self, init: bytes, mime: str) -> None:
        """Nobody looks at what is sent."""

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """See `ViewerSink.send`."""
        if not burst:
            for fragment in fragments:
                self._fragments.put_nowait(fragment)

    def on_status(self, status: StreamStatus) -> None:
        """Nobody asks."""

    def close(self, reason: Reason) -> None:
        """Nothing is held."""

    async def _run(self) -> None:
        while True:
            fragment = await self._fragments.get()
            for socket, packager in list(self.viewers.items()):
                buffer = bytearray(HEADROOM) + fragment.payload
                unit = AccessUnit(
                    buffer,
                    fragment.decode_time,
                    keyframe=fragment.keyframe,
                    received=fragment.received,
                )
                try:
                    await socket.send_bytes(packager.package(unit).boxes)
                except ConnectionError:  # it has just left
                    self.viewers.pop(socket, None)


def add_baseline(app: web.Application, context: BridgeContext) -> None:
    """Serve it under ``/baseline/ws?src=<camera>``; a client sends one message to begin."""
    sinks: dict[LiveStream, _Sink] = {}

    async def handle(request: web.Request) -> web.StreamResponse:
        stream = find_stream(context.hub.streams, request.query.get("src", ""))
        assert stream.format is not None
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.receive()
        if stream not in sinks:
            sinks[stream] = _Sink(stream)
        sink = sinks[stream]
        sink.viewers[socket] = Packager(stream.format)
        async for _message in socket:
            pass
        sink.viewers.pop(socket, None)
        if not sink.viewers and sinks.pop(stream, None):
            sink.end()
        return socket

    app.router.add_get("/baseline/ws", handle)
