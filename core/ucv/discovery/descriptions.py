"""Descriptions of UPnP devices (UPnP Device Architecture 1.1, section 2.3), fetched with care."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Mapping
from types import MappingProxyType

import aiohttp
from yarl import URL

from ucv.clock import Clock
from ucv.discovery.rejections import Rejections
from ucv.http.session import SendState, make_session
from ucv.media.errors import MediaError
from ucv.media.xml import parse

#: Bytes of a description, and seconds for fetching one.
MAX_BYTES, FETCH_LIMIT = 64 * 1024, 3.0
#: Seconds for which one is kept: for long where the device says when it changes, for a while where
#: it does not, and not for long where there was none.
KEPT_WITH_EDITION, KEPT, KEPT_FAILURE = 3600.0, 600.0, 60.0
#: Descriptions that are kept, and that are fetched at the same time.
MAX_KEPT, MAX_CONCURRENT = 512, 16
#: Fetches from one address within so many seconds, and addresses that are fetched from in them.
MAX_FROM_ONE, SPAN, MAX_HOSTS = 8, 60.0, 2048
#: Texts that are taken of a description, and characters of each.
MAX_TEXTS, MAX_TEXT = 32, 256

#: A description's texts by element name in lower case; empty for one that cannot be had.
Description = Mapping[str, str]

_NONE: Description = MappingProxyType({})


class Descriptions:
    """Fetches descriptions from where devices say that they are, and keeps them.

    Nothing is sent but the question: no credentials, no cookies; neither proxies nor redirections
    are followed. Whether a location may be asked is for the caller to know.
    """

    def __init__(self, source: str, *, rejections: Rejections, clock: Clock) -> None:
        self._source = source
        self._rejections = rejections
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(MAX_CONCURRENT)
        #: Until when each is good, by whose it is, location and edition.
        self._kept: OrderedDict[tuple[str, str, str], tuple[float, Description]] = OrderedDict()
        #: When each host was asked, lately; the one that was asked last comes last.
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()

    def kept(self, udn: str, location: str, edition: str) -> Description | None:
        """Return a description that was fetched before, None where it has to be fetched (again).

        ``udn`` is whose it is: another device at the same address has another one.
        """
        until, description = self._kept.get((udn, location, edition), (-math.inf, _NONE))
        return description if self._clock.monotonic() < until else None

    async def fetch(self, host: str, udn: str, location: str, edition: str) -> Description:
        """Return the description at a location that is on ``host``; empty if there is none."""
        if not self._may_ask(host):
            self._rejections.note(self._source, host, "too many descriptions in a minute")
            return _NONE
        try:
            async with self._places, asyncio.timeout(FETCH_LIMIT):
                description = read(await self._get(location))
        except MediaError:
            self._rejections.note(self._source, host, "its description cannot be read")
            description = _NONE
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError):
            self._rejections.note(self._source, host, "its description cannot be fetched")
            description = _NONE
        kept_for = (KEPT_WITH_EDITION if edition else KEPT) if description else KEPT_FAILURE
        key = (udn, location, edition)
        self._kept[key] = (self._clock.monotonic() + kept_for, description)
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return description

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _may_ask(self, host: str) -> bool:
        now = self._clock.monotonic()
        while self._asked and now - next(iter(self._asked.values()))[-1] >= SPAN:
            self._asked.popitem(last=False)
        times = self._asked.get(host) or deque()
        while times and now - times[0] >= SPAN:
            times.popleft()
        if len(times) >= MAX_FROM_ONE or len(self._asked) >= MAX_HOSTS:
            return False
        times.append(now)
        self._asked[host] = times
        self._asked.move_to_end(host)
        return True

    async def _get(self, location: str) -> bytes:
        if self._session is None:
            self._session = make_session()
        async with self._session.get(
            URL(location, encoded=True),
            headers={"Accept-Encoding": "identity", "Connection": "close"},
            allow_redirects=False,
            # What comes packed all the same might be a thousand times as much.
            auto_decompress=False,
            trace_request_ctx=SendState(),
        ) as answer:
            if answer.status != 200:
                raise MediaError("There is no description.")
            body = bytearray()
            async for part in answer.content.iter_chunked(16 * 1024):
                body += part
                if len(body) > MAX_BYTES:
                    raise MediaError("The description is too long.")
            return bytes(body)


def read(document: bytes) -> Description:
    """Return the texts of a root device; what is embedded in it is another thing.

    Raises `MediaError` for what is no description.
    """
    root = parse(document, limit=MAX_BYTES)
    device = root if root.tag == "device" else root.find("device")
    if device is None:
        raise MediaError("The document describes no device.")
    texts: dict[str, str] = {}
    for element in device:
        text = " ".join("".join(c if c.isprintable() else " " for c in element.text or "").split())
        if text and len(texts) < MAX_TEXTS:
            texts.setdefault(element.tag.casefold()[:MAX_TEXT], text[:MAX_TEXT])
    return MappingProxyType(texts)
