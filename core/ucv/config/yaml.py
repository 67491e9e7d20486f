"""Reads YAML into plain values, and remembers where each of them stands.

YAML 1.2 with three tags:

- ``!secret NAME``: the value of NAME in ``secrets.yaml``, beside the file or in a folder above it
  up to the configuration directory; always text, exactly as written there.
- ``!include FILE``: the content of another file, relative to this one.
- ``!env NAME [DEFAULT]``: an environment variable, as text.

All faults are collected. No message repeats a value, an anchor or an unknown tag: text such as
``*hunter2`` or ``!hunter2`` is a password somebody forgot to put in quotes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ucv.config.paths import Look, look
from ucv.config.problem import KeyPath, Mark, Problem, nearest, problem
from ucv.config.yaml_nodes import (
    KINDS,
    MAP,
    MAX_DEPTH,
    MERGE,
    SEQ,
    STR,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    YamlSyntax,
    compose,
    plain_value,
)

#: Bounds on what is read: bytes of a file, values, files.
MAX_BYTES = 1024 * 1024
MAX_VALUES = 100_000
MAX_FILES = 256
#: Problems that are told; who has so many will read the file again anyway.
MAX_PROBLEMS = 200

SECRETS_FILE = "secrets.yaml"


class ProtectedText(str):
    """Text that came from ``secrets.yaml`` or the environment; its repr shows nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


