"""What the entry point ``web`` of the group ``ucv.bridges`` names."""

from __future__ import annotations

import typer

from ucv.hub import Hub
from ucv_bridge import cli
from ucv_bridge.server import RunningServer, serve


class WebBridge:
    """Shows a hub to browsers and programs over HTTP (`ucv.cli.bridges.Bridge`)."""

    async def start(self, hub: Hub, host: str, port: int) -> RunningServer:
        """Serve a started hub; raises `CannotListen`, `NoAccount`, `StorageError`."""
        return await serve(hub, host, port)

    def register_commands(self, app: typer.Typer) -> None:
        """Add ``ucv token`` and ``ucv user``."""
        cli.register(app)


bridge = WebBridge()
