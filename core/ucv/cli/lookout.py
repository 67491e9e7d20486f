"""What the commands that look at the network have in common: plugins, Ctrl-C, who is told of."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ucv.cli.console import err
from ucv.config.configuration import Configuration, read
from ucv.config.paths import ConfigDirectory
from ucv.hub import load_plugins
from ucv.plugins.loader import PluginManager

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of a table.")
]
DirectoryOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="DIR",
        help="Use the plugins and the discovery settings of this configuration directory.",
    ),
]


@contextmanager
def plugins_of(config: Path | None) -> Iterator[tuple[Configuration, PluginManager]]:
    """Load the built-in integrations, and the plugins of a directory if one is given."""
    directory = ConfigDirectory(config or Path())
    configuration = Configuration(directory) if config is None else read(directory)
    plugins = load_plugins(configuration, directory, safe_mode=config is None)
    try:
        for quarantined in plugins.quarantined:
            err.print(
                f"[yellow]Left out[/] {escape(quarantined.name)}: {escape(quarantined.reason)}",
                soft_wrap=True,
            )
        yield configuration, plugins
    finally:
        plugins.close()


@asynccontextmanager
async def interruptible() -> AsyncIterator[asyncio.Event]:
    """Have Ctrl-C set an event: what was found so far is still to be told."""
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    try:
        yield interrupted
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
