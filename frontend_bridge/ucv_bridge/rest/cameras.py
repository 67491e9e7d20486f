"""``/api/cameras``: what there is, added, changed and removed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import voluptuous as vol
from aiohttp import web

from ucv.cameras.camera import Camera
from ucv.config.common import MAX_NAME
from ucv.config.fields import Text
from ucv.entries.entry import ChannelChoice
from ucv.errors import (
    NotFoundError,
    ProtocolError,
    StreamNotLive,
    ValidationError,
)
from ucv_bridge.addresses import check_addresses
from ucv_bridge.answers import json_answer, read_object
from ucv_bridge.auth.principal import Principal
from ucv_bridge.context import BridgeContext

#: What a still picture may be: the type is the camera's own word, and goes to browsers.
_PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})


class CameraRoutes:
    """Handlers of one bridge."""

    def __init__(self, context: BridgeContext) -> None:
        self._context = context
        self._hub = context.hub
        self._views = context.views

    def add_to(self, app: web.Application) -> None:
        """Mount them."""
        one = "/api/cameras/{id}"
        app.router.add_get("/api/cameras", self.list)
        app.router.add_post("/api/cameras", self.create)
        app.router.add_get(one, self.get)
        app.router.add_put(one, self.update)
        app.router.add_delete(one, self.delete)
        app.router.add_post(f"{one}/reload", self.reload)
        app.router.add_post(f"{one}/name", self.rename)
        app.router.add_get(f"{one}/snapshot.jpg", self.snapshot)

    async def list(self, request: web.Request) -> web.Response:
        """Return all cameras that the client may see."""
        principal = self._context.authorize(request)
        views = [view for view in self._views.all() if principal.may_view(view["id"])]
        return json_answer({"cameras": views})

    async def get(self, request: web.Request) -> web.Response:
        """Return one camera."""
        self._context.authorize(request)
        view = self._views.one(request.match_info["id"])
        self._context.authorize(request, view["id"])
        return json_answer(view)

    async def create(self, request: web.Request) -> web.Response:
        """Add a camera, given as in the YAML's list of cameras."""
        principal = self._context.authorize_admin(request)
        mapping = await read_object(request)
        check_addresses(mapping)
        entry = await self._hub.entries.create(mapping)
        await self._audit(request, principal, "create", entry.id)
        return json_answer(self._first(entry.id), status=201)

    async def update(self, request: web.Request) -> web.Response:
        """Replace what a camera is configured with; secrets that are not given stay."""
        principal = self._context.authorize_admin(request)
        entry_id = self._entry_id(request)
        mapping = await read_object(request)
        check_addresses(mapping)
        await self._hub.entries.update(entry_id, mapping)
        await self._audit(request, principal, "update", entry_id)
        return json_answer(self._first(entry_id))

    async def delete(self, request: web.Request) -> web.Response:
        """Remove a camera with everything that is kept of it; of a recorder's, hide it."""
        principal = self._context.authorize_admin(request)
        camera = self._hub.cameras.find(request.match_info["id"])
        if camera is not None and camera.channel is not None:
            # The recorder goes on, and its options bring the camera back.
            hidden = replace(self._choice(camera), use=False)
            await self._hub.entries.choose_channels(camera.entry_id, [hidden])
            await self._audit(request, principal, "hide", camera.id)
            return web.Response(status=204)
        entry_id = self._entry_id(request)
        await self._hub.entries.delete(entry_id)
        await self._audit(request, principal, "delete", entry_id)
        return web.Response(status=204)

    async def rename(self, request: web.Request) -> web.Response:
        """Give a camera another name: ``{"name": …}``. Its id stays, and so does its stream."""
        principal = self._context.authorize_admin(request)
        camera_id = request.match_info["id"]
        entry = self._views.entry_of(camera_id)
        name = _name(await read_object(request))
        camera = self._hub.cameras.find(camera_id)
        if camera is not None and camera.channel is not None:
            named = replace(self._choice(camera), name=name)
            await self._hub.entries.choose_channels(camera.entry_id, [named])
        else:
            await self._hub.entries.rename(entry.config.id, name)
        await self._audit(request, principal, "rename", camera_id)
        return json_answer(self._views.one(camera_id))

    def _choice(self, camera: Camera) -> ChannelChoice:
        return self._hub.entries.get(camera.entry_id).config.channel(camera.channel or "")

    async def reload(self, request: web.Request) -> web.Response:
        """Set a camera up anew, with the others of its recorder; also after a refused login."""
        principal = self._context.authorize_admin(request)
        entry_id = self._entry_id(request)
        await self._hub.entries.reload(entry_id)
        await self._audit(request, principal, "reload", entry_id)
        return json_answer(self._first(entry_id))

    async def snapshot(self, request: web.Request) -> web.Response:
        """Return a JPEG of what a camera shows now."""
        self._context.authorize(request)
        camera_id = request.match_info["id"]
        entry = self._views.entry_of(camera_id)
        camera = self._hub.cameras.find(camera_id)
        self._context.authorize(request, camera.id if camera else entry.config.id)
        profile = request.query.get("profile")
        try:
            picture = await self._hub.control.snapshot(camera_id, profile)
        except NotFoundError:
            reason = entry.status.reason
            if camera is not None and profile is not None and camera.profile(profile) is None:
                raise
            # It has streams once it is set up: say why it is not.
            raise StreamNotLive(reason.message if reason else "") from None
        if picture.content_type not in _PICTURES:
            raise ProtocolError("The camera sent something else than a picture.")
        return web.Response(body=picture.data, content_type=picture.content_type)

    def _first(self, entry_id: str) -> dict[str, Any]:
        """Return an entry's camera, of several the first; raises `NotFoundError`."""
        views = self._views.of_entry(entry_id)
        if not views:  # removed meanwhile
            raise NotFoundError("There is no such camera.", details={"camera": entry_id})
        return views[0]

    def _entry_id(self, request: web.Request) -> str:
        """Return the entry to change, which a recorder's cameras share; raises `NotFoundError`."""
        return self._views.entry_of(request.match_info["id"]).config.id

    async def _audit(
        self, request: web.Request, principal: Principal, action: str, entry_id: str
    ) -> None:
        await self._context.accounts.audit(
            principal.name, f"camera.{action}", entry_id, address=request.remote or ""
        )


def _name(given: dict[str, Any]) -> str:
    """Return the name that is given, and nothing besides; raises `ValidationError`."""
    try:
        return str(vol.Schema({vol.Required("name"): Text(MAX_NAME)})(given)["name"])
    except vol.Invalid as error:
        raise ValidationError(f"The name is not valid: {error.msg}.") from None
