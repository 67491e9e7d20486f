"""Multipart streams as cameras send them: pictures and events, part after part (RFC 2046, 5.1).

Cameras follow the format loosely, each in its own way, so the parser goes by what it sees:

- the boundary may be quoted, come with its dashes, be another one than declared, or not declared;
- delimiters may have a blank after their dashes, and lines may end in LF alone;
- the first part may lack its delimiter, and the blank line after the headers may be missing;
- ``Content-Length`` may be missing, count the line break after the body, or be wrong;
- the head of an HTTP answer may come again in the middle of the stream.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ucv.media.errors import MediaError

#: Bytes of one part by default: a picture of many megapixels.
MAX_PART = 16 * 1024 * 1024
#: Bytes and lines of the headers of one part.
MAX_HEAD = 16 * 1024
MAX_HEADERS = 64
#: Bytes between two parts that belong to none.
MAX_JUNK = 64 * 1024
#: Characters of a boundary; RFC 2046 allows 70.
MAX_BOUNDARY = 200

_PARAMETER = re.compile(r";\s*boundary\s*=\s*(\"[^\"]*\"?|[^;]*)", re.IGNORECASE)
_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9_-]{0,63})[ \t]*:(.*)")
_STATUS_LINE = re.compile(rb"HTTP/\d")
#: With what the name of a header can begin.
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_BLANK = b" \t\r\n"
#: What may follow a body of the declared length: a line break, or at once the next delimiter.
_AFTER_BODY = b"\r\n-"
#: What stands around the boundary in a delimiter. The line break before it may be missing, or its
#: dashes.
_BEFORE_BOUNDARY = re.compile(rb"(?:\r?\n)?--+ ?\Z|\r?\n\Z")
_AFTER_BOUNDARY = re.compile(rb"(?:--)?[ \t]*\r?\n")
#: Bytes that a delimiter can have before its boundary.
_MAX_DASHES = 16

#: Finds where a body ends by what it holds: it is given the buffer, which begins with the body and
#: grows from call to call, and returns the end, or None while it is not there.
Ending = Callable[[bytearray], int | None]


@dataclass(frozen=True, slots=True)
class Part:
    """One part: headers by their names in lower case, and the body."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def boundary_of(content_type: str) -> str | None:
    """Return the boundary that a ``Content-Type`` declares; None if it declares none.

    Without quotes and without dashes in front: those stand before each delimiter anyway.
    """
    found = _PARAMETER.search(content_type)
    if found is None:
        return None
    return found[1].strip().strip('"').strip().lstrip("-").strip()[:MAX_BOUNDARY] or None