@dataclass(slots=True)
class Document:
    """What was read: the plain value, where its parts stand, and what is wrong.

    A faulty part is None in the value.
    """

    file: str
    value: Any = field(default=None, repr=False)
    marks: dict[KeyPath, Mark] = field(default_factory=dict, repr=False)
    problems: list[Problem] = field(default_factory=list)
    #: What was read, or would have been if it were there, and how it looked just before.
    seen: dict[Path, Look] = field(default_factory=dict, repr=False)

    @property
    def files(self) -> Set[Path]:
        """What was read, or would have been if it were there."""
        return self.seen.keys()

    def look_at(self, file: Path) -> None:
        """Take note of a file that is about to be read."""
        self.seen.setdefault(file, look(file))

    def mark(self, path: KeyPath) -> Mark:
        """Return where a value stands, or else the nearest thing around it."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, Mark(self.file))


def load(file: Path, root: Path, environment: Mapping[str, str] | None = None) -> Document:
    """Read a file and what it includes; never raises for what is in them.

    ``root`` is the configuration directory. A file that is not there is an empty document.
    """
    reader = _Reader(root, os.environ if environment is None else environment)
    document = reader.document = Document(reader.shown(file))
    document.look_at(file.resolve())
    if file.exists():
        document.value = reader.include(file, (), Mark(document.file))
    return document


def load_text(text: str, name: str) -> Document:
    """Read what somebody sent; ``name`` stands for the file in problems.

    It reaches neither files nor the environment of this machine, whose content the sender could
    learn: ``!include`` and ``!env`` are problems, and there are no secrets.
    """
    reader = _Reader(Path(), {}, sent=True)
    document = reader.document = Document(name)
    document.value = reader.read(text.encode(errors="replace"), Path(name))
    return document


class _Reader:
    """Turns nodes into plain values."""

    document: Document

    def __init__(self, root: Path, environment: Mapping[str, str], *, sent: bool = False) -> None:
        self._root = root.resolve()
        self._sent = sent
        self._environment = environment
        self._values = 0
        self._opened = 0
        self._files: list[Path] = []  # being read, from the outermost in
        self._name = ""  # the innermost of them, as it is shown
        self._active: set[int] = set()  # mappings and sequences being read, against recursion
        self._secrets: dict[Path, dict[str, str] | None] = {}
        self._shown: dict[Path, str] = {}

    def shown(self, file: Path) -> str:
        """Return a file's name as it is shown to people."""
        if (name := self._shown.get(file)) is None:
            resolved = file.resolve()
            inside = resolved.is_relative_to(self._root)
            name = str(resolved.relative_to(self._root)) if inside else str(file)
            self._shown[file] = name
        return name

    def fault(self, path: KeyPath, mark: Mark, message: str, suggestion: str | None = None) -> None:
        """Take note of a problem."""
        if len(self.document.problems) < MAX_PROBLEMS:
            self.document.problems.append(problem(mark, path, message, suggestion))

    def include(self, file: Path, path: KeyPath, mark: Mark) -> Any:
        """Read another file in place; faults of opening it are reported at ``mark``."""
        resolved = file.resolve()
        self._opened += 1
        if resolved in self._files:
            self.fault(path, mark, "the file includes itself")
            return None
        if self._opened > MAX_FILES:
            self.fault(path, mark, f"more than {MAX_FILES} files are included")
            return None
        node = self._open(resolved, path, mark)
        if node is None:
            return None
        with self._within(resolved):
            return self._value(node, path, len(path))

    def read(self, data: bytes, file: Path) -> Any:
        """Read what is not in a file, but as if it were."""
        node = self._compose(data, file, ())
        if node is None:
            return None
        with self._within(file):
            return self._value(node, (), 0)

    @contextmanager
    def _within(self, file: Path) -> Iterator[None]:
        around, self._name = self._name, self.shown(file)
        self._files.append(file)
        try:
            yield
        finally:
            self._files.pop()
            self._name = around

    def _open(self, file: Path, path: KeyPath, mark: Mark) -> Node | None:
        self.document.look_at(file)
        try:
            with file.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        except OSError as error:
            self.fault(path, mark, f"the file cannot be read: {error.strerror}")
            return None
        return self._compose(data, file, path)

    def _compose(self, data: bytes, file: Path, path: KeyPath) -> Node | None:
        name = self.shown(file)
        if len(data) > MAX_BYTES:
            self.fault(path, Mark(name), f"the file is larger than {MAX_BYTES} bytes")
            return None
        try:
            return compose(data)
        except YamlSyntax as error:
            self.fault(path, Mark(name, error.line, error.column), error.message)
            return None

    def _mark(self, node: Node) -> Mark:
        return Mark(self._name, node.line, node.column)

    # --- values -------------------------------------------------------------------------------

    def _value(self, node: Node, path: KeyPath, depth: int) -> Any:
        mark = self._mark(node)
        self.document.marks.setdefault(path, mark)
        self._values += 1
        if self._values > MAX_VALUES:
            if self._values == MAX_VALUES + 1:
                self.fault(path, mark, f"more than {MAX_VALUES} values")
            return None
        if depth > MAX_DEPTH:
            self.fault(path, mark, "nested too deeply")
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path, mark)
        if id(node) in self._active:
            self.fault(path, mark, "an alias refers to what it is a part of")
            return None
        self._active.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path, depth)
            return self._sequence(node, path, depth)
        finally:
            self._active.discard(id(node))

    def _sequence(self, node: Node, path: KeyPath, depth: int) -> list[Any] | None:
        if not isinstance(node, SequenceNode) or node.tag != SEQ:
            self.fault(path, self._mark(node), _unknown_tag())
            return None
        return [
            self._value(item, (*path, index), depth + 1) for index, item in enumerate(node.value)
        ]

    def _mapping(self, node: MappingNode, path: KeyPath, depth: int) -> dict[str, Any] | None:
        if node.tag != MAP:
            self.fault(path, self._mark(node), _unknown_tag())
            return None
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                self._merge(value_node, path, depth, merged)
        for key_node, value_node in node.value:
            mark = self._mark(key_node)
            if key_node.tag == MERGE:
                continue
            if not isinstance(key_node, ScalarNode) or key_node.tag != STR:
                self.fault(path, mark, "a key must be text")
            elif key_node.value in result:
                self.fault((*path, key_node.value), mark, "the key is there twice")
            else:
                key = key_node.value
                self.document.marks[(*path, key)] = mark
                result[key] = self._value(value_node, (*path, key), depth + 1)
        return {**merged, **result}

    def _merge(self, node: Node, path: KeyPath, depth: int, into: dict[str, Any]) -> None:
        """Merge (``<<``) one mapping or several; the earlier wins."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        for part in parts:
            value = self._value(part, path, depth + 1)
            if isinstance(value, dict):
                into.update((key, item) for key, item in value.items() if key not in into)
            else:
                self.fault(path, self._mark(part), "<< takes a mapping")

    def _scalar(self, node: ScalarNode, path: KeyPath, mark: Mark) -> Any:
        text = node.value
        if node.tag in KINDS:
            try:
                return plain_value(node)
            except ValueError:
                self.fault(path, mark, f"this is not {KINDS[node.tag]}; put text in quotes")
                return None
        if self._sent and node.tag in ("!env", "!include"):
            self.fault(path, mark, f"{node.tag} is only for files of the hub itself")
            return None
        match node.tag:
            case "!secret":
                return self._secret(text.strip(), path, mark)
            case "!env":
                return self._variable(text, path, mark)
            case "!include":
                return self._included(text.strip(), path, mark)
        self.fault(path, mark, _unknown_tag())
        return None

    def _included(self, name: str, path: KeyPath, mark: Mark) -> Any:
        if not name or "\0" in name:
            self.fault(path, mark, "!include needs the name of a file")
            return None
        return self.include(self._files[-1].parent / name, path, mark)

    def _variable(self, text: str, path: KeyPath, mark: Mark) -> str | None:
        name, _, default = text.strip().partition(" ")
        value = self._environment.get(name)
        if value is not None:
            return ProtectedText(value)
        if default:
            return ProtectedText(default.strip())
        self.fault(path, mark, "the environment variable is not set")
        return None

    # --- secrets ------------------------------------------------------------------------------

    def _secret(self, name: str, path: KeyPath, mark: Mark) -> str | None:
        folder, root = self._files[-1].parent, self._root
        folders = [folder, *folder.parents] if folder.is_relative_to(root) else [folder, root]
        if self._sent:
            folders = []
        names: set[str] = set()
        found = False
        for candidate in folders:
            if (secrets := self._secrets_in(candidate)) is not None:
                found = True
                if name in secrets:
                    return ProtectedText(secrets[name])
                names |= set(secrets)
            if candidate == root:
                break
        if found:
            self.fault(path, mark, f"no such name in {SECRETS_FILE}", nearest(name, names))
        else:
            self.fault(path, mark, f"there is no {SECRETS_FILE}")
        return None

    def _secrets_in(self, folder: Path) -> dict[str, str] | None:
        """Return the secrets of a folder, None without a file of them; read once."""
        if folder not in self._secrets:
            file = folder / SECRETS_FILE
            self.document.look_at(file)
            self._secrets[folder] = self._secrets_of(file) if file.is_file() else None
        return self._secrets[folder]

    def _secrets_of(self, file: Path) -> dict[str, str]:
        secrets: dict[str, str] = {}
        mark = Mark(self.shown(file))
        node = self._open(file, (), mark)
        if node is None:
            return secrets
        if not isinstance(node, MappingNode):
            self.fault((), mark, "must hold lines like NAME: value")
            return secrets
        with self._within(file):
            for key, value in node.value:
                self._take_secret(key, value, secrets)
        return secrets

    def _take_secret(self, key: Node, value: Node, secrets: dict[str, str]) -> None:
        if (
            not isinstance(key, ScalarNode)
            or not isinstance(value, ScalarNode)
            or value.tag not in KINDS
        ):
            self.fault((), self._mark(value), "a secret is one line of text; quotes may help")
        elif key.value in secrets:
            self.fault((key.value,), self._mark(key), "the key is there twice")
        else:
            secrets[key.value] = value.value


def _unknown_tag() -> str:
    return "unknown tag: there are !secret, !include and !env; text that begins with ! needs quotes"
