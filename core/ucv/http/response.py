"""What a device answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientResponse
from multidict import CIMultiDictProxy

from ucv.errors import ConnectionClosed, ConnectTimeout, ProtocolError
from ucv.http.address import shown
from ucv.http.failures import translated

_BOM = b"\xef\xbb\xbf"
#: Character sets that text comes in. Python knows more codecs, some of which are no such thing.
_CHARSET = re.compile(
    r"(?:utf|iso-?8859|latin|us-ascii|ascii|windows|cp|gb|big5|shift|euc|koi8)[\w\-]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer.

    ``headers`` are found in any case; ``body`` is decompressed. ``path`` is what was asked for,
    without query.
    """

    status: int
    headers: CIMultiDictProxy[str] = field(repr=False)
    body: bytes = field(repr=False)
    path: str

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; "" if there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def text(self) -> str:
        """Return the body as text: by the declared character set, else UTF-8. Never raises."""
        charset = _charset(self.headers.get("Content-Type", ""))
        try:
            return self.body.decode(charset or "utf-8-sig", "replace")
        except (LookupError, ValueError):  # no such codec, or one that cannot replace
            return self.body.decode("utf-8-sig", "replace")

    def json(self) -> Any:
        """Return the parsed body, whatever its declared type; raises `ProtocolError`."""
        try:
            return orjson.loads(self.body.removeprefix(_BOM))
        except orjson.JSONDecodeError:
            charset = _charset(self.headers.get("Content-Type", ""))
        try:
            if charset is not None:
                return orjson.loads(self.text())
        except orjson.JSONDecodeError:
            pass
        kind = self.content_type[:64] or "no content type"
        raise ProtocolError(
            f"The camera's answer to {self.path} is not JSON ({kind}).",
            details={"path": self.path, "content_type": self.content_type[:64]},
        )


class HttpStream:
    """An answer that goes on: iterate it for its bytes, in chunks as they arrive.

    Iteration ends where the device ends the answer. It raises `ConnectTimeout` when nothing comes
    for as long as was agreed, and `ConnectionClosed` when the answer breaks off.
    """

    __slots__ = ("_closed", "_idle", "_response", "headers", "status")

    def __init__(
        self, response: ClientResponse, idle_timeout: float, closed: Callable[[], bool]
    ) -> None:
        self._response = response
        self._idle = idle_timeout
        self._closed = closed
        self.status = response.status
        self.headers = response.headers

    def __repr__(self) -> str:
        return f"<HttpStream status={self.status} path={shown(self._response.url.raw_path)!r}>"

    @property
    def content_type(self) -> str:
        """The Content-Type header as it came, with its boundary; "" if there is none."""
        return self.headers.get("Content-Type", "")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._response.content
        while True:
            # aiohttp's own limit ends with the connection, but when that is closed because what
            # came is no chunk (RFC 9112, 7.1), it goes on waiting.
            try:
                with translated():
                    async with asyncio.timeout(self._idle):
                        chunk = await content.readany()
            except ConnectTimeout as error:
                if _gone(self._response):
                    raise ConnectionClosed("The camera's answer broke off.") from None
                raise error from None
            if not chunk:
                if self._closed():  # by us: it is not over, though it looks like that
                    raise ConnectionClosed
                return
            yield chunk


def _gone(response: ClientResponse) -> bool:
    """Say whether the connection that an answer comes over is closed."""
    connection = response.connection
    transport = connection.transport if connection is not None else None
    return transport is None or transport.is_closing()


def _charset(content_type: str) -> str | None:
    """Return the character set that a Content-Type names, if it is one for text."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            value = value.strip().strip("\"'")
            return value if _CHARSET.fullmatch(value) else None
    return None
