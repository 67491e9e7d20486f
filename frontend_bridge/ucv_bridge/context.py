"""What the parts of the bridge share for one running hub."""

from __future__ import annotations

from aiohttp import web

from ucv.errors import Forbidden, Unauthorized
from ucv.hub import Hub
from ucv_bridge.auth.accounts import Accounts
from ucv_bridge.auth.connections import OpenConnections
from ucv_bridge.auth.principal import Principal
from ucv_bridge.camera_feed import CameraFeed
from ucv_bridge.camera_views import CameraViews
from ucv_bridge.messages import Language, choose_language
from ucv_bridge.metrics_feed import MetricsFeed
from ucv_bridge.process import ProcessMeter

#: Where the authentication middleware leaves who makes the request.
PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)


class BridgeContext:
    """The hub, and what the bridge itself keeps; made once for each run."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.accounts = Accounts(hub.database, hub.clock)
        self.connections = OpenConnections(self.accounts, hub.clock)
        self.views = CameraViews(hub)
        self.camera_feed = CameraFeed(hub, self.views)
        self.process = ProcessMeter(hub.clock)
        self.metrics_feed = MetricsFeed(hub, self.process)

    def principal(self, request: web.Request) -> Principal | None:
        """Return who makes the request, or None."""
        found: Principal | None = request.get(PRINCIPAL)
        return found

    def authorize(self, request: web.Request, camera_id: str | None = None) -> Principal:
        """Return who makes the request; with ``camera_id``, only if they may see that camera.

        ``camera_id`` is that of the camera that was found, not what the client called it. Raises
        `Unauthorized`, `Forbidden`.
        """
        principal = self.principal(request)
        if principal is None:
            raise Unauthorized
        if camera_id is not None and not principal.may_view(camera_id):
            raise Forbidden
        return principal

    def authorize_admin(self, request: web.Request) -> Principal:
        """Return who makes the request, if they may change things.

        Raises `Unauthorized`, `Forbidden`.
        """
        principal = self.authorize(request)
        if not principal.is_admin:
            raise Forbidden
        return principal

    @staticmethod
    def language(request: web.Request) -> Language:
        """Return the language the client is answered in."""
        return choose_language(request.headers.get("Accept-Language", ""))
