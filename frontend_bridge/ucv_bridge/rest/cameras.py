"""Cameras: list, add, change, remove, reload, snapshot."""

from __future__ import annotations

from aiohttp import web

from ucv.entries.entry import EntryConfig
from ucv.streams.snapshot import snapshot
from ucv_bridge.auth.principal import Principal, Role
from ucv_bridge.context import BridgeContext
from ucv_bridge.middleware import json_response
from ucv_bridge.rest.body import read_object

#: Seconds a snapshot may take; an idle camera must be connected first.
_SNAPSHOT_LIMIT = 10.0


def add_camera_routes(app: web.Application, context: BridgeContext) -> None:
    """Mount ``/api/cameras…``."""
    entries, views = context.hub.entries, context.views

    def entry_of(camera_id: str) -> str:
        return str(views.get(camera_id)["entry"]["id"])

    def answer(entry: EntryConfig, status: int = 200) -> web.Response:
        return json_response(views.get(entry.id), status)

    async def note(request: web.Request, who: Principal, action: str, target: str) -> None:
        await context.accounts.note(who.actor, action, target, request.remote or "")

    async def list_cameras(request: web.Request) -> web.Response:
        context.authorize(request)
        return json_response({"cameras": views.all()})

    async def get_camera(request: web.Request) -> web.Response:
        camera_id = request.match_info["id"]
        context.authorize(request, camera_id)
        return json_response(views.get(camera_id))

    async def add_camera(request: web.Request) -> web.Response:
        principal = context.authorize(request, role=Role.ADMIN)
        entry = await entries.create(await read_object(request))
        await note(request, principal, "camera.add", entry.id)
        return answer(entry, 201)

    async def change_camera(request: web.Request) -> web.Response:
        principal = context.authorize(request, role=Role.ADMIN)
        entry_id = entry_of(request.match_info["id"])
        entry = await entries.update(entry_id, await read_object(request))
        await context.accounts.note(
            principal.actor, "camera.change", entry_id, request.remote or ""
        )
        return answer(entry)

    async def remove_camera(request: web.Request) -> web.Response:
        principal = context.authorize(request, role=Role.ADMIN)
        entry_id = entry_of(request.match_info["id"])
        await entries.delete(entry_id)
        await context.accounts.note(
            principal.actor, "camera.remove", entry_id, request.remote or ""
        )
        return json_response({})

    async def reload_camera(request: web.Request) -> web.Response:
        principal = context.authorize(request, role=Role.ADMIN)
        entry_id = entry_of(request.match_info["id"])
        await entries.reload(entry_id)
        await context.accounts.note(
            principal.actor, "camera.reload", entry_id, request.remote or ""
        )
        return json_response(views.get(request.match_info["id"]))

    async def get_snapshot(request: web.Request) -> web.Response:
        camera_id = request.match_info["id"]
        context.authorize(request, camera_id)
        stream = context.hub.streams.get(camera_id, request.query.get("profile") or None)
        picture = await snapshot(stream, timeout=_SNAPSHOT_LIMIT)
        return web.Response(
            body=picture, content_type="image/jpeg", headers={"Cache-Control": "no-store"}
        )

    app.router.add_get("/api/cameras", list_cameras)
    app.router.add_post("/api/cameras", add_camera)
    app.router.add_get("/api/cameras/{id}", get_camera)
    app.router.add_put("/api/cameras/{id}", change_camera)
    app.router.add_delete("/api/cameras/{id}", remove_camera)
    app.router.add_post("/api/cameras/{id}/reload", reload_camera)
    app.router.add_get("/api/cameras/{id}/snapshot.jpg", get_snapshot)
