"""Reads what an HTTP server answers, however far that is from HTTP (RFC 9112)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ucv.discovery.handlers import text
from ucv.media.digest import parse_challenges

#: Bytes of an answer that are read at most.
MAX_BYTES: Final = 32 * 1024

_STATUS: Final = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})(?!\d)[^\r\n]*")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_TITLE: Final = re.compile(rb"<title[^>]{0,200}>(.{0,1000}?)</title", re.IGNORECASE | re.DOTALL)
_CHUNK: Final = re.compile(rb"\s*([0-9a-fA-F]{1,8})[^\r\n]{0,200}\r?\n")


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """An answer, or as much of it as there is.

    ``headers`` have their names in lower case, the first of each counts; ``challenges`` are all
    values of WWW-Authenticate. ``body`` is without chunks. ``complete`` says that it has all of its
    body, as far as it tells how long that is.
    """

    status: int
    headers: Mapping[str, str]
    challenges: tuple[str, ...]
    body: bytes
    complete: bool

    @property
    def server(self) -> str:
        """What the server calls itself."""
        return text(self.headers.get("server")) or ""

    @property
    def realm(self) -> str:
        """The realm of the first challenge that has one."""
        realms = (text(challenge.realm) for challenge in parse_challenges(self.challenges))
        return next(filter(None, realms), "")

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters."""
        return (text(self.headers.get("content-type")) or "").partition(";")[0].strip().lower()

    @property
    def title(self) -> str:
        """The title of a page."""
        match = _TITLE.search(self.body)
        if match is None:
            return ""
        try:
            decoded = match[1].decode()
        except UnicodeDecodeError:
            decoded = match[1].decode("latin-1")
        return text(html.unescape(decoded)) or ""

    @property
    def enough(self) -> bool:
        """Whether there is no point in reading on for the title."""
        return (
            self.complete or "html" not in self.content_type or _TITLE.search(self.body) is not None
        )


def parse_http(data: bytes) -> HttpMessage | None:
    """Return the answer in ``data``, None while its headers are not complete or if it is none.

    Raises nothing, whatever the bytes are.
    """
    data = data[:MAX_BYTES]
    status = _STATUS.match(data)
    end = _HEAD_END.search(data)
    if status is None or end is None:
        return None
    headers: dict[str, str] = {}
    challenges: list[str] = []
    for line in data[status.end() : end.start()].splitlines():
        name, _, value = line.decode("latin-1").partition(":")
        key, value = name.strip().lower(), value.strip()
        if key == "www-authenticate":
            challenges.append(value)
        headers.setdefault(key, value)
    body, complete = _body(data[end.end() :], headers)
    return HttpMessage(int(status[1]), headers, tuple(challenges[:8]), body, complete)


def _body(data: bytes, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    """Return the body as far as it is there, and whether that is all of it."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _unchunked(data)
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and len(length) < 10:
        return data[: int(length)], len(data) >= int(length)
    return data, False


def _unchunked(data: bytes) -> tuple[bytes, bool]:
    """Join chunks (RFC 9112, 7.1), up to where they end or make no sense."""
    parts: list[bytes] = []
    at = 0
    while match := _CHUNK.match(data, at):
        size = int(match[1], 16)
        parts.append(data[match.end() : match.end() + size])
        at = match.end() + size
        if size == 0:
            return b"".join(parts), True
    return b"".join(parts), False
