"""``/api/scan``: network scans, and whether a device lets somebody in."""

from __future__ import annotations

from typing import Any

from aiohttp import hdrs, web

from ucv.discovery.scan.view import ScanView
from ucv_bridge.answers import json_answer, read_object, validated
from ucv_bridge.auth.principal import Principal
from ucv_bridge.context import BridgeContext
from ucv_bridge.device_access import SCHEMA as ACCESS
from ucv_bridge.device_access import try_access
from ucv_bridge.scan_views import START, comparison_view, result_view, scan_view, start


class ScanRoutes:
    """Handlers of one bridge; all for administrators."""

    def __init__(self, context: BridgeContext) -> None:
        self._context = context
        self._hub = context.hub

    def add_to(self, app: web.Application) -> None:
        """Mount them."""
        one = "/api/scan/{id}"
        app.router.add_get("/api/scan", self.list)
        app.router.add_post("/api/scan", self.start)
        app.router.add_post("/api/scan/access", self.access)
        app.router.add_get(one, self.get)
        app.router.add_get(f"{one}/compare", self.compare)
        app.router.add_post(f"{one}/pause", self.pause)
        app.router.add_post(f"{one}/resume", self.resume)
        app.router.add_post(f"{one}/cancel", self.cancel)

    async def start(self, request: web.Request) -> web.Response:
        """Start a scan, or return the same one if it was made just now."""
        principal = self._context.authorize_admin(request)
        given = validated(await read_object(request), START)
        scan = await start(self._hub.scans, given)
        if not scan.cached:
            await self._audit(request, principal, "scan.start", ", ".join(scan.ranges))
        answer = self._answer(scan, status=200 if scan.cached else 202)
        answer.headers[hdrs.LOCATION] = f"/api/scan/{scan.id}"
        return answer

    async def list(self, request: web.Request) -> web.Response:
        """Return the scans that wait, run or are over, the newest first."""
        self._context.authorize_admin(request)
        await self._hub.scans.load()
        scans = self._hub.scans.list()
        return json_answer({"scans": [scan_view(scan, self._hub.redactor) for scan in scans]})

    async def get(self, request: web.Request) -> web.Response:
        """Return a scan with what it has found so far."""
        scan = await self._found(request)
        redactor = self._hub.redactor
        results = [result_view(one, redactor) for one in self._hub.scans.results(scan.id)]
        return json_answer({"scan": scan_view(scan, redactor), "results": results})

    async def compare(self, request: web.Request) -> web.Response:
        """Return what differs from the scan before, or from ``?other_id=``."""
        scan = await self._found(request)
        other_id = request.query.get("other_id")
        comparison = await self._hub.scans.compare(scan.id, other_id)
        return json_answer(comparison_view(comparison, self._hub.redactor))

    async def pause(self, request: web.Request) -> web.Response:
        """Make no connections for now."""
        scan = await self._found(request)
        return self._answer(self._hub.scans.pause(scan.id))

    async def resume(self, request: web.Request) -> web.Response:
        """Go on."""
        scan = await self._found(request)
        return self._answer(self._hub.scans.resume(scan.id))

    async def cancel(self, request: web.Request) -> web.Response:
        """End a scan; what it found stays."""
        scan = await self._found(request)
        return self._answer(await self._hub.scans.cancel(scan.id))

    async def access(self, request: web.Request) -> web.Response:
        """Log in to a device once, with given credentials, and return who it is."""
        principal = self._context.authorize_admin(request)
        given = validated(await read_object(request), ACCESS)
        target = given.get("device_id") or given.get("host", "")
        await self._audit(request, principal, "device.access", target)
        return json_answer(await try_access(self._hub, given))

    async def _found(self, request: web.Request) -> ScanView:
        """Return the scan that an administrator asks for; raises `NotFoundError`."""
        self._context.authorize_admin(request)
        await self._hub.scans.load()
        return self._hub.scans.get(request.match_info["id"])

    def _answer(self, scan: ScanView, *, status: int = 200) -> web.Response:
        view: dict[str, Any] = {"scan": scan_view(scan, self._hub.redactor)}
        return json_answer(view, status=status)

    async def _audit(
        self, request: web.Request, principal: Principal, action: str, target: str
    ) -> None:
        await self._context.accounts.audit(
            principal.name, action, target, address=request.remote or ""
        )
