"""What the bridge adds to the command line: tokens and accounts."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ucv.cli.console import out, report_errors
from ucv.clock import SystemClock
from ucv.config.configuration import inspect
from ucv.config.paths import ConfigDirectory
from ucv.hub import open_storage
from ucv_bridge.auth.accounts import Accounts
from ucv_bridge.auth.principal import Role

T = TypeVar("T")

ConfigOption = Annotated[
    Path, typer.Option("--config", metavar="DIR", help="The configuration directory.")
]


def register(app: typer.Typer) -> None:
    """Add ``token`` and ``user``."""
    tokens = typer.Typer(help="Tokens for programs.", no_args_is_help=True)
    users = typer.Typer(help="Accounts for people.", no_args_is_help=True)
    app.add_typer(tokens, name="token")
    app.add_typer(users, name="user")

    @tokens.command("create")
    def create(
        name: Annotated[str, typer.Argument(help="What the token is for.")],
        config: ConfigOption,
        role: Annotated[Role, typer.Option(help="What it may do.")] = Role.ADMIN,
    ) -> None:
        """Make a token and print it, alone, on standard output; it is not shown again."""
        with report_errors():
            typer.echo(_with_accounts(config, lambda accounts: accounts.create_token(name, role)))

    @users.command("add")
    def add(
        name: Annotated[str, typer.Argument(help="The name to log in with.")],
        config: ConfigOption,
        role: Annotated[Role, typer.Option(help="What it may do.")] = Role.ADMIN,
    ) -> None:
        """Make an account; the password is asked for, or read from standard input."""
        if sys.stdin.isatty():
            password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        else:
            password = sys.stdin.readline().rstrip("\n")
        with report_errors():
            user = _with_accounts(config, lambda accounts: accounts.add_user(name, password, role))
            out.print(f"[green]✓[/] {user.name} may log in as {user.role}.")


def _with_accounts(config: Path, work: Callable[[Accounts], Awaitable[T]]) -> T:
    async def run() -> T:
        directory = ConfigDirectory(config)
        # Faults elsewhere in the file must not keep someone from making a token.
        configuration, _ = inspect(directory)
        async with open_storage(directory, url=configuration.database) as (database, _secrets):
            return await work(Accounts(database, SystemClock()))

    return asyncio.run(run())
