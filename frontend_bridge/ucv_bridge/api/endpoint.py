"""``/api/websocket``: accepts clients, and lets go of them when the hub stops."""

from __future__ import annotations

import asyncio

from aiohttp import WSCloseCode, web

from ucv_bridge.api.commands import CommandTable
from ucv_bridge.api.connection import Connection
from ucv_bridge.context import BridgeContext

#: Bytes a command may have.
_MAX_MESSAGE = 256 * 1024
#: Seconds between pings to a client that sends nothing; half of it is the limit for its answer.
_HEARTBEAT = 60.0
#: Seconds a client gets to answer a close.
_CLOSE_LIMIT = 1.0
#: Bytes that may wait in a client's socket before the next event waits in its outbox.
_WRITE_LIMIT = 64 * 1024


def add_websocket_api(app: web.Application, context: BridgeContext) -> None:
    """Mount the endpoint."""
    commands = CommandTable(context.hub)
    sockets: set[web.WebSocketResponse] = set()

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT,
            timeout=_CLOSE_LIMIT,
            max_msg_size=_MAX_MESSAGE,
            writer_limit=_WRITE_LIMIT,
        )
        await socket.prepare(request)
        sockets.add(socket)
        try:
            await Connection(context, commands, request, socket).run()
        finally:
            sockets.discard(socket)
        return socket

    async def close_sockets(_app: web.Application) -> None:
        closing = [socket.close(code=WSCloseCode.GOING_AWAY) for socket in sockets]
        await asyncio.gather(*closing, return_exceptions=True)

    app.router.add_get("/api/websocket", handle)
    app.on_shutdown.append(close_sockets)
