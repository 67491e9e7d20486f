"""``ucv reload``, ``ucv export`` and ``ucv import``."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ucv.cli.console import err, out, report_errors
from ucv.cli.options import ConfigOption
from ucv.config.configuration import ConfigInvalid, inspect_cameras, read
from ucv.config.drafts import EntryDraft
from ucv.config.export import ImportPlan, export_yaml, plan_import
from ucv.config.paths import ConfigDirectory
from ucv.config.yaml import load
from ucv.entries.entry import EntryConfig, EntryOrigin
from ucv.errors import NotFoundError
from ucv.hub import load_plugins, open_storage
from ucv.hub_lock import HubLock, running_pid
from ucv.plugins.loader import PluginManager
from ucv.storage.entries import EntryRepository


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("reload")(reload)
    app.command("export")(export)
    app.command("import")(import_)


def reload(config: ConfigOption) -> None:
    """Have the running hub read its ucv.yaml again; only what changed is set up anew."""
    with report_errors():
        pid = running_pid(ConfigDirectory(config))
        if pid is None:
            raise NotFoundError(f"No hub runs on {config}.")
        os.kill(pid, signal.SIGHUP)
    out.print(f"[green]✓[/] The hub (process {pid}) reads its configuration; its log says more.")


def export(
    config: ConfigOption,
    file: Annotated[
        Path | None, typer.Argument(help="Where to; otherwise it is printed.", metavar="FILE")
    ] = None,
) -> None:
    """Write all cameras as YAML, those of the page included, without passwords."""

    async def entries() -> list[EntryConfig]:
        directory = ConfigDirectory(config)
        async with open_storage(directory, url=read(directory).database) as (database, _):
            return await EntryRepository(database).list()

    with report_errors():
        found = asyncio.run(entries())
        text = export_yaml(found)
        if file is None:
            typer.echo(text, nl=False)
        else:
            file.write_text(text)
            out.print(f"[green]✓[/] {len(found)} camera(s) written to {file}.", soft_wrap=True)


def import_(
    file: Annotated[Path, typer.Argument(help="A file like ucv.yaml.", metavar="FILE")],
    config: ConfigOption,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
) -> None:
    """Add the cameras of a file, as if they had been added on the page; the hub must not run."""

    async def work() -> ImportPlan:
        directory = ConfigDirectory(config)
        directory.prepare()
        with HubLock(directory.storage):
            configuration = read(directory)
            plugins = load_plugins(configuration, directory)
            try:
                # What the file defines need not be in the database yet.
                drafts, _ = inspect_cameras(configuration, plugins.integrations, complete=False)
                return await _import(
                    directory, configuration.database, plugins, {draft.id for draft in drafts}
                )
            finally:
                plugins.close()

    async def _import(
        directory: ConfigDirectory, url: str | None, plugins: PluginManager, known: set[str]
    ) -> ImportPlan:
        async with open_storage(directory, url=url) as (database, secrets):
            entries = EntryRepository(database)
            known |= {entry.id for entry in await entries.list()}
            plan = plan_import(load(file, file.parent), plugins.integrations, known)
            if plan.problems:
                raise ConfigInvalid(list(plan.problems))
            if not dry_run:
                for draft in plan.add:
                    # Secrets first: what breaks off in between lacks no password.
                    for name, value in draft.secrets.items():
                        await secrets.set(draft.id, name, value)
                    version = plugins.integrations[draft.integration].entry_version
                    await entries.save(_entry(draft, version))
            return plan

    with report_errors():
        if not file.is_file():
            raise NotFoundError(f"There is no {file}.")
        plan = asyncio.run(work())
    _tell(plan, dry_run=dry_run)


def _entry(draft: EntryDraft, version: int) -> EntryConfig:
    return EntryConfig(
        id=draft.id,
        integration=draft.integration,
        name=draft.name,
        origin=EntryOrigin.USER,
        data=dict(draft.data),
        secrets=frozenset(draft.secrets),
        preload=draft.preload,
        disabled=draft.disabled,
        profiles=draft.profiles,
        channels=draft.channels,
        version=version,
    )


def _tell(plan: ImportPlan, *, dry_run: bool) -> None:
    verb = "would be added" if dry_run else "added"
    for draft in plan.add:
        lacks = " (without its password; log in on the page)" if draft.id in plan.lacking else ""
        out.print(f"[green]+[/] {escape(draft.id)} {verb}{lacks}", soft_wrap=True)
    for entry_id in plan.skipped:
        out.print(f"[dim]·[/] {escape(entry_id)} is there already", soft_wrap=True)
    if not plan.add:
        err.print("Nothing to add.")
