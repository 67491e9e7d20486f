"""What is wrong in a configuration, and where."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

#: What may be repeated of a key: anything else could be a password in the wrong place.
_PLAIN_KEY = re.compile(r"[\w .-]{1,64}")

#: Where a value stands: the keys and indexes that lead to it from the root.
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file: its name within the configuration directory, line and column from 1."""

    file: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in the configuration; never holds a value, which may be a secret.

    ``file`` is relative to the configuration directory, ``line`` and ``column`` count from 1 (0:
    the whole file), ``key`` is like ``cameras[0].url``, ``suggestion`` the nearest valid key.
    """

    file: str
    line: int
    column: int
    key: str
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}, column {self.column}" if self.line else self.file
        key = f"{self.key}: " if self.key else ""
        return f"{place}: {key}{with_suggestion(self.message, self.suggestion)}"


def problem(
    mark: Mark, path: Iterable[str | int], message: str, suggestion: str | None = None
) -> Problem:
    """Make a `Problem` from a place and a path."""
    return Problem(mark.file, mark.line, mark.column, dotted(path), message, suggestion)


def dotted(path: Iterable[str | int]) -> str:
    """Write a path as people do: ``cameras[0].url``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            shown = step if _PLAIN_KEY.fullmatch(step) else "…"
            text += f".{shown}" if text else shown
    return text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, if there is one."""
    found = difflib.get_close_matches(word[:64].lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def with_suggestion(message: str, suggestion: str | None) -> str:
    """Append the suggestion to a message."""
    return f"{message}; did you mean {suggestion}?" if suggestion else message