class MultipartParser:
    """Takes a stream apart, whatever the pieces in which it comes.

    ``boundary`` is what was declared, if anything; the stream's own goes before it. A part is
    complete as soon as its ``Content-Length`` is. Without one, or where lengths are wrong, it is
    when the next delimiter comes; or earlier, if what ``new_ending`` returns for each body knows
    its end. `feed` raises `MediaError` when a part has more than ``max_part`` bytes or the stream
    is no multipart; then the connection is of no more use.
    """

    def __init__(
        self,
        boundary: str | None = None,
        *,
        max_part: int = MAX_PART,
        new_ending: Callable[[], Ending] | None = None,
    ) -> None:
        self._max_part = max_part
        self._new_ending = new_ending
        self._ending: Ending | None = None
        self._buffer = bytearray()
        self._boundary = b""
        if boundary:
            self._boundary = boundary.encode("utf-8", "replace").lstrip(b"-")
        # Whether the boundary is one that the stream has shown.
        self._seen_own = False
        self._headers: dict[str, str] | None = None
        self._in_body = False
        self._in_stray_head = False
        self._junk = self._head = self._lines = self._scanned = 0
        # Whether the stream's lengths have been right so far.
        self._lengths_are_right = True
        self._after_length = False

    @property
    def boundary(self) -> str | None:
        """The boundary in use, without dashes; None before it is known."""
        return self._boundary.decode("utf-8", "replace") or None

    def feed(self, data: bytes | bytearray | memoryview) -> list[Part]:
        """Take the next bytes and return the parts that they complete."""
        self._buffer += data
        parts: list[Part] = []
        while self._step(parts):
            pass
        return parts

    # --- between parts ------------------------------------------------------------------------

    def _step(self, parts: list[Part]) -> bool:
        """Go on by one line or body; returns whether there may be more to do."""
        if self._in_body:
            return self._take_body(parts)
        if self._headers is None:
            return self._take_delimiter()
        return self._take_header()

    def _take_delimiter(self) -> bool:
        """Pass over what stands before a part's headers."""
        line = self._line()
        if line is None:
            return False
        text = line.strip()
        if self._in_stray_head:
            # The head of an HTTP answer, up to its blank line.
            self._in_stray_head = bool(text)
        elif not text:
            pass
        elif self._is_delimiter(text):
            self._begin()
        elif _STATUS_LINE.match(text):
            self._in_stray_head = True
        elif not self._after_length and _HEADER.match(text):
            # The first part has no delimiter: this is the first of its headers.
            self._begin()
            return True
        elif self._after_length:
            # The length of the part before was too small: this is the rest of its body.
            self._lengths_are_right = False
        self._drop(line)
        return True

    def _begin(self) -> None:
        self._headers = {}
        self._head = self._lines = self._junk = 0
        self._after_length = False

    def _is_delimiter(self, text: bytes) -> bool:
        bare = text.lstrip(b"-").strip()
        if not bare:
            return False
        if text.startswith(b"--") and not self._boundary_fits(bare):
            # Another one than declared: devices know better than their headers. But what looks
            # like one in the middle of a stream whose delimiters are known is part of a body.
            if self._seen_own:
                return False
            self._boundary = bare.removesuffix(b"--")[:MAX_BOUNDARY]
            self._seen_own = True
            return True
        if self._boundary_fits(bare):
            self._seen_own = True
            return True
        return False

    def _boundary_fits(self, bare: bytes) -> bool:
        return bool(self._boundary) and bare.removesuffix(b"--") == self._boundary

    # --- headers ------------------------------------------------------------------------------

    def _take_header(self) -> bool:
        buffer = self._buffer
        if not buffer:
            return False
        assert self._headers is not None  # noqa: S101 - or else this is not called
        first = buffer[0]
        if first not in _LETTERS and first not in _BLANK:
            # The blank line is missing, and the body begins.
            self._begin_body()
            return True
        line = self._line()
        if line is None:
            return False
        if not line.strip():
            self._drop(line)
            if self._headers or self._head:
                self._begin_body()
            self._head += 1
            return True
        found = _HEADER.match(line.strip())
        if found is None:
            self._begin_body()
            return True
        self._head += len(line)
        self._lines += 1
        if self._lines > MAX_HEADERS or self._head > MAX_HEAD:
            raise MediaError("a part has too many headers")
        name = found[1].decode("ascii").lower()
        self._headers[name] = found[2].decode("utf-8", "replace").strip()
        self._drop(line)
        return True

    def _begin_body(self) -> None:
        self._in_body = True
        self._scanned = 0
        self._ending = self._new_ending() if self._new_ending is not None else None

    # --- bodies -------------------------------------------------------------------------------

    def _take_body(self, parts: list[Part]) -> bool:
        buffer = self._buffer
        length = self._length()
        if length is not None and length > self._max_part:
            raise MediaError(f"a part has more than {self._max_part} bytes")
        delimiter = self._find_delimiter(len(buffer) if length is None else length)
        if delimiter is not None:
            # A length that reaches into the next part is wrong: who knows better is asked then.
            if length is not None and self._ending is not None:
                self._lengths_are_right = False
            self._complete(parts, delimiter)
            return True
        if length is None:
            return self._take_unmeasured(parts)
        if len(buffer) < length:
            return False
        if len(buffer) > length and buffer[length] not in _AFTER_BODY:
            # The body goes on: the length is too small.
            self._lengths_are_right = False
            return True
        self._complete(parts, length)
        self._after_length = True
        return True

    def _take_unmeasured(self, parts: list[Part]) -> bool:
        """Take a body that goes on until a delimiter, or until what it holds is over."""
        end = self._ending(self._buffer) if self._ending is not None else None
        if end is not None:
            self._complete(parts, end)
            self._after_length = True
            return True
        if len(self._buffer) > self._max_part:
            raise MediaError(f"a part has more than {self._max_part} bytes")
        return False

    def _length(self) -> int | None:
        text = (self._headers or {}).get("content-length", "")
        if not self._lengths_are_right or not text.isascii() or not text.isdigit():
            return None
        return int(text[:12])

    def _find_delimiter(self, end: int) -> int | None:
        """Return where the body ends at a delimiter that begins before ``end``, if there is one."""
        overlap = len(self._boundary) + _MAX_DASHES + 4
        begin = max(0, self._scanned - overlap)
        found = self._search_delimiter(begin, max(begin, end + overlap))
        # What is cut off at the end may be the beginning of one.
        self._scanned = min(len(self._buffer), max(begin, end))
        return found if found is not None and found < end else None

    def _search_delimiter(self, begin: int, end: int) -> int | None:
        """Return where the first delimiter between these places begins."""
        buffer, boundary = self._buffer, self._boundary
        # A search for text that stands still is a hundred times faster than one for a pattern.
        at = buffer.find(boundary, begin, end) if boundary else -1
        while at >= 0:
            before = max(begin, at - _MAX_DASHES)
            found = _BEFORE_BOUNDARY.search(bytes(buffer[before:at]))
            if found is not None and _AFTER_BOUNDARY.match(buffer, at + len(boundary), end):
                return before + found.start()
            at = buffer.find(boundary, at + 1, end)
        return None

    def _complete(self, parts: list[Part], size: int) -> None:
        parts.append(Part(self._headers or {}, bytes(memoryview(self._buffer)[:size])))
        del self._buffer[:size]
        self._headers = None
        self._in_body = False

    # --- lines --------------------------------------------------------------------------------

    def _line(self) -> bytes | None:
        """Return the next line with its break, None before it is complete."""
        end = self._buffer.find(b"\n", 0, MAX_HEAD)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD:
                # No text: the rest of a body, which is passed over.
                return self._junk_line()
            return None
        return bytes(self._buffer[: end + 1])

    def _junk_line(self) -> bytes:
        if self._headers is not None:
            raise MediaError("a part has too many headers")
        size = self._search_delimiter(0, len(self._buffer)) or MAX_HEAD
        return bytes(self._buffer[:size])

    def _drop(self, line: bytes) -> None:
        del self._buffer[: len(line)]
        if self._headers is None:
            self._junk += len(line)
            limit = self._max_part if self._after_length else MAX_JUNK
            if self._junk > limit:
                raise MediaError("the stream is no multipart")
