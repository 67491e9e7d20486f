"""What aiohttp is told: no cookies, no proxies, no redirections, nothing sent twice."""

from __future__ import annotations

import ssl
from types import SimpleNamespace

import aiohttp

#: Seconds for name lookup, connection and TLS together.
CONNECT_TIMEOUT = 5.0
#: Bytes of one header line, and the number of lines.
MAX_HEADER_LINE = 8190
MAX_HEADERS = 128
#: Seconds for which a connection is kept open for the next request. Cameras close theirs after
#: 5 to 60; polls of events are mostly closer together.
KEEP_ALIVE = 15.0

#: Whom aiohttp believes to be the device: one certificate, or what a context verifies.
Trust = aiohttp.Fingerprint | ssl.SSLContext | bool

_HEADERS = {
    "User-Agent": "UniversalCameraViewer",
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
}


class Dropped(Exception):
    """The device closed the connection before it answered."""


class SendState:
    """What became known while one request was sent."""

    __slots__ = ("reused",)

    def __init__(self) -> None:
        #: Whether it went over a connection that had been kept open.
        self.reused = False


def make_session() -> aiohttp.ClientSession:
    """Return a session for one device, without any connection yet; on the running loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        timeout=aiohttp.ClientTimeout(connect=CONNECT_TIMEOUT),
        trust_env=False,
        max_line_size=MAX_HEADER_LINE,
        max_field_size=MAX_HEADER_LINE,
        max_headers=MAX_HEADERS,
        middlewares=(_send_once,),
        trace_configs=[_TRACE],
    )


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending again by itself: it would do so for PUT and DELETE, too."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Dropped from error


async def _on_reuse(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _parameters: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    context.trace_request_ctx.reused = True


_TRACE = aiohttp.TraceConfig()
_TRACE.on_connection_reuseconn.append(_on_reuse)
_TRACE.freeze()
