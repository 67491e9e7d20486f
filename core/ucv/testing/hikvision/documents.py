"""Hikvision's XML documents, written as its devices write them and read as strictly as they do.

A document is a tree of `xml.etree.ElementTree.Element` without namespaces; which one it has is
said when it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, TreeBuilder, indent, tostring
from xml.parsers import expat

#: What an element holds: its children by name (a list: several of that name), or its text.
Content = Mapping[str, "Content | Sequence[Content]"] | str | int | float | bool | None

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'


class BadDocument(Exception):
    """What a client sent is no XML (``code`` 5), or not what the device wants (6).

    The codes are those of ``ResponseStatus/statusCode``.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def element(name: str, content: Content) -> Element:
    """Return an element: mappings and lists become children, ``True`` is ``true``."""
    made = Element(name)
    _fill(made, content)
    return made


def _fill(parent: Element, content: Content) -> None:
    if isinstance(content, Mapping):
        for name, value in content.items():
            if isinstance(value, Sequence) and not isinstance(value, str):
                for one in value:
                    _fill(SubElement(parent, name), one)
            else:
                _fill(SubElement(parent, name), value)
    elif isinstance(content, bool):
        parent.text = "true" if content else "false"
    elif content is not None:
        parent.text = str(content)


def written(
    root: Element, namespace: str, *, raw_ampersand: bool = False, declaration: bool = True
) -> bytes:
    """Return a document's bytes, in the namespace ("": none), as UTF-8, a line for each element.

    ``raw_ampersand``: an ``&`` in texts stays as it is, which is not XML.
    """
    version = "1.0" if "ver10" in namespace or "psia" in namespace else "2.0"
    head = Element(root.tag, {"version": version})
    if namespace:
        head.set("xmlns", namespace)
    head.text = root.text
    head.extend(root)
    indent(head, space="")
    body: bytes = tostring(head, encoding="utf-8", xml_declaration=False)
    if raw_ampersand:
        body = body.replace(b"&amp;", b"&")
    return (_DECLARATION if declaration else b"") + body + b"\n"


def read(body: bytes, root: str) -> Element:
    """Return what a client sent, without namespaces; raises `BadDocument`.

    Nothing is put right here: devices do not do so either. Document types are refused.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    tree = TreeBuilder()
    parser.StartElementHandler = lambda tag, attributes: tree.start(tag.split(" ")[-1], {})
    parser.EndElementHandler = lambda tag: tree.end(tag.split(" ")[-1])
    parser.CharacterDataHandler = tree.data
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise BadDocument(5) from None
    found = tree.close()
    if found.tag != root:
        raise BadDocument(6)
    return found


def _refuse(*_declaration: object) -> None:
    raise BadDocument(5)


def replaced(stored: Element, given: Element) -> Element:
    """Return the stored document with the texts of the given one, which must be the whole of it.

    Raises `BadDocument` if an element is missing, or where a number or a truth was, something else
    is. What the device does not know is passed over.
    """
    if stored.tag != given.tag:
        raise BadDocument(6)
    made = Element(stored.tag)
    children: dict[str, list[Element]] = {}
    for child in given:
        children.setdefault(child.tag, []).append(child)
    for old in stored:
        candidates = children.get(old.tag)
        if not candidates:
            raise BadDocument(6)
        made.append(replaced(old, candidates.pop(0)))
    if len(stored) == 0:
        old_text, made.text = (stored.text or "").strip(), (given.text or "").strip()
        # A name may happen to be a number, and the next one need not be.
        kind = "text" if stored.tag.lower().endswith("name") else _kind(old_text)
        if kind not in ("text", _kind(made.text)):
            raise BadDocument(6)
    return made


def _kind(text: str) -> str:
    if text in ("true", "false"):
        return "truth"
    return "number" if text.isdecimal() else "text"


def number(parent: Element, path: str, least: int, most: int, default: int | None = None) -> int:
    """Return the whole number at a path; raises `BadDocument` if it is none or out of bounds.

    ``default`` is what a missing one means; None: it may not be missing.
    """
    text = parent.findtext(path)
    if text is None and default is not None:
        return default
    try:
        value = int(text or "")
    except ValueError:
        raise BadDocument(6) from None
    if not least <= value <= most:
        raise BadDocument(6)
    return value
