"""HTTP/1.1 messages (RFC 9112) as bytes, for the virtual devices: requests in, answers out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

MAX_HEAD = 64 * 1024
MAX_BODY = 16 * 1024 * 1024


class BadRequest(Exception):
    """A client sent what is no request; ``status`` is what it is answered with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked.

    ``target`` is the request target byte for byte, ``path`` its decoded path, ``query`` the last
    value of each name. ``headers`` have names in lower case; repeated ones are joined with ", ".
    """

    method: str
    target: str
    path: str
    query: Mapping[str, str]
    version: str
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    def json(self) -> Any:
        """Return the body as JSON; raises `ValueError`."""
        return orjson.loads(self.body)

    def form(self) -> dict[str, str]:
        """Return the body as ``application/x-www-form-urlencoded``, the last value of a name."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def stays(self) -> bool:
        """Whether the client means to send another request on this connection."""
        wish = self.headers.get("connection", "").lower()
        return wish != "close" if self.version == "HTTP/1.1" else wish == "keep-alive"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device answers.

    A ``body`` that is an iterator is a stream: it is sent as it comes, and the connection is closed
    after it. It is sent in chunks unless the headers have a ``Content-Length`` or ``chunked`` is
    off: then the end of the connection is the end of the stream, as with HTTP/1.0.
    Headers may be given as pairs where one name comes several times.
    """

    status: int = 200
    headers: Mapping[str, str] | tuple[tuple[str, str], ...] = ()
    body: bytes | AsyncIterator[bytes] = b""
    chunked: bool = True

    def pairs(self) -> list[tuple[str, str]]:
        """Return the headers in order."""
        return list(self.headers.items() if isinstance(self.headers, Mapping) else self.headers)

    def has(self, name: str) -> bool:
        """Whether a header is there, in whatever case."""
        return any(given.lower() == name for given, _ in self.pairs())


def parse_head(head: bytes) -> Request:
    """Return the request whose head (without its empty line) that is; raises `BadRequest`."""
    line, *fields = head.decode("latin-1").split("\r\n")
    parts = line.split(" ")
    if len(parts) != 3 or not parts[0].isalpha() or not parts[1]:
        raise BadRequest(400)
    method, target, version = parts
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise BadRequest(505)
    headers: dict[str, str] = {}
    for text in fields:
        name, colon, value = text.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400)
        key, value = name.lower(), value.strip()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    if version == "HTTP/1.1" and "host" not in headers:
        raise BadRequest(400)
    try:
        # A target that begins with two slashes is a path here, not an authority.
        path = target.partition("?")[0] if target.startswith("/") else urlsplit(target).path
    except ValueError:
        raise BadRequest(400) from None
    query = dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))
    return Request(method, target, unquote(path), query, version, headers)


async def read_body(request: Request, reader: asyncio.StreamReader) -> bytes:
    """Return the body that follows a head (RFC 9112, section 6).

    Raises `BadRequest`, and `asyncio.IncompleteReadError` when the client leaves before its end.
    """
    encoding = request.headers.get("transfer-encoding")
    if encoding is None:
        size = _size(request.headers.get("content-length", "0"), 10)
        return await reader.readexactly(size)
    if encoding.lower() != "chunked" or "content-length" in request.headers:
        raise BadRequest(400)
    body = bytearray()
    while True:
        line = await reader.readuntil(b"\n")
        size = _size(line.decode("latin-1").partition(";")[0].strip(), 16)
        if size == 0:
            break
        body += await reader.readexactly(size)
        await reader.readexactly(2)
        if len(body) > MAX_BODY:
            raise BadRequest(413)
    while (await reader.readuntil(b"\n")).strip():
        pass  # trailers
    return bytes(body)


def _size(text: str, base: int) -> int:
    digits = "0123456789abcdef"[:base]
    if not text or len(text) > 16 or any(letter not in digits for letter in text.lower()):
        raise BadRequest(400)
    size = int(text, base)
    if size > MAX_BODY:
        raise BadRequest(413)
    return size


def head_bytes(status: int, headers: list[tuple[str, str]]) -> bytes:
    """Return an answer's head with its empty line."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    """Return data as one chunk (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
