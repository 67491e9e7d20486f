"""``/api/health`` and ``/api/system/info``."""

from __future__ import annotations

import os
import platform
from collections import Counter
from dataclasses import asdict
from typing import Any

import psutil
from aiohttp import web

from ucv_bridge.answers import json_answer, redacted
from ucv_bridge.context import BridgeContext


class SystemRoutes:
    """Handlers of one bridge."""

    def __init__(self, context: BridgeContext) -> None:
        self._context = context
        self._hub = context.hub

    def add_to(self, app: web.Application) -> None:
        """Mount them."""
        app.router.add_get("/api/health", self.health)
        app.router.add_get("/api/system/info", self.info)

    async def health(self, _request: web.Request) -> web.Response:
        """Say that the hub answers."""
        return json_answer({"status": "ok", "version": self._hub.version})

    async def info(self, request: web.Request) -> web.Response:
        """Return what the hub runs on, what it uses, and which plugins it has."""
        principal = self._context.authorize(request)
        hub, process = self._hub, self._context.process
        streams = Counter(stream.status.state.value for stream in hub.streams.streams())
        return json_answer(
            {
                "version": hub.version,
                "python": platform.python_version(),
                "platform": platform.platform(),
                "started_at": hub.started_at,
                "uptime": round(hub.clock.time() - hub.started_at, 3),
                "safe_mode": hub.safe_mode,
                "cpu": {"percent": process.cpu_percent(), "count": os.cpu_count()},
                "memory": {
                    "process_bytes": process.memory_bytes(),
                    "total_bytes": psutil.virtual_memory().total,
                },
                "cameras": len(hub.cameras.list()),
                "entries": len(hub.entries.list()),
                "streams": {"total": streams.total(), "by_state": streams},
                "plugins": {
                    "loaded": [
                        {"name": plugin.name, "source": plugin.source, "domains": plugin.domains}
                        for plugin in hub.plugins.loaded
                    ],
                    # Where files are, and what plugins say of their faults, is for who can mend it.
                    "quarantined": self._quarantined() if principal.is_admin else [],
                    "quarantined_count": len(hub.plugins.quarantined),
                },
            }
        )

    def _quarantined(self) -> list[Any]:
        found = [asdict(quarantined) for quarantined in self._hub.plugins.quarantined]
        return [redacted(quarantined, self._hub.redactor) for quarantined in found]
