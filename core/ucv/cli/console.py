"""How the command line speaks: results on standard output, everything else on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from ucv.config.configuration import ConfigInvalid
from ucv.config.problem import Problem
from ucv.errors import CameraViewerError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_problems(problems: list[Problem]) -> None:
    """Print each problem with file, line, key and, where there is one, what was meant."""
    for problem in problems:
        place = f"{problem.file}:{problem.line}" if problem.line else str(problem.file)
        key = f" [cyan]{escape(problem.key)}[/]" if problem.key else ""
        hint = f" [dim]Did you mean {escape(problem.suggestion)}?[/]" if problem.suggestion else ""
        err.print(
            f"[red]✗[/] [bold]{escape(place)}[/]{key}: {escape(problem.message)}{hint}",
            soft_wrap=True,
        )


@contextmanager
def report_errors() -> Iterator[None]:
    """Turn an expected error into a sentence and exit status 1; a traceback is for defects."""
    try:
        yield
    except ConfigInvalid as error:
        print_problems(list(error.problems))
        err.print(f"[red]The configuration has {len(error.problems)} problem(s).[/]")
        raise typer.Exit(1) from None
    except CameraViewerError as error:
        err.print(f"[red]{escape(error.message)}[/] [dim]({error.code})[/]", soft_wrap=True)
        raise typer.Exit(1) from None
