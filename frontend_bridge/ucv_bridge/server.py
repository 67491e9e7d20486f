"""The web application, and where it listens."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import psutil
from aiohttp import web

from ucv.hub import Hub
from ucv_bridge.answers import MAX_BODY
from ucv_bridge.api.endpoint import add_websocket_api
from ucv_bridge.auth.cookie import SessionCookie
from ucv_bridge.auth.routes import AuthRoutes
from ucv_bridge.context import BridgeContext
from ucv_bridge.errors import CannotListen, NoAccount
from ucv_bridge.guard import Guard
from ucv_bridge.media import add_media_routes
from ucv_bridge.middleware import add_headers, answer_errors, authenticate, check_requests
from ucv_bridge.rest.cameras import CameraRoutes
from ucv_bridge.rest.configuration import ConfigurationRoutes
from ucv_bridge.rest.discovery import DiscoveryRoutes
from ucv_bridge.rest.entries import EntryRoutes
from ucv_bridge.rest.scan import ScanRoutes
from ucv_bridge.rest.system import SystemRoutes
from ucv_bridge.static import PageFile, add_page, read_page

_log = logging.getLogger(__name__)

#: Seconds that open requests get to end when the hub stops.
_SHUTDOWN_LIMIT = 1.0


def create_app(
    context: BridgeContext, *, port: int, names: tuple[str, ...], page: dict[str, PageFile]
) -> web.Application:
    """Make the application: REST, WebSocket, media, and ``page`` at every other address.

    ``names`` are the host names it answers to, see `Guard`; ``port`` tells its cookie from those of
    other hubs on the same host.
    """
    cookie = SessionCookie(port)
    app = web.Application(
        middlewares=[
            answer_errors(context),
            check_requests(Guard(names)),
            authenticate(context, cookie),
        ],
        client_max_size=MAX_BODY,
    )
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(_feeds(context))
    AuthRoutes(context, cookie).add_to(app)
    CameraRoutes(context).add_to(app)
    EntryRoutes(context).add_to(app)
    ConfigurationRoutes(context).add_to(app)
    DiscoveryRoutes(context).add_to(app)
    ScanRoutes(context).add_to(app)
    SystemRoutes(context).add_to(app)
    add_websocket_api(app, context)
    add_media_routes(app, context)
    add_page(app, page)
    return app


def _feeds(context: BridgeContext) -> Callable[[web.Application], AsyncIterator[None]]:
    async def feeds(_app: web.Application) -> AsyncIterator[None]:
        context.camera_feed.start()
        watch = asyncio.create_task(context.connections.watch())
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        context.metrics_feed.stop()
        context.camera_feed.stop()

    return feeds


class RunningServer:
    """A bridge that serves (`ucv.cli.bridges.RunningBridge`)."""

    def __init__(
        self, runner: web.AppRunner, context: BridgeContext, url: str, setup_code: str | None
    ) -> None:
        self.url = url
        self.first_start_link = f"{url}/#/setup?code={setup_code}" if setup_code else None
        self.context = context
        self._runner = runner

    @property
    def app(self) -> web.Application:
        """The application, with all its routes."""
        return self._runner.app

    async def stop(self) -> None:
        """Close all connections and stop serving."""
        await self._runner.cleanup()


async def serve(hub: Hub, host: str, port: int) -> RunningServer:
    """Serve a started hub; port 0 takes a free one.

    Raises `NoAccount` for an address that other machines reach while there is no account, and
    `CannotListen`.
    """
    context = BridgeContext(hub)
    if await context.accounts.setup_required() and not await _is_loopback(host):
        raise NoAccount(
            f"There is no account yet, so the hub will not listen on {host}, where others could "
            "reach it. Make the administrator first: ucv user add NAME --config "
            f"{hub.directory.path}, or start without --host and open the link it prints."
        )
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    try:
        code = await context.accounts.begin()
        page = await asyncio.to_thread(read_page)
        names = (host, *hub.configuration.server.allowed_hosts)
        app = create_app(context, port=port, names=names, page=page)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_LIMIT)
        await runner.setup()
    except BaseException:
        listening.close()
        raise
    await web.SockSite(runner, listening).start()
    return RunningServer(runner, context, f"http://{_reachable(host)}:{port}", code)


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
        family, _, _, _, address = found[0]
        return socket.create_server(
            address[:2], family=family, backlog=128, dualstack_ipv6=address[0] == "::"
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotListen(f"The hub cannot listen on {host}, port {port}: {reason}.") from None


async def _is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address, or everything a name stands for."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise CannotListen(f"{host} is no address of this machine: {error.strerror}.") from None
    return all(ipaddress.ip_address(item[4][0]).is_loopback for item in found)


def _reachable(host: str) -> str:
    """Return the host as it stands in a link: of all addresses, one that others reach."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - what was asked for, not what is listened on
        host = next(_own_addresses(), "127.0.0.1")
    return f"[{host}]" if ":" in host else host


def _own_addresses() -> Iterator[str]:
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not address.address.startswith("127."):
                yield address.address
