"""What the hub's viewers are compared with: each viewer's fragments made and sent by aiohttp.

`WebSocketResponse.send_bytes` waits for a client that is slow to read. So that it makes nobody else
wait, each viewer has a task, and pictures wait for it in a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web

from ucv.hub import Hub
from ucv.media.access_unit import HEADROOM, AccessUnit
from ucv.media.fmp4 import Fragment, Packager
from ucv.streams.state import Reason, StreamStatus

_QUEUE = 50


class _Sink:
    """Hands pictures to the task of one viewer."""

    def __init__(self) -> None:
        self.fragments: asyncio.Queue[Fragment] = asyncio.Queue()

    def writable(self) -> bool:
        """See `ViewerSink.writable`."""
        return self.fragments.qsize() < _QUEUE

    def send_init(self, init: bytes, mime: str) -> None:
        """Nobody looks at what is sent."""

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """See `ViewerSink.send`."""
        for fragment in fragments:
            self.fragments.put_nowait(fragment)

    def on_status(self, status: StreamStatus) -> None:
        """Nobody asks."""

    def close(self, reason: Reason) -> None:
        """Nothing is held."""


async def serve_baseline(hub: Hub) -> web.AppRunner:
    """Serve it under ``/api/ws?src=<camera>`` at a port of its own, started by any message."""

    async def handle(request: web.Request) -> web.StreamResponse:
        stream = hub.streams.get(request.query["src"])
        assert stream.format is not None
        packager = Packager(stream.format)
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.receive()
        sink = _Sink()
        viewer = stream.attach(sink)
        try:
            while True:
                fragment = await sink.fragments.get()
                unit = AccessUnit(
                    bytearray(HEADROOM) + fragment.payload,
                    fragment.decode_time,
                    keyframe=fragment.keyframe,
                    received=fragment.received,
                )
                boxes = packager.package(unit).boxes
                await socket.send_bytes(boxes)  # type: ignore[arg-type]  # it takes any buffer
        except ConnectionError:  # it has left
            return socket
        finally:
            viewer.detach()

    app = web.Application()
    app.router.add_get("/api/ws", handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner
