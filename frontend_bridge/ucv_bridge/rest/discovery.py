"""``/api/discovery``: what was found on the network."""

from __future__ import annotations

import orjson
from aiohttp import web

from ucv.errors import NotSupported
from ucv_bridge.answers import json_answer, redacted
from ucv_bridge.context import BridgeContext
from ucv_bridge.device_views import device_view


class DiscoveryRoutes:
    """Handlers of one bridge; all for administrators."""

    def __init__(self, context: BridgeContext) -> None:
        self._context = context
        self._hub = context.hub

    def add_to(self, app: web.Application) -> None:
        """Mount them."""
        app.router.add_get("/api/discovery", self.list)
        app.router.add_get("/api/discovery/diagnostics.json", self.diagnostics)
        app.router.add_post("/api/discovery/refresh", self.refresh)
        app.router.add_get("/api/discovery/{id}/snapshot.jpg", self.snapshot)

    async def list(self, request: web.Request) -> web.Response:
        """Return the devices, and what discovery is doing."""
        self._context.authorize_admin(request)
        discovery, redactor = self._hub.discovery, self._hub.redactor
        devices = [device_view(device, redactor) for device in discovery.list()]
        return json_answer({"devices": devices, "status": discovery.status().to_json()})

    async def diagnostics(self, request: web.Request) -> web.Response:
        """Return as a file what is needed to see why a device is not found."""
        self._context.authorize_admin(request)
        told = redacted(self._hub.discovery.diagnostics(), self._hub.redactor)
        return web.Response(
            body=orjson.dumps(told, option=orjson.OPT_INDENT_2),
            content_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="ucv-discovery.json"'},
        )

    async def refresh(self, request: web.Request) -> web.Response:
        """Ask all devices now."""
        self._context.authorize_admin(request)
        status = await self._hub.discovery.refresh()
        return json_answer({"status": status.to_json()})

    async def snapshot(self, request: web.Request) -> web.Response:
        """Return a picture of a device that lets anyone have one; nothing (204) of any other."""
        self._context.authorize_admin(request)
        try:
            picture = await self._hub.discovery.snapshot(request.match_info["id"])
        except NotSupported:
            # No error: a page asks for all of them, and most cameras have none for strangers.
            return web.Response(status=204, headers={"Cache-Control": "no-store"})
        return web.Response(
            body=picture, content_type="image/jpeg", headers={"Cache-Control": "no-store"}
        )
