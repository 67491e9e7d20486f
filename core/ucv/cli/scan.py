"""The command ``ucv scan``: what is at the addresses of a network, without a hub."""

from __future__ import annotations

import asyncio
import ipaddress
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from ucv.bus import EventBus
from ucv.cli.console import err, out, report_errors
from ucv.cli.lookout import DirectoryOption, JsonOption, interruptible, plugins_of
from ucv.clock import SystemClock
from ucv.discovery.scan.history import MemoryScanStore
from ucv.discovery.scan.manager import ScanManager
from ucv.discovery.scan.ports import PROFILES
from ucv.discovery.scan.view import ScanResult, ScanState, ScanView
from ucv.errors import ScanTooLarge
from ucv.plugins.discovery_handlers import ScanHandler
from ucv.plugins.integration import Integration
from ucv.plugins.loader import PluginManager


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scan)


def scan(  # noqa: PLR0917 - each is an option
    ranges: Annotated[
        list[str],
        typer.Argument(
            metavar="RANGES...", help="Networks, ranges and addresses: 192.0.2.0/24 192.0.2.10-20."
        ),
    ],
    ports: Annotated[
        str,
        typer.Option(
            "--ports", metavar="PORTS", help="quick, normal, deep, or a list: 80,554,8000-8010."
        ),
    ] = "quick",
    yes: Annotated[
        bool, typer.Option("--yes", help="Scan also what is more than 4096 addresses.")
    ] = False,
    allow_public: Annotated[
        bool,
        typer.Option("--allow-public", help="Scan also addresses on the Internet that are yours."),
    ] = False,
    as_json: JsonOption = False,
    config: DirectoryOption = None,
) -> None:
    """Look at each address for open ports and ask what answers there. Logs in to nothing."""
    with report_errors(), plugins_of(config) as (configuration, plugins):
        public = allow_public or configuration.discovery.scan_public
        request = {"profile": ports} if ports in PROFILES else {"ports": ports}
        try:
            view, found = asyncio.run(
                _scan(plugins, ranges, request, confirmed=yes, public=public, quiet=as_json)
            )
        except ScanTooLarge as error:
            if as_json or not sys.stdin.isatty():
                raise
            typer.confirm(f"{error.message} Scan them all?", abort=True, err=True)
            view, found = asyncio.run(
                _scan(plugins, ranges, request, confirmed=True, public=public, quiet=as_json)
            )
        if as_json:
            typer.echo(orjson.dumps(_to_json(view, found), option=orjson.OPT_INDENT_2).decode())
        else:
            _tell(view, found, plugins.integrations)
        if view.state is not ScanState.FINISHED:
            raise typer.Exit(130 if view.state is ScanState.CANCELLED else 1)


async def _scan(
    plugins: PluginManager,
    ranges: list[str],
    request: dict[str, str],
    *,
    confirmed: bool,
    public: bool,
    quiet: bool,
) -> tuple[ScanView, list[ScanResult]]:
    """Scan to the end, or to Ctrl-C; returns how it stands then and what was found."""
    manager = ScanManager(
        clock=SystemClock(),
        handlers=lambda: [one for one in plugins.discovery if isinstance(one, ScanHandler)],
        bus=EventBus(),
        store=MemoryScanStore(),
        allow_public=public,
    )
    try:
        async with interruptible() as interrupted:
            options: dict[str, Any] = {**request, "confirmed": confirmed}
            started = await manager.start(ranges, **options)
            with _bar(quiet) as bar:
                task = bar.add_task("", total=started.progress.probes or 1)
                while not (view := manager.get(started.id)).state.over:
                    bar.update(
                        task, completed=view.progress.probes_done, description=_progress(view)
                    )
                    try:
                        await asyncio.wait_for(interrupted.wait(), 0.1)
                    except TimeoutError:
                        continue
                    view = await manager.cancel(started.id)
                    break
        return view, manager.results(started.id)
    finally:
        await manager.stop()


def _bar(quiet: bool) -> Progress:
    return Progress(
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.description}"),
        console=err,
        transient=True,
        disable=quiet,
    )


def _progress(view: ScanView) -> str:
    done = view.progress
    left = "" if done.remaining is None else f", about {done.remaining:.0f} s left"
    return (
        f"{done.addresses_done} of {done.addresses} addresses, {done.hosts} hosts, "
        f"{done.open_ports} open ports{left}"
    )


def _tell(view: ScanView, found: list[ScanResult], integrations: Mapping[str, Integration]) -> None:
    table = Table("address", "device", "integration", "ports", "what it says", box=None)
    for result in _sorted(found):
        device = " ".join(filter(None, (result.manufacturer, result.model))) or result.name or ""
        known = integrations.get(result.integration or "")
        cells = [
            result.host,
            device,
            "" if known is None else known.name,
            ", ".join(map(str, result.ports)),
            "; ".join(result.evidence),
        ]
        table.add_row(*(escape(cell) for cell in cells))
    if found:
        out.print(table)
    done = view.progress
    err.print(
        f"{view.state.value.capitalize()}: {done.addresses_done} of {done.addresses} addresses in "
        f"{done.elapsed:.1f} s, {done.hosts} hosts, {done.open_ports} open ports."
    )
    if view.error is not None:
        err.print(f"[red]{escape(view.error.message)}[/] [dim]({view.error.code})[/]")


def _to_json(view: ScanView, found: list[ScanResult]) -> dict[str, Any]:
    return {"scan": view.to_json(), "results": [one.to_json() for one in _sorted(found)]}


def _sorted(found: list[ScanResult]) -> list[ScanResult]:
    def key(result: ScanResult) -> tuple[int, int]:
        address = ipaddress.ip_address(result.host.partition("%")[0])
        return address.version, int(address)

    return sorted(found, key=key)
