"""RTSP messages and URLs (RFC 2326, 3.2, 4 and 6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, unquote

from ucv.media.errors import MediaError

#: Header lines beyond which a message is refused.
MAX_HEADERS = 128

_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]/?#@]+\]|[^\[\]:/?#@]+)(?::(?P<port>\d{0,5}))?")
_STATUS_LINE = re.compile(r"RTSP/1\.\d +(?P<status>\d{3})(?!\d)(?: +(?P<reason>.*))?")
_REQUEST_LINE = re.compile(r"(?P<method>[A-Z_]{3,24}) +(?P<uri>\S+) +RTSP/1\.\d")


class Method(StrEnum):
    """The methods this client sends or answers (RFC 2326, 10)."""

    OPTIONS = "OPTIONS"
    DESCRIBE = "DESCRIBE"
    SETUP = "SETUP"
    PLAY = "PLAY"
    GET_PARAMETER = "GET_PARAMETER"
    SET_PARAMETER = "SET_PARAMETER"
    TEARDOWN = "TEARDOWN"
    ANNOUNCE = "ANNOUNCE"
    REDIRECT = "REDIRECT"


@dataclass(frozen=True, slots=True)
class RtspUrl:
    """A URL taken apart.

    ``host`` is without brackets; ``target`` is the URL as requests name it: no credentials, no
    fragment, no character that could end the request line. ``username`` and ``password`` are
    percent-decoded, None if the URL has none.
    """

    scheme: str
    host: str
    port: int
    target: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def secure(self) -> bool:
        """Whether the connection is TLS."""
        return self.scheme == "rtsps"


def parse_url(url: str) -> RtspUrl:
    """Take an ``rtsp:`` or ``rtsps:`` URL apart; raises `MediaError`, which never quotes it."""
    scheme, separator, rest = url.strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _DEFAULT_PORTS:
        raise MediaError("not an rtsp: or rtsps: URL")
    rest = rest.partition("#")[0]
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    path = rest[len(authority) :]
    userinfo, at, location = authority.rpartition("@")
    match = _AUTHORITY.fullmatch(location)
    if match is None:
        raise MediaError("the RTSP URL names no valid host and port")
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise MediaError("the RTSP URL names an impossible port")
    username, _, password = userinfo.partition(":")
    return RtspUrl(
        scheme=scheme,
        host=match["host"].strip("[]"),
        port=port,
        target=f"{scheme}://{printable(location)}{printable(path)}",
        username=unquote(username) if at else None,
        password=unquote(password) if at else None,
    )


def printable(text: str) -> str:
    """Percent-encode what may not stand in a request line; all else stays byte for byte."""
    return quote(text, safe="!\"#$%&'()*+,/:;<=>?@[\\]^_`{|}~", errors="surrogatepass")


class Headers:
    """Header fields of one message, by name in any case, each possibly several times."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name.lower(), []).append(value)

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of that name."""
        values = self._fields.get(name.lower())
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        """Return all values of that name, in their order."""
        return list(self._fields.get(name.lower(), ()))


@dataclass(frozen=True, slots=True)
class Response:
    """What the server answered."""

    status: int
    reason: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """What the server asks of the client; ``method`` may be one that we do not know."""

    method: str
    uri: str
    headers: Headers
    body: bytes


def parse_message(head: bytes, body: bytes) -> Response | ServerRequest:
    """Read a message; ``head`` is all before the empty line, lines ending in CRLF or LF.

    Bytes that are no UTF-8 survive as surrogates, so that a realm can be hashed and sent back as it
    came. Raises `MediaError` if the first line is neither a status line nor a request line.
    """
    first, *lines = re.split(r"\r\n|\r|\n", head.decode("utf-8", "surrogateescape"))
    headers = Headers(_fields(lines))
    if match := _STATUS_LINE.match(first):
        return Response(int(match["status"]), _clean(match["reason"] or ""), headers, body)
    if match := _REQUEST_LINE.match(first):
        return ServerRequest(match["method"], match["uri"], headers, body)
    if first.startswith("HTTP/"):
        raise MediaError("the server at this port speaks HTTP, not RTSP")
    raise MediaError("neither an RTSP response nor a request")


def _clean(text: str) -> str:
    """Make a server's words fit for a message to people: printable, at most 100 characters."""
    return "".join(c if c.isprintable() else "?" for c in text.strip()[:100])


def _fields(lines: list[str]) -> Iterable[tuple[str, str]]:
    """Yield (name, value), with folded lines (RFC 2326, 4: as HTTP/1.1) joined."""
    if len(lines) > MAX_HEADERS:
        raise MediaError(f"{len(lines)} header lines in an RTSP message")
    fields: list[list[str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and fields:
            fields[-1][1] += f" {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        if colon and (name := name.strip()):
            fields.append([name, value.strip()])
    return ((name, value) for name, value in fields)


def encode_request(method: Method, uri: str, headers: Mapping[str, str]) -> bytes:
    """Write a request without body; header values must hold no line end."""
    lines = [f"{method} {uri} RTSP/1.0", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def encode_response(status: int, reason: str, headers: Mapping[str, str]) -> bytes:
    """Write a response without body; header values must hold no line end."""
    lines = [f"RTSP/1.0 {status} {reason}", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")
