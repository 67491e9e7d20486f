"""``ucv plugin``: written, checked and watched."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ucv.cli.console import err, out, report_errors
from ucv.cli.plugin_template import write_plugin
from ucv.errors import ValidationError
from ucv.hub import Hub
from ucv.plugins.loader import PluginManager
from ucv.plugins.sources import from_path
from ucv.plugins.trace import TracedCall

_MARKS = {
    "passed": "[green]✓[/]",
    "failed": "[red]✗[/]",
    "not applicable": "[dim]-[/]",
    "untried": "[yellow]?[/]",
}
#: Seconds a plugin's tests may take.
_TESTS_LIMIT = 600

_PYTEST_INI = """\
[pytest]
addopts = --import-mode=importlib
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
pythonpath = {pythonpath}
"""

plugin_app = typer.Typer(help="Write, check and watch plugins.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add ``ucv plugin``."""
    app.add_typer(plugin_app, name="plugin")


@plugin_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The integration's domain, such as acme.")],
    folder: Annotated[
        Path, typer.Option("--in", metavar="DIR", help="Where its folder is made.")
    ] = Path(),
) -> None:
    """Write a plugin with its test and README, ready to be changed."""
    with report_errors():
        written = write_plugin(name, folder)
    for file in written:
        out.print(f"[green]✓[/] {file}", soft_wrap=True)
    out.print(
        f"\nTry it: [bold]ucv plugin check {folder / name}[/], then "
        f"[bold]ucv dev {folder / name}[/]",
        soft_wrap=True,
    )


@plugin_app.command("check")
def check(
    path: Annotated[Path, typer.Argument(help="A plugin's file or folder.")],
    no_tests: Annotated[
        bool, typer.Option("--no-tests", help="Leave out the plugin's own tests.")
    ] = False,
) -> None:
    """Check a plugin: its source, its registration, the contract, its tests; print its grade."""
    with report_errors():
        _check_path(path)
        # What the loader logs is told below, in fewer words.
        logging.getLogger("ucv").addHandler(logging.NullHandler())
        good = _source_is_good(path)
        reports = _static_reports(path)
        if reports is None:
            raise typer.Exit(1)
        if not no_tests:
            good &= _tests_pass(path, reports)
        for report in reports.values():
            _print_report(report)
            good &= all(result["outcome"] != "failed" for result in report["results"])
        if not good:
            raise typer.Exit(1)


@plugin_app.command("trace")
def trace(
    config: Annotated[
        Path, typer.Option("--config", metavar="DIR", help="The configuration directory.")
    ],
    seconds: Annotated[
        float | None, typer.Option(help="Stop after so long; otherwise with Ctrl+C.", min=0.1)
    ] = None,
) -> None:
    """Run the hub without its page, and print each call into a plugin with its time."""

    def show(call: TracedCall) -> None:
        colour = "green" if call.outcome == "ok" else "red"
        out.print(
            f"{call.seconds * 1000:9.1f} ms  [bold]{escape(call.plugin)}[/] "
            f"{escape(call.name)} [dim]{escape(call.entry_id)}[/] [{colour}]{call.outcome}[/]",
            soft_wrap=True,
        )

    async def work() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        hub = Hub(config)
        await hub.start()
        try:
            for call in list(hub.plugins.trace.calls):
                show(call)
            hub.plugins.trace.subscribe(show)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stop.wait()
        finally:
            await hub.stop()
        _print_totals(list(hub.plugins.trace.calls))

    with report_errors():
        asyncio.run(work())


def _check_path(path: Path) -> None:
    """Raise `ValidationError` for what cannot be a plugin."""
    if not path.exists():
        raise ValidationError(f"There is no {path}.")
    if path.is_dir() and not (path / "__init__.py").is_file():
        raise ValidationError(f"{path} has no __init__.py: it is no plugin's folder.")
    if path.is_file() and path.suffix != ".py":
        raise ValidationError(f"{path} is no Python file: name a plugin's .py file or its folder.")


