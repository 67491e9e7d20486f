"""What code says of itself, as Markdown: docstrings, signatures, attributes."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Collection, Iterable
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

#: How the docstrings say that something is no plugin author's business.
_FOR_THE_CORE = re.compile(r"\bfor the (core|hub)\b", re.IGNORECASE)


class _Text:
    """Stands in a signature as it is, without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def prose(docstring: str) -> str:
    """Return a docstring as Markdown: literals in single backticks, code after ``::`` fenced."""
    text = inspect.cleandoc(docstring).replace("``", "`")
    parts = re.split(r"(?m)^::\n\n((?:(?: {4}.*)?\n?)+)", text)
    fenced = [
        f"```python\n{textwrap.dedent(part).strip()}\n```\n\n" if index % 2 else part
        for index, part in enumerate(parts)
    ]
    return "".join(fenced).strip()


def doc_of(thing: Any) -> str:
    """Return its own docstring, as Markdown; what is inherited counts as none."""
    if isinstance(thing, (property, cached_property)):
        docstring = (thing.fget if isinstance(thing, property) else thing.func).__doc__
    else:
        docstring = vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__
    # A dataclass without one gets its signature.
    if docstring is None or (isinstance(thing, type) and docstring.startswith(thing.__name__)):
        return ""
    return prose(docstring)


def summary_of(thing: Any) -> str:
    """Return the first paragraph of its docstring, in one line."""
    return " ".join(doc_of(thing).split("\n\n")[0].split())


def signature(function: Any, *, name: str | None = None, skip_first: bool = False) -> str:
    """Return a call as it is written, with the types as they stand in the source."""
    found = inspect.signature(function)
    parameters = list(found.parameters.values())[1 if skip_first else 0 :]
    kept = [_told(parameter) for parameter in parameters if not parameter.name.startswith("_")]
    returns = found.return_annotation
    if isinstance(function, type) or returns in (inspect.Signature.empty, "Self"):
        returns = inspect.Signature.empty
    else:
        returns = _Text(str(returns))
    text = str(found.replace(parameters=kept, return_annotation=returns))
    call = f"{name or function.__name__}{text}"
    if inspect.isasyncgenfunction(inspect.unwrap(function)) and hasattr(function, "__wrapped__"):
        # A context manager is written as it is entered: with what its generator yields.
        call, _, yielded = call.partition(" -> ")
        return f"async with {call} as {yielded.partition('[')[2].removesuffix(']')}"
    return f"async {call}" if inspect.iscoroutinefunction(function) else call


def _told(parameter: inspect.Parameter) -> inspect.Parameter:
    annotation, default = parameter.annotation, parameter.default
    if annotation is not parameter.empty:
        annotation = _Text(annotation if isinstance(annotation, str) else _name(annotation))
    if default is parameter.empty:
        pass
    # What differs between machines, or says nothing.
    elif repr(default) == "<factory>" or isinstance(default, Path) or callable(default):
        default = _Text("…")
    elif isinstance(default, Enum):
        default = _Text(str(default))
    return parameter.replace(annotation=annotation, default=default)


def _name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def attribute_notes(kind: type) -> dict[str, tuple[str, str]]:
    """Return what is said of a class's attributes in its source: type, and comment or string.

    A comment begins with ``#:`` and stands before the attribute, a string after it.
    """
    source = textwrap.dedent(inspect.getsource(kind))
    tree = _class_tree(source)
    lines = source.splitlines()
    notes: dict[str, tuple[str, str]] = {}
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, annotation = node.target.id, ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, annotation = node.targets[0].id, ""
        else:
            continue
        note = _comment_before(lines, node.lineno - 1)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            note = note or str(after.value.value)
        notes[name] = annotation, prose(note)
    return notes


def instance_attributes(kind: type) -> dict[str, str]:
    """Return the public attributes that ``__init__`` sets, each with its ``#:`` comment."""
    if "__init__" not in vars(kind) or dataclasses.is_dataclass(kind):
        return {}
    source = textwrap.dedent(inspect.getsource(kind))
    lines = source.splitlines()
    found: dict[str, str] = {}
    for node in ast.walk(_class_tree(source)):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                note = prose(_comment_before(lines, node.lineno - 1))
                found[target.attr] = found.get(target.attr) or note
    return {name: note for name, note in found.items() if not name.startswith("_")}


def _class_tree(source: str) -> ast.ClassDef:
    (tree,) = ast.parse(source).body
    if not isinstance(tree, ast.ClassDef):
        raise TypeError("this is no class")
    return tree


def _comment_before(lines: list[str], index: int) -> str:
    found: list[str] = []
    while index and lines[index - 1].strip().startswith("#:"):
        index -= 1
        found.insert(0, lines[index].strip().removeprefix("#:").strip())
    return " ".join(found)


def members(kind: type) -> list[tuple[str, Any]]:
    """Return a class's own public methods and properties, in their order, but for the core's."""
    return [
        (name, member)
        for name, member in vars(kind).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property))
        and not _FOR_THE_CORE.search(doc_of(member))
    ]


def member_item(name: str, member: Any) -> str:
    """Return a method or property as an item of a list, with all its docstring."""
    if isinstance(member, property):
        head = f"`{name}: {member.fget.__annotations__['return']}`"
    else:
        head = f"`{signature(member, skip_first=True)}`"
    return item(head, doc_of(member))


def item(head: str, text: str) -> str:
    """Return an item of a list; the first paragraph stands in the line of its head."""
    first, *more = text.split("\n\n")
    lines = [f"- {head}" + (f" — {' '.join(first.split())}" if first else "")]
    lines += [textwrap.indent(paragraph, "  ") for paragraph in more]
    return "\n\n".join(lines)


def class_section(
    kind: type, *, name: str | None = None, call: bool = True, without: Collection[str] = ()
) -> str:
    """Return a class with its docstring, constructor, attributes, methods and properties."""
    parts = [f"### {name or kind.__name__}"]
    if call and _is_called(kind):
        parts.append(f"`{signature(kind)}`")
    parts.append(doc_of(kind))
    told = instance_attributes(kind)
    if attributes := {one: note for one, note in told.items() if one not in without}:
        noted = [item(f"`{one}`", note) for one, note in attributes.items() if note]
        plain = ", ".join(f"`{one}`" for one, note in attributes.items() if not note)
        parts.append("\n".join([*([f"- {plain}"] if plain else []), *noted]))
    # What a class inherits stands with the class it is from.
    if found := [one for one in members(kind) if one[0] not in without]:
        parts.append("\n".join(member_item(*one) for one in found))
    return "\n\n".join(filter(None, parts))


def _is_called(kind: type) -> bool:
    # A protocol's constructor is Python's own.
    protocol = getattr(kind, "_is_protocol", False)
    return not protocol and (dataclasses.is_dataclass(kind) or "__init__" in vars(kind))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; pipes and line ends in its cells are made harmless."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *map(list, rows)]
    return "\n".join("| " + " | ".join(_cell(one) for one in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
