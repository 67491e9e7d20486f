"""The command ``ucv schema``: what editors need to complete and check ``ucv.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.markup import escape

from ucv.cli.console import err, report_errors
from ucv.config.configuration import inspect
from ucv.config.json_schema import document_schema
from ucv.config.paths import ConfigDirectory
from ucv.hub import load_plugins
from ucv.plugins.loader import PluginManager

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="DIR",
        help="Include the plugins of this configuration directory.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(config: ConfigOption = None) -> None:
    """Print the JSON Schema of ucv.yaml, with all installed integrations, for editors."""
    with report_errors():
        plugins = _plugins(config)
        try:
            for quarantined in plugins.quarantined:
                place = f"{quarantined.file or quarantined.source}"
                place += f":{quarantined.line}" if quarantined.line else ""
                err.print(
                    f"[yellow]Left out[/] [bold]{escape(place)}[/]: {escape(quarantined.reason)}",
                    soft_wrap=True,
                )
            document = document_schema(plugins.integrations)
        finally:
            plugins.close()
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _plugins(config: Path | None) -> PluginManager:
    if config is None:
        return PluginManager.load()
    directory = ConfigDirectory(config)
    # Faults in the file do not matter here: an editor is there to help to mend them.
    configuration, _ = inspect(directory)
    return load_plugins(configuration, directory)
