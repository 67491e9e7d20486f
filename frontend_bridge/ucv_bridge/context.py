"""What every handler needs: the hub, the accounts, and the check of who asks."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from ucv.errors import Forbidden, Unauthorized
from ucv.hub import Hub
from ucv_bridge.auth.accounts import Accounts
from ucv_bridge.auth.principal import Principal, Role
from ucv_bridge.views import CameraViews

#: Where the middleware puts who a request comes from.
PRINCIPAL: web.RequestKey[Principal | None] = web.RequestKey("principal", Principal | None)  # type: ignore[arg-type]  # aiohttp's key wants a class, and only uses it for typing


@dataclass(frozen=True, slots=True)
class BridgeContext:
    """The bridge's parts."""

    hub: Hub
    accounts: Accounts
    views: CameraViews

    def authorize(
        self, request: web.Request, camera_id: str | None = None, *, role: Role = Role.VIEWER
    ) -> Principal:
        """Return who asks; raises `Unauthorized`, or `Forbidden` when their role is not enough.

        ``camera_id`` is the resolved camera, for every route that shows one.
        """
        principal: Principal | None = request.get(PRINCIPAL)
        if principal is None:
            raise Unauthorized
        if role is Role.ADMIN and not principal.is_admin:
            raise Forbidden
        return principal
