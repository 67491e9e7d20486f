"""Reads a tutorial as a person does: what to write into which file, what to type, what to see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["write", "merge", "run", "background", "seen", "stop"]

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_WHOLE = re.compile(r"`([\w./]+)`:")
_CHANGE = re.compile(r"In `([\w./]+)`, (?:add|change):")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; ``target`` is a file, ``text`` what is in the block."""

    kind: Kind
    target: str
    text: str
    line: int


def steps_of(page: str) -> Iterator[Step]:
    """Yield what a page asks for, in order; raises `ValueError` for a block nobody would run."""
    at = 0
    for block in _FENCE.finditer(page):
        before = page[at : block.start()].rstrip()
        line = page.count("\n", 0, block.start()) + 1
        if "Stop it with Ctrl+C" in before:
            yield Step("stop", "", "", line)
        # Lines of a paragraph are broken anywhere.
        lead = " ".join(before.rpartition("\n\n")[2].split())
        yield _step(lead, block[1], block[2], line)
        at = block.end()
    if "Stop it with Ctrl+C" in page[at:]:
        yield Step("stop", "", "", page.count("\n"))


def _step(lead: str, language: str, text: str, line: int) -> Step:
    if language == "console":
        if not text.startswith("$ "):
            return Step("seen", "", text, line)
        terminal = re.search(r"In a (second|third) terminal:$", lead)
        return Step("background" if terminal else "run", "", text, line)
    if whole := _WHOLE.fullmatch(lead):
        return Step("write", whole[1], text, line)
    if change := _CHANGE.fullmatch(lead):
        return Step("merge", change[1], text, line)
    raise ValueError(f"line {line}: where does this block go? {lead[-60:]!r}")


def merged(source: str, change: str) -> str:
    """Return a module with what the change defines put in, in the place of what was called so.

    A class whose body begins with ``...`` keeps its other members. An import replaces that of the
    same module. What is new goes after the imports, classes and tests to the end.
    """
    for node in ast.parse(change).body:
        text = _text_of(change, node)
        if isinstance(node, ast.ClassDef) and _continues(node):
            for member in node.body[1:]:
                source = _put(source, member, _text_of(change, member), within=node.name)
        else:
            source = _put(source, node, text)
    return source


def _continues(node: ast.ClassDef) -> bool:
    first = node.body[0]
    return isinstance(first, ast.Expr) and getattr(first.value, "value", None) is ...


def _put(source: str, node: ast.stmt, text: str, within: str = "") -> str:
    tree = ast.parse(source)
    if within:
        (scope,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == within)
        body = scope.body
    else:
        body = tree.body
    lines = source.splitlines()
    name = _name_of(node)
    for found in body:
        if _name_of(found) == name:
            lines[_first_line(found) - 1 : found.end_lineno] = text.splitlines()
            return "\n".join(lines) + "\n"
    if within:
        place = body[-1].end_lineno or 0
    elif isinstance(node, ast.ClassDef) or name.startswith("test_"):
        place = len(lines)
    else:
        # A docstring stands before everything.
        imports = [n for n in body if isinstance(n, (ast.Import, ast.ImportFrom))]
        place = imports[-1].end_lineno or 0
    gap = [] if isinstance(node, (ast.Import, ast.ImportFrom)) else [""]
    lines[place:place] = [*gap, *text.splitlines(), *gap]
    return "\n".join(lines) + "\n"


def _name_of(node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name
        case ast.ImportFrom():
            return f"from {node.module}"
        case ast.Import():
            return f"import {node.names[0].name}"
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return ""


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _text_of(source: str, node: ast.stmt) -> str:
    return "\n".join(source.splitlines()[_first_line(node) - 1 : node.end_lineno])


def shows(output: str, expected: str) -> bool:
    """Say whether all lines are in an output, in their order; ``…`` stands for anything."""
    at = 0
    for line in filter(None, map(str.strip, expected.splitlines())):
        pattern = ".*".join(map(re.escape, line.split("…")))
        found = re.compile(pattern).search(output, at)
        if found is None:
            return False
        at = found.end()
    return True
