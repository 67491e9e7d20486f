"""``ucv backup create``, ``list`` and ``restore``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ucv.backup import Found, create_backup, list_backups, restore_backup
from ucv.cli.console import err, out, report_errors
from ucv.cli.options import ConfigOption
from ucv.config.paths import ConfigDirectory
from ucv.errors import ConfigError, NotFoundError

_VARIABLE = "UCV_BACKUP_PASSPHRASE"
#: More than a passphrase may have, in bytes.
_MAX_FILE = 8192

PassphraseFileOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help=f"Its first line is the passphrase; otherwise {_VARIABLE} has it, or it is asked for.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    backup = typer.Typer(help="Backups of the whole installation.", no_args_is_help=True)
    backup.command("create")(create)
    backup.command("list")(list_)
    backup.command("restore")(restore)
    app.add_typer(backup, name="backup")


def create(
    config: ConfigOption,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A new file, or a folder.  [default: .storage/backups]"),
    ] = None,
    passphrase_file: PassphraseFileOption = None,
) -> None:
    """Write everything into one encrypted file, also while the hub runs."""
    with report_errors():
        _require(config)
        made = create_backup(
            ConfigDirectory(config), _passphrase(passphrase_file, twice=True), output=output
        )
    out.print(
        f"[green]✓[/] {escape(str(made.path))}: {made.manifest.entries} camera(s), "
        f"{len(made.manifest.files)} file(s), {_size(made.size)}.",
        soft_wrap=True,
    )
    for sentence in made.left_out:
        err.print(f"[yellow]Not in it:[/] {escape(sentence)}", soft_wrap=True)
    if not made.has_key:
        err.print(
            "[yellow]The key of the secrets store is not in it:[/] there is none in .storage. If "
            "it is given by UCV_SECRET_KEY or UCV_SECRET_PASSPHRASE, keep that as well.",
            soft_wrap=True,
        )


def list_(config: ConfigOption) -> None:
    """Tell which backups there are in .storage/backups, and whether each of them is whole."""
    with report_errors():
        _require(config)
        found = list_backups(ConfigDirectory(config))
    if not found:
        err.print("There are no backups.")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("Name", "Date (UTC)", "Size", "UCV", "Cameras", "State"):
        table.add_column(title, overflow="fold")
    for backup in found:
        table.add_row(*_row(backup))
    out.print(table)
    if any(backup.problem for backup in found):
        raise typer.Exit(1)


def restore(
    file: Annotated[Path, typer.Argument(help="The backup.", metavar="FILE")],
    config: ConfigOption,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace what is there; it is kept in .storage."),
    ] = False,
    passphrase_file: PassphraseFileOption = None,
) -> None:
    """Bring an installation back from a backup: all of it, or nothing. The hub must not run."""
    with report_errors():
        done = restore_backup(
            file, ConfigDirectory(config), lambda: _passphrase(passphrase_file), force=force
        )
    out.print(
        f"[green]✓[/] {escape(str(config))} is as it was on {_date(done.manifest.created)} (UTC): "
        f"{done.manifest.entries} camera(s).",
        soft_wrap=True,
    )
    if done.kept is not None:
        out.print(f"What was there before is in {escape(str(done.kept))}.", soft_wrap=True)
    if done.needs_key:
        err.print(
            "[yellow]The key of its secrets was not in the backup:[/] start the hub with the "
            "UCV_SECRET_KEY or UCV_SECRET_PASSPHRASE that it had.",
            soft_wrap=True,
        )


def _require(config: Path) -> None:
    if not config.is_dir():
        raise NotFoundError(f"There is no directory {config}.")


def _passphrase(file: Path | None, *, twice: bool = False) -> str:
    """Return the passphrase; never from an argument, which all users of a machine can see."""
    if file is not None:
        try:
            with file.open("rb") as opened:
                text = opened.read(_MAX_FILE).decode()
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"The passphrase cannot be read from {file}.") from None
        return (text.splitlines() or [""])[0]
    if (given := os.environ.get(_VARIABLE)) is not None:
        return given
    if not _is_terminal():
        raise ConfigError(f"No passphrase: set {_VARIABLE}, or give --passphrase-file.")
    return str(typer.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=twice))


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _row(backup: Found) -> tuple[str, ...]:
    manifest = backup.manifest
    state = f"[red]{escape(backup.problem)}[/]" if backup.problem else "[green]whole[/]"
    if manifest is None:
        return escape(backup.path.name), "", _size(backup.size), "", "", state
    return (
        escape(backup.path.name),
        _date(manifest.created),
        _size(backup.size),
        escape(manifest.version),
        str(manifest.entries),
        state,
    )


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def _size(size: int) -> str:
    if size < 1_000_000:
        return f"{size / 1000:.1f} kB"
    return f"{size / 1_000_000:.1f} MB"
