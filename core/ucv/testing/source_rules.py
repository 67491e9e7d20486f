"""What the source of a plugin shows without being run: calls that would hold up or harm the hub."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Calls that block, and what to use instead.
_BLOCKING = {
    "time.sleep": "await device.clock.sleep",
    "urllib.request.urlopen": "device.http",
    "requests.": "device.http",
    "socket.create_connection": "asyncio.open_connection",
    "subprocess.": "asyncio.create_subprocess_exec",
    "os.system": "asyncio.create_subprocess_exec",
}
_UNOWNED = {"asyncio.create_task", "asyncio.ensure_future"}
#: Larger sources are not looked at: no plugin is.
_MAX_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a plugin's source; ``line`` counts from 1."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file.name}, line {self.line}: {self.message}"


def inspect_source(plugin: Path) -> list[Finding]:
    """Return what is wrong with a plugin's file, or with all files of its folder but its tests.

    Hidden folders are not looked into: what is in them is not the plugin's.
    """
    files = [plugin]
    if plugin.is_dir():
        found = ((file, file.relative_to(plugin).parts) for file in sorted(plugin.rglob("*.py")))
        files = [file for file, parts in found if not any(part.startswith(".") for part in parts)]
    sources = [file for file in files if not file.name.startswith(("test", "conftest"))]
    return [finding for file in sources for finding in _inspect(file)]


def _inspect(file: Path) -> Iterator[Finding]:
    try:
        if file.stat().st_size > _MAX_BYTES:
            yield Finding(file, 1, "it is too large to be a plugin")
            return
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        yield Finding(file, getattr(error, "lineno", None) or 1, f"it cannot be parsed: {error}")
        return
    names = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef):
            yield from _in_async(file, node, names)
        if isinstance(node, ast.ExceptHandler) and _swallows_cancellation(node):
            message = "this swallows cancellation: except Exception, or raise again"
            yield Finding(file, node.lineno, message)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            yield Finding(file, node.lineno, "print is seen by nobody: device.log")


def _in_async(
    file: Path, function: ast.AsyncFunctionDef, names: dict[str, str]
) -> Iterator[Finding]:
    for node in _own_nodes(function):
        if not isinstance(node, ast.Call):
            continue
        called = _dotted(node.func, names)
        if called in _UNOWNED:
            message = f"{called} is not ended with the device: device.tasks.create"
            yield Finding(file, node.lineno, message)
        for blocking, instead in _BLOCKING.items():
            exact = not blocking.endswith(".")
            if called == blocking if exact else called.startswith(blocking):
                yield Finding(file, node.lineno, f"{called} holds up the hub: use {instead}")


def _own_nodes(function: ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield what a function does itself: functions within it may run elsewhere, or have a turn."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            waiting.extend(ast.iter_child_nodes(node))


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return what names in a module stand for: ``from time import sleep`` → sleep: time.sleep."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    """Return the whole name of what is imported; empty for all else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return ""
    return ".".join([names[node.id], *reversed(parts)])


def _swallows_cancellation(handler: ast.ExceptHandler) -> bool:
    caught = [] if handler.type is None else [handler.type]
    if caught and isinstance(caught[0], ast.Tuple):
        caught = list(caught[0].elts)
    words = {ast.unparse(kind).rpartition(".")[2] for kind in caught}
    if handler.type is not None and words.isdisjoint({"BaseException", "CancelledError"}):
        return False
    return not any(isinstance(node, ast.Raise) for node in ast.walk(handler))
