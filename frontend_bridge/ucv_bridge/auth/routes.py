"""``/api/auth/…``: the first start, logging in and out."""

from __future__ import annotations

import voluptuous as vol
from aiohttp import web

from ucv_bridge.answers import json_answer, read_object, validated
from ucv_bridge.auth.accounts import LogIn
from ucv_bridge.auth.cookie import SessionCookie
from ucv_bridge.context import BridgeContext

_LOGIN = {vol.Required("name"): str, vol.Required("password"): str}
_SETUP = {vol.Required("code"): str, **_LOGIN}


class AuthRoutes:
    """Handlers of one bridge."""

    def __init__(self, context: BridgeContext, cookie: SessionCookie) -> None:
        self._context = context
        self._accounts = context.accounts
        self._cookie = cookie

    def add_to(self, app: web.Application) -> None:
        """Mount them."""
        app.router.add_get("/api/auth/state", self.state)
        app.router.add_post("/api/auth/setup", self.set_up)
        app.router.add_post("/api/auth/login", self.log_in)
        app.router.add_post("/api/auth/logout", self.log_out)

    async def state(self, request: web.Request) -> web.Response:
        """Say whether there is an account, and who asks."""
        principal = self._context.principal(request)
        return json_answer(
            {
                "setup_required": await self._accounts.setup_required(),
                "user": principal.public() if principal else None,
            }
        )

    async def set_up(self, request: web.Request) -> web.Response:
        """Make the administrator with the code of the first-start link, and log in."""
        body = validated(await read_object(request), _SETUP)
        log_in = await self._accounts.set_up(
            body["code"], body["name"], body["password"], request.remote or ""
        )
        return self._logged_in(request, log_in)

    async def log_in(self, request: web.Request) -> web.Response:
        """Open a session."""
        body = validated(await read_object(request), _LOGIN)
        log_in = await self._accounts.log_in(body["name"], body["password"], request.remote or "")
        return self._logged_in(request, log_in)

    async def log_out(self, request: web.Request) -> web.Response:
        """End the session, and every connection that was opened with it."""
        principal = self._context.authorize(request)
        if await self._accounts.log_out(principal):
            self._context.connections.close(principal)
            await self._accounts.audit(principal.name, "logout", address=request.remote or "")
        answer = web.Response(status=204)
        self._cookie.clear(answer)
        return answer

    def _logged_in(self, request: web.Request, log_in: LogIn) -> web.Response:
        answer = json_answer({"user": log_in.principal.public()})
        self._cookie.write(request, answer, log_in.cookie)
        return answer
