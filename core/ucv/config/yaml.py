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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ucv.config.problem import KeyPath, Mark, Problem, nearest, problem

#: Bounds on what is read: bytes of a file, levels of nesting, values, files.
MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 100_000
MAX_FILES = 256
#: Problems that are told; who has so many will read the file again anyway.
MAX_PROBLEMS = 200

SECRETS_FILE = "secrets.yaml"

_TAG = "tag:yaml.org,2002:"
_QUOTES = "text with special characters must stand in quotes"
#: What ruamel.yaml says, by its beginning, and what is said to the user.
_SYNTAX = {
    "found undefined alias": f"* refers to an anchor that is not there; {_QUOTES}",
    "found character": f"this character cannot stand here; {_QUOTES}",
    "found unknown escape character": "unknown escape in double quotes; single quotes have none",
    "mapping values are not allowed": f"a colon cannot stand here; {_QUOTES}",
    "could not find expected ':'": "a colon is missing",
    "expected <block end>": "the indentation does not fit the lines above",
    "found a tab": "indent with spaces, not tabs",
    "but found another document": "only one document can be in the file",
    "maximum depth of data structure": "nested too deeply",
}


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
    #: What was read, or would have been if it were there.
    files: set[Path] = field(default_factory=set, repr=False)

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
    document.files.add(file.resolve())
    if file.exists():
        document.value = reader.include(file, (), Mark(document.file))
    return document


def load_text(text: str, name: str, root: Path) -> Document:
    """Read what somebody sent, as a file of this name in the configuration directory would be.

    Only ``!secret`` is allowed in it: the sender could learn through the other tags what is in
    other files and in the environment.
    """
    reader = _Reader(root, {}, sent=True)
    document = reader.document = Document(name)
    document.value = reader.read(text.encode(errors="replace"), root.resolve() / name)
    return document


class _Syntax(Exception):
    """The text is not YAML: what and where."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def _parse(data: bytes) -> Node | None:
    """Compose the node graph; raises `_Syntax`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Syntax("the file must be UTF-8", line) from None
    try:
        parser = YAML(typ="safe", pure=True)
        parser.max_depth = MAX_DEPTH
        # The warning would repeat the text; using an anchor's name again is allowed.
        parser.composer.warn_double_anchors = False
        node: Node | None = parser.compose(text)
    except MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        line, column = (place.line + 1, place.column + 1) if place is not None else (0, 0)
        # The library's own sentences quote the text: ours do not.
        spoken = f"{error.problem or ''} {error.context or ''}"
        known = (ours for theirs, ours in _SYNTAX.items() if theirs in spoken)
        raise _Syntax(next(known, f"this is not valid YAML; {_QUOTES}"), line, column) from None
    except (YAMLError, YAMLStreamError):
        raise _Syntax("the file has characters that YAML does not allow") from None
    # The library itself fails on some malformed input, such as a %YAML line without a number.
    except (ValueError, TypeError, AttributeError, LookupError, AssertionError):
        raise _Syntax(f"this is not valid YAML; {_QUOTES}") from None
    return node


