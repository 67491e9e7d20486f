"""Mounts the WebSocket API."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ucv_bridge.api.connection import Connection
from ucv_bridge.api.feeds import CameraFeed, MetricsFeed
from ucv_bridge.context import BridgeContext
from ucv_bridge.process import ProcessMeter


def add_api_routes(app: web.Application, context: BridgeContext, meter: ProcessMeter) -> None:
    """Mount ``/api/websocket``."""
    connections: set[Connection] = set()
    cameras = CameraFeed(context.hub, context.views)
    metrics = MetricsFeed(context.hub, meter)

    async def handle(request: web.Request) -> web.StreamResponse:
        connection = Connection(request, context, cameras, metrics)
        connections.add(connection)
        try:
            return await connection.run()
        finally:
            connections.discard(connection)

    async def close(_app: web.Application) -> None:
        await asyncio.gather(*(connection.close() for connection in connections))
        cameras.close()
        metrics.close()

    app.router.add_get("/api/websocket", handle)
    app.on_shutdown.append(close)
