"""First start, logging in and out."""

from __future__ import annotations

from aiohttp import web

from ucv_bridge.auth.accounts import SESSION_LIFE
from ucv_bridge.auth.principal import Role
from ucv_bridge.context import PRINCIPAL, BridgeContext
from ucv_bridge.middleware import COOKIE, json_response
from ucv_bridge.rest.body import read_object, text


def add_auth_routes(app: web.Application, context: BridgeContext) -> None:
    """Mount ``/api/auth/…``."""
    accounts = context.accounts

    async def state(request: web.Request) -> web.Response:
        principal = request.get(PRINCIPAL)
        user = {"name": principal.name, "role": principal.role.value} if principal else None
        return json_response({"setup_required": await accounts.setup_required(), "user": user})

    async def setup(request: web.Request) -> web.Response:
        body = await read_object(request)
        name = text(body, "name").strip()
        cookie = await accounts.set_up(
            text(body, "code"), name, text(body, "password"), request.remote or ""
        )
        return _logged_in(request, cookie, name, Role.ADMIN.value)

    async def login(request: web.Request) -> web.Response:
        body = await read_object(request)
        user, cookie = await accounts.log_in(
            text(body, "name").strip(), text(body, "password"), request.remote or ""
        )
        return _logged_in(request, cookie, user.name, user.role)

    async def logout(request: web.Request) -> web.Response:
        if cookie := request.cookies.get(COOKIE):
            await accounts.log_out(cookie)
        response = json_response({})
        response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
        return response

    app.router.add_get("/api/auth/state", state)
    app.router.add_post("/api/auth/setup", setup)
    app.router.add_post("/api/auth/login", login)
    app.router.add_post("/api/auth/logout", logout)


def _logged_in(request: web.Request, cookie: str, name: str, role: str) -> web.Response:
    response = json_response({"user": {"name": name, "role": role}})
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(SESSION_LIFE),
        path="/",
        httponly=True,
        secure=request.secure,
        samesite="Strict",
    )
    return response
