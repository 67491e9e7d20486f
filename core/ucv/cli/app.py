"""The commands of ``ucv``; each bridge adds its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

import ucv
from ucv.cli import backup as backup_commands
from ucv.cli import configuration as configuration_commands
from ucv.cli import dev as dev_command
from ucv.cli import discover as discover_command
from ucv.cli import plugin as plugin_command
from ucv.cli import scan as scan_command
from ucv.cli import schema as schema_command
from ucv.cli import simulate as simulate_command
from ucv.cli.bridges import find_bridges
from ucv.cli.console import err, out, report_errors
from ucv.cli.demo import ensure_demo, state_directory
from ucv.cli.options import ConfigOption, HostOption, LogLevelOption, PortOption
from ucv.cli.serve import ServeOptions, serve
from ucv.config.configuration import ConfigInvalid, inspect, inspect_cameras, read
from ucv.config.paths import ConfigDirectory
from ucv.hub import load_plugins, open_storage

app = typer.Typer(
    name="ucv",
    help="Universal Camera Viewer: a camera hub that plugins extend.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
secrets_app = typer.Typer(help="The encrypted secrets store.", no_args_is_help=True)
app.add_typer(secrets_app, name="secrets")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(ucv.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    config: ConfigOption,
    host: HostOption = None,
    port: PortOption = None,
    safe_mode: Annotated[
        bool, typer.Option("--safe-mode", help="Load the built-in integrations only.")
    ] = False,
    log_level: LogLevelOption = None,
) -> None:
    """Run the hub until SIGINT or SIGTERM."""
    with report_errors():
        serve(ServeOptions(config, host=host, port=port, safe_mode=safe_mode, log_level=log_level))


@app.command()
def demo(
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="DIR", help="Keep the demo's settings in this directory."),
    ] = None,
    host: HostOption = None,
    port: PortOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Run the hub with virtual cameras."""
    directory = config or state_directory("ucv-demo")
    with report_errors():
        serve(
            ServeOptions(directory, host=host, port=port, log_level=log_level), prepare=ensure_demo
        )


@app.command("check-config")
def check_config(config: ConfigOption) -> None:
    """Check the configuration and print all problems with file, line and key."""
    with report_errors():
        directory = ConfigDirectory(config)
        if not directory.yaml.exists():
            err.print(f"[yellow]There is no {directory.yaml}: the hub starts without cameras.[/]")
            raise typer.Exit(1 if not config.is_dir() else 0)
        # What is wrong at the root must not hide what is wrong with the cameras.
        configuration, problems = inspect(directory)
        plugins = load_plugins(configuration, directory)
        try:
            for quarantined in plugins.quarantined:
                place = f"{quarantined.file or quarantined.source}"
                place += f":{quarantined.line}" if quarantined.line else ""
                err.print(f"[red]✗[/] [bold]{escape(place)}[/]: {escape(quarantined.reason)}")
            drafts, of_cameras = inspect_cameras(configuration, plugins.integrations)
        finally:
            plugins.close()
        if problems or of_cameras:
            raise ConfigInvalid([*problems, *of_cameras])
        if plugins.quarantined:
            raise typer.Exit(1)
        out.print(f"[green]✓[/] {directory.yaml}: {len(drafts)} camera(s), no problems.")


@secrets_app.command("rotate")
def rotate(config: ConfigOption) -> None:
    """Make a new key and re-encrypt every secret with it, in one transaction."""

    async def work() -> int:
        directory = ConfigDirectory(config)
        configuration = read(directory)
        async with open_storage(directory, url=configuration.database) as (_, store):
            return await store.rotate()

    with report_errors():
        count = asyncio.run(work())
        out.print(f"[green]✓[/] {count} secret(s) re-encrypted with a new key.")


for command in (
    backup_commands,
    configuration_commands,
    schema_command,
    plugin_command,
    dev_command,
    simulate_command,
    discover_command,
    scan_command,
):
    command.register(app)


def main() -> None:
    """Run the command line."""
    for found in find_bridges():
        found.bridge.register_commands(app)
    app()
