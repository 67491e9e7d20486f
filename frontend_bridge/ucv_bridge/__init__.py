"""REST, WebSocket and live media over HTTP; serves the dashboard."""

from __future__ import annotations

import typer

from ucv.hub import Hub
from ucv_bridge.cli import register
from ucv_bridge.server import RunningServer, serve


class WebBridge:
    """What the entry point of the group ``ucv.bridges`` names; see `ucv.cli.bridges.Bridge`."""

    async def start(self, hub: Hub, host: str, port: int) -> RunningServer:
        """Serve a started hub; see `ucv_bridge.server.serve`."""
        return await serve(hub, host, port)

    def register_commands(self, app: typer.Typer) -> None:
        """Add ``ucv token`` and ``ucv user``."""
        register(app)


bridge = WebBridge()

__all__ = ["RunningServer", "WebBridge", "bridge"]
