"""Composes YAML 1.2 text into nodes that know their tag and their place.

The events are libyaml's, which is written in C: reading a thousand cameras must not take a second.
That knows nothing of YAML 1.2's few differences, which are all in what plain words mean; so the
tags are resolved here, by the core schema (YAML 1.2.2, section 10.3.2) with ``<<``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

try:
    from yaml import CSafeLoader as _Parser
except ImportError:  # a platform without libyaml
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]  # the same interface, slower

#: Levels of nesting.
MAX_DEPTH = 32

_TAG = "tag:yaml.org,2002:"
STR, INT, FLOAT, BOOL, NULL, MERGE, SEQ, MAP = (
    f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "merge", "seq", "map")
)
#: What scalars can be, as told to people.
KINDS = {STR: "text", INT: "a number", FLOAT: "a number", BOOL: "true or false", NULL: "null"}
#: What a plain word is, by its first character; each other one is text. An empty word is null.
_WORDS = {
    **dict.fromkeys(("~", "null", "Null", "NULL", ""), NULL),
    **dict.fromkeys(("true", "True", "TRUE", "false", "False", "FALSE"), BOOL),
    "<<": MERGE,
}
_NUMERIC = frozenset("0123456789+-.")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)

_QUOTES = "text with special characters must stand in quotes"
#: What the library says, by a part of it, and what is said to the user: its own sentences quote
#: the text, which may be a password.
_SYNTAX = {
    "found character": f"this character cannot stand here; {_QUOTES}",
    "found unknown escape character": "unknown escape in double quotes; single quotes have none",
    "mapping values are not allowed": f"a colon cannot stand here; {_QUOTES}",
    "could not find expected ':'": "a colon is missing",
    "while parsing a block": "the indentation does not fit the lines above",
    "found a tab": "indent with spaces, not tabs",
}


class YamlSyntax(Exception):
    """The text is not YAML: what and where; line and column from 1, 0 for the whole file."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


@dataclass(slots=True, eq=False)
class Node:
    """A part of a document: its tag, and where it begins, line and column from 1."""

    tag: str
    line: int
    column: int


@dataclass(slots=True, eq=False)
class ScalarNode(Node):
    """Text, not yet what its tag says."""

    value: str = field(repr=False)


@dataclass(slots=True, eq=False)
class SequenceNode(Node):
    """A list."""

    value: list[Node] = field(default_factory=list, repr=False)


@dataclass(slots=True, eq=False)
class MappingNode(Node):
    """A mapping, as pairs in their order; keys may be there twice."""

    value: list[tuple[Node, Node]] = field(default_factory=list, repr=False)


def resolve(word: str) -> str:
    """Return the tag of a word without quotes."""
    if (tag := _WORDS.get(word)) is not None:
        return tag
    if word[0] in _NUMERIC:
        if _INT.fullmatch(word):
            return INT
        if _FLOAT.fullmatch(word):
            return FLOAT
    return STR


def plain_value(node: ScalarNode) -> str | int | float | bool | None:
    """Return what a scalar of one of the `KINDS` is; raises `ValueError` if it is not that."""
    text = node.value
    if node.tag == STR:
        return text
    if node.tag in (BOOL, NULL) and _WORDS.get(text) == node.tag:
        return text.lower() == "true" if node.tag == BOOL else None
    if node.tag == INT and _INT.fullmatch(text):
        # Not base 0: that refuses zeros at the beginning.
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if node.tag == FLOAT and _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    raise ValueError("the text is not what its tag says")


def compose(data: bytes) -> Node | None:
    """Return the root of the only document in the text, None if there is none.

    An alias is the node that it refers to, even if it is within that. Raises `YamlSyntax`.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YamlSyntax("the file must be UTF-8", line) from None
    try:
        return _compose(text)
    except yaml.MarkedYAMLError as error:
        line, column = _fault_place(error, text)
        spoken = f"{error.problem or ''} {error.context or ''}"
        known = (ours for theirs, ours in _SYNTAX.items() if theirs in spoken)
        raise YamlSyntax(next(known, f"this is not valid YAML; {_QUOTES}"), line, column) from None
    except yaml.YAMLError:
        raise YamlSyntax("the file has characters that YAML does not allow") from None
    # The library itself fails on some malformed input, such as a number that is too large.
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError):
        raise YamlSyntax(f"this is not valid YAML; {_QUOTES}") from None


def _fault_place(error: yaml.MarkedYAMLError, text: str) -> tuple[int, int]:
    place = error.problem_mark or error.context_mark
    if place is None:
        return 0, 0
    lines = text.rstrip().split("\n")
    end = (len(lines) - 1, len(lines[-1]))
    if (place.line, place.column) < end:
        return place.line + 1, place.column + 1
    # Something is not closed, which is noticed at the end only: it began there.
    began = error.context_mark
    if began is not None and (began.line, began.column) < end:
        return began.line + 1, began.column + 1
    return end[0] + 1, end[1] + 1


def _compose(text: str) -> Node | None:
    parser = _Parser(text)
    try:
        builder = _Builder()
        while (event := parser.get_event()) is not None:
            builder.take(event)
        return builder.root
    finally:
        parser.dispose()


class _Builder:
    """Makes nodes of events, without recursion."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._documents = 0
        self._anchors: dict[str | None, Node] = {}
        #: The collections around, from the outermost in, each with the key that waits for a value.
        self._around: list[tuple[SequenceNode | MappingNode, list[Node]]] = []

    def take(self, event: Event) -> None:
        match event:
            case ScalarEvent():
                self._add(_scalar(event), event)
            case SequenceStartEvent():
                self._open(SequenceNode(_tag(event, SEQ), *_place(event)), event)
            case MappingStartEvent():
                self._open(MappingNode(_tag(event, MAP), *_place(event)), event)
            case CollectionEndEvent():
                self._around.pop()
            case AliasEvent():
                if (node := self._anchors.get(event.anchor)) is None:
                    sentence = f"* refers to an anchor that is not there; {_QUOTES}"
                    raise YamlSyntax(sentence, *_place(event))
                self._put(node)
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise YamlSyntax("only one document can be in the file", *_place(event))

    def _open(self, node: SequenceNode | MappingNode, event: NodeEvent) -> None:
        if len(self._around) >= MAX_DEPTH:
            raise YamlSyntax("nested too deeply", node.line, node.column)
        self._add(node, event)
        self._around.append((node, []))

    def _add(self, node: Node, event: NodeEvent) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._put(node)

    def _put(self, node: Node) -> None:
        if not self._around:
            self.root = node
            return
        parent, key = self._around[-1]
        if isinstance(parent, SequenceNode):
            parent.value.append(node)
        elif key:
            parent.value.append((key.pop(), node))
        else:
            key.append(node)


def _scalar(event: ScalarEvent) -> ScalarNode:
    usual = resolve(event.value) if event.implicit[0] else STR
    return ScalarNode(_tag(event, usual), *_place(event), event.value)


def _tag(event: ScalarEvent | CollectionStartEvent, usual: str) -> str:
    return usual if event.tag is None or event.tag == "!" else str(event.tag)


def _place(event: Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
