"""``/api/entries``: what can be told of one for a report of a defect."""

from __future__ import annotations

import orjson
from aiohttp import web

from ucv_bridge.context import BridgeContext


class EntryRoutes:
    """Handlers of one bridge."""

    def __init__(self, context: BridgeContext) -> None:
        self._context = context

    def add_to(self, app: web.Application) -> None:
        """Mount them."""
        app.router.add_get("/api/entries/{id}/diagnostics.json", self.diagnostics)

    async def diagnostics(self, request: web.Request) -> web.Response:
        """Return an entry's diagnostics as a file."""
        self._context.authorize_admin(request)
        view = await self._context.hub.diagnostics.of_entry(request.match_info["id"])
        # Ids are letters, digits, - and _ (see `ucv.config.common`).
        name = f"ucv-diagnostics-{view['entry']['id']}.json"
        return web.Response(
            body=orjson.dumps(view, option=orjson.OPT_INDENT_2),
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
