"""The web application and its life."""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket

from aiohttp import web

from ucv.errors import Forbidden, ServiceError
from ucv.hub import Hub
from ucv_bridge.api.routes import add_api_routes
from ucv_bridge.auth.accounts import Accounts
from ucv_bridge.context import BridgeContext
from ucv_bridge.media import add_media_routes
from ucv_bridge.middleware import add_security_headers, errors, identify, same_site
from ucv_bridge.process import ProcessMeter
from ucv_bridge.rest.auth import add_auth_routes
from ucv_bridge.rest.cameras import add_camera_routes
from ucv_bridge.rest.system import add_system_routes
from ucv_bridge.static import add_page
from ucv_bridge.views import CameraViews

_log = logging.getLogger(__name__)

#: Bytes of a request's body; a camera's mapping has a few hundred.
_MAX_BODY = 256 * 1024
#: Seconds that handlers get to end when the bridge stops.
_STOP_LIMIT = 1.0


def make_app(context: BridgeContext, allowed_hosts: tuple[str, ...] = ()) -> web.Application:
    """Put the application together."""
    app = web.Application(
        middlewares=[errors, same_site(allowed_hosts), identify(context.accounts)],
        client_max_size=_MAX_BODY,
    )
    meter = ProcessMeter()
    add_auth_routes(app, context)
    add_camera_routes(app, context)
    add_system_routes(app, context, meter)
    add_api_routes(app, context, meter)
    add_media_routes(app, context)
    add_page(app)
    app.on_response_prepare.append(add_security_headers)
    return app


class RunningServer:
    """A bridge that serves; see `ucv.cli.bridges.RunningBridge`."""

    def __init__(
        self, runner: web.AppRunner, views: CameraViews, url: str, code: str | None
    ) -> None:
        self.url = url
        self.first_start_link = f"{url}/#/setup?code={code}" if code else None
        self._runner = runner
        self._views = views

    async def stop(self) -> None:
        """Close all connections and stop serving."""
        await self._runner.cleanup()
        self._views.close()


async def serve(hub: Hub, host: str, port: int) -> RunningServer:
    """Serve a started hub on that address.

    Raises `Forbidden` for an address that others can reach while there is no account, and
    `ServiceError` when the address cannot be used.
    """
    accounts = Accounts(hub.database, hub.clock)
    code = await accounts.setup_code()
    if code is not None and not _is_loopback(host):
        raise Forbidden(
            f"There is no account yet, so the hub does not listen on {host}. Make one with "
            f"`ucv user add NAME --config {hub.directory.path}`, or run it on 127.0.0.1 first."
        )
    views = CameraViews(hub)
    context = BridgeContext(hub, accounts, views)
    allowed = (*hub.configuration.server.allowed_hosts, host)
    runner = web.AppRunner(
        make_app(context, allowed),
        access_log=None,
        shutdown_timeout=_STOP_LIMIT,
        handler_cancellation=True,
    )
    try:
        await runner.setup()
        site = web.TCPSite(runner, host, port, reuse_address=True)
        await site.start()
    except OSError as error:
        await runner.cleanup()
        views.close()
        raise ServiceError(_bind_error(host, port, error)) from None
    address = runner.addresses[0]
    shown = f"[{host}]" if ":" in host else host
    return RunningServer(runner, views, f"http://{shown}:{address[1]}", code)


def _bind_error(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use already; choose another with --port."
    return f"The hub cannot listen on {host}, port {port}: {error.strerror or error}."


def _is_loopback(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(info[4][0]).is_loopback for info in found)
