"""The command ``ucv discover``: which devices answer on the network, without a hub."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import orjson
import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from ucv.cli.console import err, out, report_errors
from ucv.cli.lookout import DirectoryOption, JsonOption, interruptible, plugins_of
from ucv.clock import SystemClock
from ucv.config.configuration import DiscoverySettings
from ucv.discovery.finders import Finders
from ucv.discovery.merging import FoundDevice, Merger, neutral
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.discovery.view import MethodStatus
from ucv.errors import ValidationError
from ucv.plugins.discovery_handlers import DiscoveryHandler
from ucv.plugins.integration import Integration

#: Seconds between two rounds of questions.
ROUND = 2.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(discover)


def discover(
    seconds: Annotated[
        float,
        typer.Option("--for", metavar="SECONDS", min=0.5, max=3600, help="How long to look."),
    ] = 5.0,
    interface: Annotated[
        list[str] | None,
        typer.Option(
            "--interface",
            metavar="ADDRESS",
            help="Look from this address of the machine; may be repeated.",
        ),
    ] = None,
    as_json: JsonOption = False,
    config: DirectoryOption = None,
) -> None:
    """Look for devices on the network, and print what they say they are. Logs in to nothing."""
    with report_errors(), plugins_of(config) as (configuration, plugins):
        settings = configuration.discovery
        if interface:
            settings = replace(settings, interfaces=tuple(interface))
        search = Search(settings, plugins.integrations)
        if interface and not search.finders.interfaces():
            raise ValidationError(f"This machine has no interface {', '.join(interface)}.")
        completed = asyncio.run(_look(search, plugins.discovery, seconds, quiet=as_json))
        if as_json:
            typer.echo(orjson.dumps(search.to_json(), option=orjson.OPT_INDENT_2).decode())
        else:
            _tell(search)
        if not completed:
            raise typer.Exit(130)


class Search:
    """The finders at work, and the devices that they have found."""

    def __init__(
        self, settings: DiscoverySettings, integrations: Mapping[str, Integration]
    ) -> None:
        self._integrations = integrations
        self._rejections = Rejections(SystemClock())
        self._merger = Merger(self._rejections)
        #: How each protocol did, once it is over.
        self.methods: tuple[MethodStatus, ...] = ()
        self.finders = Finders(
            clock=SystemClock(),
            settings=settings,
            on_report=self._report,
            rejections=self._rejections,
        )

    def _report(self, report: Report) -> None:
        self._merger.take(report, time.time())

    @property
    def devices(self) -> list[FoundDevice]:
        """What was found, in the order of addresses."""
        found = (device for device in self._merger.devices.values() if device.observations)
        return sorted(found, key=lambda device: _by_address(device.host))

    def name_of(self, device: FoundDevice) -> str:
        """Return the name of the integration that fits best, empty if none does."""
        best = next(iter(device.domains()), "")
        return self._integrations[best].name if best in self._integrations else ""

    def table(self) -> Table:
        """Return the devices as people read them."""
        table = Table(box=None)
        for column in ("address", "brand", "model", "serial", "integration", "found by"):
            table.add_column(column, overflow="fold")
        for device in self.devices:
            sources = dict.fromkeys(one.report.source for one in device.alive())
            told = [device.told(name) or "" for name in ("manufacturer", "model", "serial")]
            cells = [device.host, *told, self.name_of(device), ", ".join(sources)]
            table.add_row(*(escape(cell) for cell in cells))
        return table

    def to_json(self) -> dict[str, Any]:
        """Return all that was found as plain JSON values."""
        return {
            "devices": [self._device(device) for device in self.devices],
            "methods": [
                {"name": one.name, "listening": one.listening, "problem": one.problem}
                for one in self.methods
            ],
            "rejected": self._rejections.to_json()["counts"],
        }

    def _device(self, device: FoundDevice) -> dict[str, Any]:
        told = ("name", "manufacturer", "model", "serial", "mac", "firmware")
        return {
            "host": device.host,
            **{name: device.told(name) for name in told},
            "http_port": device.told("http_port"),
            "rtsp_port": device.told("rtsp_port"),
            "candidates": [
                {"integration": domain, "confidence": round(sure, 2)}
                for domain, sure in device.domains().items()
            ],
            "evidence": [
                {
                    "source": one.report.source,
                    "integration": one.report.domain,
                    "host": one.report.host,
                    "text": " · ".join(neutral(one.report.sighting)),
                }
                for one in device.alive()
            ],
        }


async def _look(
    search: Search, handlers: list[DiscoveryHandler], seconds: float, *, quiet: bool
) -> bool:
    """Look for so long; returns whether nobody has interrupted it."""
    async with interruptible() as interrupted:
        await search.finders.listen(handlers)
        end = time.monotonic() + seconds
        try:
            with Live(console=err, transient=True, auto_refresh=False) as live:
                asked = 0.0
                while (left := end - time.monotonic()) > 0 and not interrupted.is_set():
                    # The last answers are waited for.
                    if time.monotonic() - asked >= ROUND and left >= min(1.0, seconds):
                        asked = time.monotonic()
                        await search.finders.ask()
                    if not quiet:
                        live.update(_progress(search, left), refresh=True)
                    try:
                        await asyncio.wait_for(interrupted.wait(), min(left, 0.2))
                    except TimeoutError:
                        continue
        finally:
            search.methods = search.finders.methods()
            await search.finders.stop()
        return not interrupted.is_set()


def _progress(search: Search, left: float) -> Table:
    table = search.table()
    table.caption = f"{len(search.devices)} found, {left:.0f} s left"
    return table


def _tell(search: Search) -> None:
    for method in search.methods:
        if method.problem is not None:
            err.print(f"[yellow]{method.name} cannot be used:[/] {escape(method.problem)}")
    if search.devices:
        out.print(search.table())
    else:
        networks = ", ".join(one.network for one in search.finders.networks())
        err.print(f"Nothing answered in {escape(networks or 'any network')}.")


def _by_address(host: str) -> tuple[int, list[int | str]]:
    parts = host.split(".")
    numbers: list[int | str] = [int(part) if part.isdecimal() else part for part in parts]
    return (0, numbers) if all(part.isdecimal() for part in parts) else (1, [host])