class _Reader:
    """Turns nodes into plain values."""

    document: Document

    def __init__(self, root: Path, environment: Mapping[str, str], *, sent: bool = False) -> None:
        self._root = root
        self._sent = sent
        self._environment = environment
        self._constructor = YAML(typ="safe", pure=True).constructor
        self._values = 0
        self._opened = 0
        self._files: list[Path] = []  # being read, from the outermost in
        self._active: set[int] = set()  # mappings and sequences being read, against recursion
        self._secrets: dict[Path, dict[str, str]] = {}
        self._shown: dict[Path, str] = {}

    def shown(self, file: Path) -> str:
        """Return a file's name as it is shown to people."""
        if (name := self._shown.get(file)) is None:
            resolved, root = file.resolve(), self._root.resolve()
            inside = resolved.is_relative_to(root)
            name = str(resolved.relative_to(root)) if inside else str(file)
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
        self._files.append(resolved)
        try:
            return self._value(node, path, len(path))
        finally:
            self._files.pop()

    def read(self, data: bytes, file: Path) -> Any:
        """Read what is not in the file, but as if it were."""
        node = self._compose(data, file, ())
        if node is None:
            return None
        self._files.append(file)
        return self._value(node, (), 0)

    def _open(self, file: Path, path: KeyPath, mark: Mark) -> Node | None:
        self.document.files.add(file)
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
            return _parse(data)
        except _Syntax as error:
            self.fault(path, Mark(name, error.line, error.column), error.message)
            return None

    def _mark(self, node: Node) -> Mark:
        start = node.start_mark
        name = self.shown(self._files[-1]) if self._files else self.document.file
        return Mark(name, start.line + 1, start.column + 1)

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
        if not isinstance(node, SequenceNode) or str(node.tag) != f"{_TAG}seq":
            self.fault(path, self._mark(node), _unknown_tag())
            return None
        return [
            self._value(item, (*path, index), depth + 1) for index, item in enumerate(node.value)
        ]

    def _mapping(self, node: MappingNode, path: KeyPath, depth: int) -> dict[str, Any] | None:
        if str(node.tag) != f"{_TAG}map":
            self.fault(path, self._mark(node), _unknown_tag())
            return None
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if str(key_node.tag) == f"{_TAG}merge":
                self._merge(value_node, path, depth, merged)
        for key_node, value_node in node.value:
            mark = self._mark(key_node)
            if str(key_node.tag) == f"{_TAG}merge":
                continue
            if not isinstance(key_node, ScalarNode) or str(key_node.tag) != f"{_TAG}str":
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
        tag = str(node.tag)
        text: str = node.value
        if self._sent and tag in ("!env", "!include"):
            self.fault(path, mark, f"{tag} is only for files in the configuration directory")
            return None
        match tag.removeprefix(_TAG):
            case "str" | "timestamp":
                return text
            case "null":
                return None
            case "bool":
                return self._constructor.construct_yaml_bool(node)
            case "int" | "float" as kind:
                return self._number(node, kind, path, mark)
            case "!secret":
                return self._secret(text.strip(), path, mark)
            case "!env":
                return self._variable(text, path, mark)
            case "!include":
                return self._included(text.strip(), path, mark)
        self.fault(path, mark, _unknown_tag())
        return None

    def _number(self, node: ScalarNode, kind: str, path: KeyPath, mark: Mark) -> Any:
        try:
            if kind == "int":
                return int(self._constructor.construct_yaml_int(node))
            return float(self._constructor.construct_yaml_float(node))
        except (ValueError, OverflowError, IndexError):
            self.fault(path, mark, "this is not a number; put text in quotes")
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
        folder = self._files[-1].parent
        root = self._root.resolve()
        folders = [folder, *folder.parents] if folder.is_relative_to(root) else [folder, root]
        names: set[str] = set()
        found = False
        for candidate in folders:
            file = candidate / SECRETS_FILE
            self.document.files.add(file)
            if file.is_file():
                found = True
                secrets = self._secrets_of(file)
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

    def _secrets_of(self, file: Path) -> dict[str, str]:
        if (known := self._secrets.get(file)) is not None:
            return known
        secrets = self._secrets[file] = {}
        mark = Mark(self.shown(file))
        node = self._open(file, (), mark)
        if node is None:
            return secrets
        if not isinstance(node, MappingNode):
            self.fault((), mark, "must hold lines like NAME: value")
            return secrets
        self._files.append(file)
        for key, value in node.value:
            plain = isinstance(key, ScalarNode) and isinstance(value, ScalarNode)
            if not plain or not str(value.tag).startswith(_TAG):
                self.fault((), self._mark(value), "a secret is one line of text; quotes may help")
            elif key.value in secrets:
                self.fault((key.value,), self._mark(key), "the key is there twice")
            else:
                secrets[key.value] = value.value
        self._files.pop()
        return secrets


def _unknown_tag() -> str:
    return "unknown tag: there are !secret, !include and !env; text that begins with ! needs quotes"
