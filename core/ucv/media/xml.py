"""XML as cameras send it: read without danger, with patience, by local names.

Dangers are refused: a document type declaration, and with it every entity of the document's own
and everything external (XML 1.0, sections 2.8 and 4.2); too many bytes, elements or levels.
Mistakes that firmware makes are put right: a bare ``&``, bytes that are not of the encoding that
the document declares, characters that XML does not allow, white space before the declaration,
prefixes that nothing declares.

Namespaces are dropped, because one vendor's firmware uses half a dozen for the same document: a
tag or attribute is its local name, and declarations of namespaces are no attributes.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ucv.media.errors import MediaError

#: Bytes of a document.
MAX_BYTES = 1024 * 1024
#: Elements of a document, and levels that they may be nested.
MAX_ELEMENTS, MAX_DEPTH = 50_000, 64

_DECLARATION = re.compile(r"<\?xml\s[^?]*\?>")
_DECLARED = re.compile(rb"<\?xml\s[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
#: Encodings that cameras declare beside UTF-8 and mean. Others are taken for mistakes.
_ENCODINGS = frozenset(
    {"iso8859-1", "cp1252", "gb2312", "gbk", "gb18030", "big5", "shift_jis", "euc_kr"}
)
_BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_REFERENCE = re.compile(r"&(?:(?:amp|lt|gt|quot|apos);|#([0-9]{1,7});|#x([0-9A-Fa-f]{1,6});)?")
#: What XML 1.0 (section 2.2) does not allow, not even as a reference.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_START_TAG = re.compile(rb"<[^>\"']*(?:\"[^\"]*\"[^>\"']*|'[^']*'[^>\"']*)*>")


def parse(data: bytes, *, limit: int = MAX_BYTES) -> Element:
    """Return the root of a document of at most ``limit`` bytes.

    Raises `MediaError` for what is no XML even when usual mistakes are put right, and for what is
    refused.
    """
    return _read(data, limit, None).root


def text_at(element: Element, path: str) -> str:
    """Return the text at a path such as ``Video/videoCodecType``, without blanks around it.

    "" if there is no such element, or nothing in it. Of several the first.
    """
    return (element.findtext(path) or "").strip()


def with_text(data: bytes, path: str, text: str, *, limit: int = MAX_BYTES) -> bytes:
    """Return a document, in UTF-8, with other text in one element and nothing else changed.

    ``path`` are local names below the root, such as ``Video/videoCodecType``; of several elements
    the first. For devices that take a whole document as they gave it, namespaces included. Raises
    `MediaError` as `parse` does, and if there is no such element.
    """
    document = _read(data, limit, path)
    if document.span is None:
        raise MediaError("The document has no such element.")
    start, end = document.span
    tag = _START_TAG.match(document.data, start)
    if tag is None:
        raise MediaError("The element's tag cannot be read.")
    value = escaped(text).encode()
    if tag.group().endswith(b"/>"):
        name = re.split(rb"[\s/]", tag.group()[1:], maxsplit=1)[0]
        head, tail = tag.group()[:-2] + b">" + value + b"</" + name + b">", tag.end()
    else:
        head, tail = tag.group() + value, end
    body = document.data[:start] + head + document.data[tail:]
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


def escaped(text: str) -> str:
    """Return text as it may stand between tags; characters XML does not allow are left out."""
    clean = _FORBIDDEN.sub("", text)
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@dataclass(frozen=True, slots=True)
class _Document:
    """``data`` is what was read, in UTF-8 without declaration.

    ``span`` is where the start tag and the end tag of the element looked for begin, in bytes.
    """

    root: Element
    data: bytes
    span: tuple[int, int] | None


def _read(data: bytes, limit: int, wanted: str | None) -> _Document:
    if len(data) > limit:
        raise MediaError(f"The document has more than {limit} bytes.")
    text = _decoded(data).strip("\ufeff\0 \t\r\n")
    if (declaration := _DECLARATION.match(text)) is not None:
        text = text[declaration.end() :].lstrip()
    try:
        return _Reader(text.encode("utf-8", "replace"), wanted).read()
    except expat.ExpatError:
        pass
    try:
        return _Reader(_repaired(text).encode(), wanted).read()
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise MediaError(
            f"The document is not XML: {reason} (line {error.lineno}, column {error.offset})."
        ) from None


def _decoded(data: bytes) -> str:
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    declared = _DECLARED.match(data.lstrip())
    if declared is not None:
        try:
            codec = codecs.lookup(declared.group(1).decode()).name
        except LookupError:
            codec = ""
        if codec in _ENCODINGS:
            return data.decode(codec, "replace")
    return data.decode(errors="replace")


def _repaired(text: str) -> str:
    """Return the text without forbidden characters, and with each bare ``&`` written ``&amp;``.

    Where it is part of a CDATA section it stays as it is.
    """
    text = _FORBIDDEN.sub("", text)
    parts = []
    position = 0
    while True:
        start = text.find("<![CDATA[", position)
        end = text.find("]]>", start) if start >= 0 else -1
        if end < 0:
            parts.append(_REFERENCE.sub(_reference, text[position:]))
            return "".join(parts)
        parts.append(_REFERENCE.sub(_reference, text[position:start]))
        parts.append(text[start : end + 3])
        position = end + 3


def _reference(match: re.Match[str]) -> str:
    whole, decimal, hexadecimal = match.group(), match.group(1), match.group(2)
    if whole == "&":
        return "&amp;"
    if decimal is None and hexadecimal is None:
        return whole
    code = int(decimal) if decimal is not None else int(hexadecimal, 16)
    if code > 0x10FFFF or _FORBIDDEN.fullmatch(chr(code)):
        return ""
    return whole


class _Reader:
    """Builds a tree from what expat calls; ``data`` is UTF-8 without declaration.

    ``wanted`` is the path below the root of the element whose place is to be found.
    """

    def __init__(self, data: bytes, wanted: str | None) -> None:
        self._data = data
        self._wanted = wanted.split("/") if wanted is not None else None
        self._tree = TreeBuilder()
        self._path: list[str] = []
        self._starts: list[int] = []
        self._count = 0
        self._span: tuple[int, int] | None = None
        # Without a separator expat lets prefixes be: an undeclared one is no mistake then.
        self._expat = expat.ParserCreate("utf-8")
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._tree.data
        self._expat.StartDoctypeDeclHandler = _refuse
        self._expat.EntityDeclHandler = _refuse
        self._expat.ExternalEntityRefHandler = _refuse

    def read(self) -> _Document:
        """Return the document; raises `expat.ExpatError` for what is not well-formed."""
        self._expat.Parse(self._data, True)
        return _Document(self._tree.close(), self._data, self._span)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._path) >= MAX_DEPTH:
            raise MediaError("The document has too many elements, or too many levels.")
        name = _local(tag)
        self._path.append(name)
        self._starts.append(self._expat.CurrentByteIndex)
        own = {
            _local(key): value
            for key, value in attributes.items()
            if key != "xmlns" and not key.startswith("xmlns:")
        }
        self._tree.start(name, own)

    def _end(self, _tag: str) -> None:
        start = self._starts.pop()
        if self._span is None and self._path[1:] == self._wanted:
            self._span = (start, self._expat.CurrentByteIndex)
        self._tree.end(self._path.pop())


def _refuse(*_declaration: object) -> int:
    raise MediaError("The document declares a type or entities of its own, which is not accepted.")


def _local(name: str) -> str:
    return name.rpartition(":")[2] or name