def _source_is_good(path: Path) -> bool:
    from ucv.testing.source_rules import inspect_source  # noqa: PLC0415 - only for this command

    findings = inspect_source(path)
    for finding in findings:
        err.print(f"[yellow]![/] {escape(str(finding))}", soft_wrap=True)
    return not findings


def _static_reports(path: Path) -> dict[str, Any] | None:
    """Load the plugin and check what needs no device; None when it cannot be loaded."""
    from ucv.testing.contract import check_integration_contract  # noqa: PLC0415 - as above

    # Beside the built-ins: it may want a name that is theirs.
    plugins = PluginManager.load(safe_mode=True)
    try:
        if not plugins.load_one(from_path(path.resolve())):
            fault = plugins.quarantined[-1]
            place = f"{fault.file}:{fault.line}" if fault.line else fault.file
            err.print(f"[red]✗[/] {escape(place)}: {escape(fault.reason)}", soft_wrap=True)
            return None
        reports = {}
        for domain in plugins.loaded[-1].domains:
            integration = plugins.integrations[domain]
            report = asyncio.run(check_integration_contract(type(integration)))
            reports[report.integration] = report.to_json()
        if not reports:
            out.print("It registers no integration: there is no contract to check.")
        return reports
    finally:
        plugins.close()


def _tests_pass(path: Path, reports: dict[str, Any]) -> bool:
    """Run the plugin's tests; what they learn of the contract replaces the static reports."""
    folder = path if path.is_dir() else path.parent
    pattern = "test_*.py" if path.is_dir() else f"test_{path.stem}*.py"
    files = sorted(folder.glob(pattern))
    if not files:
        err.print(f"[yellow]![/] There is no {folder / pattern}: nothing was tried with a device.")
        return True
    with tempfile.TemporaryDirectory() as scratch:
        report, settings = Path(scratch, "contract.jsonl"), Path(scratch, "pytest.ini")
        # A folder is a package and imported by its name; a file by its own.
        found_in = path.resolve().parent
        settings.write_text(_PYTEST_INI.format(pythonpath=found_in))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["-c", str(settings), f"--rootdir={found_in}", f"--ucv-report={report}"]
        command += map(str, files)
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter, on the files named
                command, capture_output=True, text=True, timeout=_TESTS_LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            err.print(f"[red]✗[/] Its tests took longer than {_TESTS_LIMIT} s.")
            return False
        if report.exists():
            for line in report.read_text().splitlines():
                checked = json.loads(line)
                reports[checked["integration"]] = checked
    lines = done.stdout.rstrip().splitlines()
    out.print(f"Tests: {lines[-1] if lines else 'no output'}", markup=False)
    if done.returncode:
        err.print(done.stdout + done.stderr, markup=False, soft_wrap=True)
    return done.returncode == 0


def _print_report(report: Mapping[str, Any]) -> None:
    table = Table(title=f"{report['integration']}: {report['grade']}", title_justify="left")
    for heading in ("", "level", "rule", "detail"):
        table.add_column(heading)
    for result in report["results"]:
        table.add_row(
            _MARKS[result["outcome"]], result["level"], result["title"], escape(result["detail"])
        )
    out.print(table)


def _print_totals(calls: list[TracedCall]) -> None:
    totals: dict[tuple[str, str], list[float]] = {}
    for call in calls:
        totals.setdefault((call.plugin, call.name), []).append(call.seconds)
    table = Table(title="Calls into plugins", title_justify="left")
    for heading in ("plugin", "call", "times", "total ms", "longest ms"):
        table.add_column(heading)
    for (plugin, name), taken in sorted(totals.items(), key=lambda item: -sum(item[1])):
        table.add_row(
            plugin, name, str(len(taken)), f"{sum(taken) * 1000:.1f}", f"{max(taken) * 1000:.1f}"
        )
    out.print(table)
