"""Health and facts about the running hub."""

from __future__ import annotations

import platform
from collections import Counter

from aiohttp import web

from ucv_bridge.context import BridgeContext
from ucv_bridge.middleware import json_response
from ucv_bridge.process import ProcessMeter


def add_system_routes(app: web.Application, context: BridgeContext, meter: ProcessMeter) -> None:
    """Mount ``/api/health`` and ``/api/system/…``."""
    hub = context.hub

    async def health(_request: web.Request) -> web.Response:
        return json_response({"status": "ok", "version": hub.version})

    async def info(request: web.Request) -> web.Response:
        context.authorize(request)
        streams = list(hub.streams.streams())
        states = Counter(stream.status.state.value for stream in streams)
        return json_response(
            {
                "version": hub.version,
                "python": platform.python_version(),
                "platform": platform.system(),
                "machine": platform.machine(),
                "uptime": round(hub.clock.time() - hub.started_at, 1),
                "safe_mode": hub.safe_mode,
                "process": meter.measured(),
                "plugins": {
                    "loaded": [
                        {"domain": domain, "name": found.name, "version": found.version}
                        for domain, found in sorted(hub.plugins.integrations.items())
                    ],
                    "quarantined": [
                        {
                            "name": found.name,
                            "stage": found.stage.value,
                            "reason": found.reason,
                            "line": found.line,
                            "at": found.at,
                        }
                        for found in hub.plugins.quarantined
                    ],
                },
                "entries": len(hub.entries.list()),
                "cameras": len(hub.cameras.list()),
                "streams": {
                    "total": len(streams),
                    "states": dict(states),
                    "viewers": sum(stream.viewers for stream in streams),
                },
            }
        )

    app.router.add_get("/api/health", health)
    app.router.add_get("/api/system/info", info)
