"""The bridge's own commands: accounts and tokens, also for a hub that is running or never was."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ucv.cli.console import err, report_errors
from ucv.clock import SystemClock
from ucv.config.configuration import inspect
from ucv.config.paths import ConfigDirectory
from ucv.errors import NotFoundError
from ucv.hub import open_storage
from ucv.storage.accounts import AuditEntry, AuditLog, TokenRepository, UserRepository
from ucv.storage.database import Database
from ucv_bridge.auth.accounts import Accounts, new_token
from ucv_bridge.auth.principal import Role

ConfigOption = Annotated[
    Path, typer.Option("--config", metavar="DIR", help="The configuration directory.")
]
RoleOption = Annotated[Role, typer.Option(help="What it may do.")]

T = TypeVar("T")

tokens = typer.Typer(help="Tokens, for programs.", no_args_is_help=True)
users = typer.Typer(help="Accounts, for people.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to ``ucv``."""
    app.add_typer(tokens, name="token")
    app.add_typer(users, name="user")


@tokens.command("create")
def create_token(name: str, config: ConfigOption, role: RoleOption = Role.ADMIN) -> None:
    """Make a token and print it, alone; it cannot be shown again."""

    async def work(database: Database) -> str:
        text, token = new_token(name, role, time.time())
        await TokenRepository(database).add(token)
        await _audit(database, "token.create", token.name)
        return text

    typer.echo(_with_storage(config, work))


@tokens.command("list")
def list_tokens(config: ConfigOption) -> None:
    """Show the tokens there are."""

    async def work(database: Database) -> list[str]:
        return [
            f"{token.id}  {token.role:6}  {_day(token.last_used_at):10}  {token.name}"
            for token in await TokenRepository(database).list()
            if token.revoked_at is None
        ]

    found = _with_storage(config, work)
    typer.echo("\n".join(["ID                ROLE    LAST USED   NAME", *found]))


@tokens.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `ucv token list` shows it.")],
    config: ConfigOption,
) -> None:
    """Make a token useless; what it is connected by ends within half a minute."""

    async def work(database: Database) -> None:
        repository = TokenRepository(database)
        found = next((token for token in await repository.list() if token.id == token_id), None)
        if found is None:
            raise NotFoundError("There is no such token.")
        await repository.revoke(found.id, time.time())
        await _audit(database, "token.revoke", found.name)

    _with_storage(config, work)
    err.print("[green]✓[/] Revoked.")


@users.command("add")
def add_user(
    name: str,
    config: ConfigOption,
    role: Annotated[
        Role | None,
        typer.Option(help="What they may do.  [default: admin for the first account, else viewer]"),
    ] = None,
) -> None:
    """Make an account; asks for the password, or reads it from a pipe."""
    password = _ask_password()

    async def work(database: Database) -> Role:
        repository = UserRepository(database)
        wanted = role or (Role.VIEWER if await repository.count() else Role.ADMIN)
        user = await Accounts(database, SystemClock()).new_user(name, password, wanted)
        await repository.add(user)
        await _audit(database, "user.add", user.name)
        return wanted

    made = _with_storage(config, work)
    err.print(f"[green]✓[/] The account is ready ({made}).")


def _ask_password() -> str:
    if sys.stdin.isatty():
        prompted: str = typer.prompt(
            "Password", hide_input=True, confirmation_prompt=True, err=True
        )
        return prompted
    return sys.stdin.readline().rstrip("\r\n")


def _with_storage(config: Path, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        directory = ConfigDirectory(config)
        # Faults elsewhere in the file must not keep someone from making a token.
        configuration, _ = inspect(directory)
        async with open_storage(directory, url=configuration.database) as (database, _):
            return await work(database)

    with report_errors():
        return asyncio.run(run())
    raise AssertionError("report_errors ends the command")


async def _audit(database: Database, action: str, target: str) -> None:
    await AuditLog(database).add(AuditEntry(time.time(), "command line", action, target))


def _day(at: float | None) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at)) if at else "never"
