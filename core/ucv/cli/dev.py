"""``ucv dev``: the hub with a plugin that is being written."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from watchfiles import PythonFilter, awatch

from ucv.cli.console import err, report_errors
from ucv.cli.demo import state_directory
from ucv.cli.options import LogLevelOption, PortOption
from ucv.cli.serve import ServeOptions, serve
from ucv.errors import CameraViewerError, ValidationError
from ucv.hub import Hub

_log = logging.getLogger(__name__)

#: Milliseconds in which changes are gathered: editors write a file in several steps.
_GATHER = 200


def register(app: typer.Typer) -> None:
    """Add ``ucv dev``."""
    app.command()(dev)


def dev(
    path: Annotated[Path, typer.Argument(help="The plugin's file or folder.")],
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="DIR", help="Use the cameras of this directory."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address to listen on.")
    ] = None,
    port: PortOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Run the hub with a plugin, and load it anew whenever it is saved; other cameras go on."""
    with report_errors():
        if not path.exists():
            raise ValidationError(f"There is no {path}.")
        plugin = path.resolve()

        async def prepare(hub: Hub) -> None:
            for fault in hub.plugins.quarantined:
                _tell_fault(fault.reason, f"{fault.file}:{fault.line}")
            work = watch_plugin(hub, plugin, alone=plugin.suffix == ".py")
            hub.plugin_runtime.soon(work, f"watch {plugin.name}")

        options = ServeOptions(
            config or state_directory("ucv-dev"),
            host=host,
            port=port,
            log_level=log_level,
            plugins=(plugin,),
        )
        serve(options, prepare=prepare)


async def watch_plugin(hub: Hub, plugin: Path, *, alone: bool) -> None:
    """Load a plugin anew whenever one of its files is saved, until cancelled.

    ``alone`` says that it is a single file, not a folder.
    """
    # The folder is watched for a file, too: editors put a new file in the old one's place.
    folder = plugin.parent if alone else plugin
    async for changes in awatch(folder, watch_filter=PythonFilter(), debounce=_GATHER, step=50):
        names = {file.rpartition("/")[2] for _, file in changes}
        if all(name.startswith("test_") or (alone and name != plugin.name) for name in names):
            continue
        try:
            await hub.plugin_runtime.load(plugin)
        except CameraViewerError as error:
            _tell_fault(error.message, plugin.name)
        else:
            err.print(f"[green]✓[/] {escape(plugin.name)} loaded anew")


def _tell_fault(reason: str, place: str) -> None:
    err.print(f"[red]✗[/] [bold]{escape(place)}[/]: {escape(reason)}", soft_wrap=True)
