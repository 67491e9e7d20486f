"""What is asked at open ports: one connection each, without credentials, and within bounds."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Callable
from typing import Final

from ucv.clock import Clock
from ucv.discovery.handlers import text
from ucv.discovery.scan.http_message import MAX_BYTES, HttpMessage, parse_http
from ucv.errors import CameraViewerError, CannotConnect, ConnectTimeout
from ucv.media.rtsp import Event, RtspSession, parse_url
from ucv.media.rtsp.session import State
from ucv.plugins.sightings import HttpAnswer, OnvifAnswer, RtspAnswer
from ucv.streams.rtsp_connection import RtspConnection, time_limit

#: Seconds for one question, with its connection.
LIMIT: Final = 3.0
_USER_AGENT: Final = "ucv"
_ONVIF_PATH: Final = "/onvif/device_service"
#: ONVIF Core Specification, 8.2: GetSystemDateAndTime is answered without a log-in.
_GET_TIME: Final = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    '<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/>'
    "</s:Body></s:Envelope>"
)


class Silent(Exception):
    """Nothing came back, or there was no connection: other questions are of no use."""


async def ask_rtsp(
    host: str, port: int, path: str, *, clock: Clock, secure: bool = False
) -> RtspAnswer | None:
    """Ask for the methods, then for the description of ``path``; None where that is not RTSP.

    A redirection is an answer, and not followed. Raises `Silent`.
    """
    scheme = "rtsps" if secure else "rtsp"
    url = parse_url(f"{scheme}://{_in_url(host)}:{port}{path}")
    session = RtspSession(url.target)
    answered: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

    def on_event(event: Event) -> None:
        if not answered.done():
            answered.set_result(event)

    connection = RtspConnection(session, clock, on_event=on_event)
    try:
        async with time_limit(clock, LIMIT):
            await connection.connect(url, tls_verify=False)
            session.start()
            connection.flush()
            await asyncio.wait((answered, connection.ended), return_when=asyncio.FIRST_COMPLETED)
            if not answered.done():
                await connection.ended
    except (TimeoutError, ConnectTimeout, CannotConnect):
        if not session.status:
            raise Silent from None
    except CameraViewerError:
        pass  # it hung up, or broke the protocol, maybe after it had said enough
    finally:
        answered.cancel()
        await connection.close()
    if not session.status:
        return None
    # Silence after OPTIONS says nothing of the path.
    about = "" if session.state is State.DESCRIBING else path
    return RtspAnswer(
        port, session.status, about, text(session.server) or "", text(session.realm) or ""
    )


async def ask_http(host: str, port: int, *, clock: Clock, tls: bool = False) -> HttpAnswer | None:
    """Ask for the page at ``/``; None where that is not HTTP. Redirections are not followed.

    Raises `Silent`.
    """
    request = _request(host, port, "GET", "/", {"Accept": "text/html, */*"})
    message = await _exchange(host, port, request, clock=clock, tls=tls)
    if message is None:
        return None
    return HttpAnswer(
        port,
        message.status,
        tls,
        server=message.server,
        realm=message.realm,
        title=message.title,
        content_type=message.content_type,
        location=text(message.headers.get("location")) or "",
    )


async def ask_onvif(host: str, port: int, *, clock: Clock, tls: bool = False) -> OnvifAnswer | None:
    """Ask the ONVIF device service for the time; None where there is none. Raises `Silent`."""
    headers = {
        "Content-Type": "application/soap+xml; charset=utf-8",
        "Content-Length": str(len(_GET_TIME)),
    }
    request = _request(host, port, "POST", _ONVIF_PATH, headers) + _GET_TIME.encode()
    message = await _exchange(
        host, port, request, clock=clock, tls=tls, enough=lambda message: message.complete
    )
    if message is None:
        return None
    # Some devices want a log-in even for this. Any web server may answer 401; a SOAP fault is
    # what tells a device service from it.
    known = b"GetSystemDateAndTimeResponse" in message.body or b"NotAuthorized" in message.body
    return OnvifAnswer(port, _ONVIF_PATH) if known else None


async def _exchange(
    host: str,
    port: int,
    request: bytes,
    *,
    clock: Clock,
    tls: bool,
    enough: Callable[[HttpMessage], bool] = lambda message: message.enough,
) -> HttpMessage | None:
    """Send a request over a connection of its own; return what of the answer came in time."""
    data = bytearray()
    message: HttpMessage | None = None
    writer: asyncio.StreamWriter | None = None
    try:
        async with time_limit(clock, LIMIT):
            reader, writer = await asyncio.open_connection(
                host, port, ssl=_context() if tls else None, server_hostname=host if tls else None
            )
            writer.write(request)
            while len(data) < MAX_BYTES and (part := await reader.read(4096)):
                data += part
                message = parse_http(bytes(data))
                if message is not None and enough(message):
                    break
                if not data.startswith(b"HTTP/"[: len(data)]):
                    break
    except TimeoutError:
        if not data:
            raise Silent from None
    except ssl.SSLError:
        return None  # no TLS there
    except OSError:
        if writer is None:
            raise Silent from None
    finally:
        if writer is not None:
            writer.transport.abort()
    return message


def _request(host: str, port: int, method: str, path: str, headers: dict[str, str]) -> bytes:
    fields = {
        "Host": f"{_in_url(host.partition('%')[0])}:{port}",
        "User-Agent": _USER_AGENT,
        **headers,
        "Connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@functools.cache
def _context() -> ssl.SSLContext:
    """Return how to speak TLS to whoever answers: nothing that is secret is said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Cameras live long: keys of 1024 bits and signatures by SHA-1 are common.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
