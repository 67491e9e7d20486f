"""Plugins that failed, and where in their code."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

#: Longest reason that is kept, in characters; a plugin words its exceptions itself.
MAX_REASON = 500


class Stage(StrEnum):
    """How far a plugin came."""

    IMPORT = "import"
    """Its code did not run through."""
    HOOKS = "hooks"
    """Its hook implementations do not fit the hooks."""
    REGISTRATION = "registration"
    """A hook raised, or registered something that is not acceptable."""
    RUNNING = "running"
    """It failed again and again in use."""


class Source(StrEnum):
    """Where a plugin comes from."""

    BUILT_IN = "built-in"
    INSTALLED = "installed"
    """An installed package with the entry point."""
    FOLDER = "folder"
    """A file or package in a folder of plugins."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A plugin that is not used, and why.

    ``file`` and ``line`` are where the fault is in its own code, empty and 0 if that is unknown;
    ``at`` is seconds since the epoch; ``path`` is the plugin's file or folder.
    """

    name: str
    source: Source
    stage: Stage
    reason: str
    file: str
    line: int
    at: float
    path: str = ""


class PluginFault(Exception):
    """A plugin does not fit; ``file`` and ``line`` point into its code, if known."""

    def __init__(self, reason: str, file: str = "", line: int = 0) -> None:
        super().__init__(reason)
        self.file = file
        self.line = line


def fault_in(function: Callable[..., Any], reason: str) -> PluginFault:
    """Make a fault that points at the beginning of a function."""
    code = getattr(function, "__code__", None)
    if code is None:
        return PluginFault(reason)
    return PluginFault(reason, code.co_filename, code.co_firstlineno)


def describe(error: BaseException) -> str:
    """Say in one line what went wrong."""
    if isinstance(error, SyntaxError):
        text = f"{type(error).__name__}: {error.msg}"
    else:
        try:
            text = str(error)
        except Exception:  # the exception is the plugin's own, and so is the fault in its text
            text = ""
        if not type(error).__module__.startswith("ucv."):
            text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return " ".join(text.split())[:MAX_REASON]


def locate(error: BaseException, root: Path | None) -> tuple[str, int]:
    """Return the file and line below ``root`` where an exception was born, ("", 0) if nowhere.

    Without a root, the innermost frame that is neither the core's nor a library's. A syntax error
    is where the parser says; anything else in the innermost frame of the plugin.
    """
    if isinstance(error, PluginFault) and error.file:
        return error.file, error.line
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 0
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        inside = path.is_relative_to(root) if root else is_of_a_plugin(path)
        if inside:
            return frame.filename, frame.lineno or 0
    return "", 0


_CORE = Path(__file__).resolve().parents[1]


def is_of_a_plugin(path: Path) -> bool:
    """Whether a source file is neither the core's nor a library's."""
    parts = path.parts
    library = "site-packages" in parts or path.is_relative_to(Path(asyncio.__file__).parents[1])
    return path.is_absolute() and not library and not path.is_relative_to(_CORE)
