"""What a device answers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientResponse
from multidict import CIMultiDictProxy

from ucv.errors import ProtocolError
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

    __slots__ = ("_response", "headers", "status")

    def __init__(self, response: ClientResponse) -> None:
        self._response = response
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
            with translated():
                chunk = await content.readany()
            if not chunk:
                return
            yield chunk


def _charset(content_type: str) -> str | None:
    """Return the character set that a Content-Type names, if it is one for text."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            value = value.strip().strip("\"'")
            return value if _CHARSET.fullmatch(value) else None
    return None
