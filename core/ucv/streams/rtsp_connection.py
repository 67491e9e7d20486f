"""The socket under an RTSP session: bytes in, bytes out, time limits, and errors with codes."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NoReturn, cast

from ucv.clock import Clock, TimerHandle
from ucv.errors import (
    CameraViewerError,
    CannotConnect,
    ConnectionClosed,
    ConnectTimeout,
    InvalidAuth,
    NotSupported,
    ProtocolError,
    StreamNotFound,
)
from ucv.media.digest import Authorizer
from ucv.media.errors import MediaError
from ucv.media.rtsp import (
    AuthRefused,
    Demultiplexer,
    Event,
    Failed,
    RtspSession,
    RtspUrl,
    TornDown,
    parse_url,
)
from ucv.streams.source import Credentials

#: Seconds for name look-up, TCP and TLS together.
CONNECT_LIMIT = 5.0
#: Seconds for the answer to each request.
RESPONSE_LIMIT = 8.0
#: Seconds for the answer to TEARDOWN.
TEARDOWN_LIMIT = 1.0
#: Redirections that are followed.
MAX_REDIRECTS = 3

#: Seconds between two looks at the time limits.
_TICK = 1.0
#: Bytes that wait to be sent at most: a server that asks and never reads must not fill the memory.
_MAX_UNSENT = 64 * 1024


class RtspConnection(asyncio.BufferedProtocol):
    """Carries one session over one connection, from `connect` to `close`.

    ``on_event`` is called for each event of the session, ``on_bytes`` with the number of bytes of
    each read, ``on_packet`` for each RTP packet as `Demultiplexer` says. `now` is the monotonic
    time of the read that they belong to. What they raise ends the connection.

    ``ended`` gets the error that ends the connection, whoever causes it; it never gets a result.
    """

    def __init__(
        self,
        session: RtspSession,
        clock: Clock,
        *,
        on_event: Callable[[Event], None],
        on_packet: Callable[[int, bytearray, int, int], object] = lambda *_: None,
        on_bytes: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.session = session
        self.now = clock.monotonic()
        self.ended: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        self.demultiplexer = Demultiplexer(on_packet, self._on_message)
        # Called for each read, so not through a method of our own.
        self.get_buffer = self.demultiplexer.get_buffer  # type: ignore[method-assign,assignment]  # so
        self._clock = clock
        self._monotonic = clock.monotonic
        self._on_event = on_event
        self._on_bytes = on_bytes
        self._transport: asyncio.Transport | None = None
        self._over = asyncio.Event()  # torn down, or the connection is lost
        self._lost = asyncio.Event()
        self._timer: TimerHandle | None = None
        self._sequence = 0
        self._deadline = 0.0

    # --- for who drives it --------------------------------------------------------------------

    async def connect(self, url: RtspUrl, *, tls_verify: bool = True) -> None:
        """Open the connection; raises `CannotConnect` or `ConnectTimeout`."""
        loop = asyncio.get_running_loop()
        try:
            async with time_limit(self._clock, CONNECT_LIMIT):
                context = None
                if url.secure:
                    # Reading the system's certificates takes tens of milliseconds.
                    context = await asyncio.to_thread(_tls_context, tls_verify)
                await loop.create_connection(lambda: self, url.host, url.port, ssl=context)
        except TimeoutError:
            raise ConnectTimeout(f"No connection to {url.host}:{url.port} in time.") from None
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message or "verification failed"
            raise CannotConnect(f"The camera's certificate is not trusted: {reason}.") from None
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise CannotConnect(f"No connection to {url.host}:{url.port}: {reason}.") from None
        self._timer = self._clock.call_later(_TICK, self._tick)

    def flush(self) -> None:
        """Send what the session has to say."""
        data = self.session.data_to_send()
        if not data or self._transport is None or self._transport.is_closing():
            return
        if self.session.sequence != self._sequence:
            # A new request, so a new limit; answers to the server's own requests extend nothing.
            self._sequence = self.session.sequence
            self._deadline = self._monotonic() + RESPONSE_LIMIT
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _MAX_UNSENT:
            self.fail(ProtocolError("The camera sends requests, but does not read the answers."))

    def fail(self, error: BaseException) -> None:
        """End the connection with this error, unless it has ended."""
        if not self.ended.done():
            self.ended.set_exception(error)

    async def close(self) -> None:
        """End the session within `TEARDOWN_LIMIT`, and the connection; harmless twice."""
        if self._timer is not None:
            self._timer.cancel()
        self.demultiplexer.on_packet, self.demultiplexer.on_run = _ignore, None
        if not self.ended.cancel() and not self.ended.cancelled():
            self.ended.exception()  # nobody may be left to ask for it
        transport = self._transport
        if transport is None:
            return
        try:
            # Real time: whoever stops a camera waits for this, whatever the clock says.
            async with asyncio.timeout(TEARDOWN_LIMIT):
                if not transport.is_closing() and self.session.teardown():
                    self.flush()
                    await self._over.wait()
                transport.close()
                await self._lost.wait()
        except TimeoutError:
            transport.abort()
            await self._lost.wait()
        finally:
            transport.abort()

    # --- for the event loop -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        # Always so for TCP and TLS, but uvloop's are no subclass.
        self._transport = cast("asyncio.Transport", transport)

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self.now = self._monotonic()
        try:
            self._on_bytes(nbytes)
            self.demultiplexer.received(nbytes)
        except MediaError as error:
            self._break(ProtocolError(f"The camera breaks the protocol: {error}."))
        except Exception as error:  # the sink's fault must reach whoever runs the source
            self._break(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self._over.set()
        self._lost.set()
        reason = f": {exc.strerror}" if isinstance(exc, OSError) and exc.strerror else ""
        self.fail(ConnectionClosed(f"The camera closed the connection{reason}."))

    # --- inside -------------------------------------------------------------------------------

    def _break(self, error: Exception) -> None:
        """Fail, and read no further: nobody knows what the next bytes mean."""
        self.fail(error)
        self._over.set()
        if self._transport is not None:
            self._transport.pause_reading()

    def _on_message(self, head: bytes, body: bytes) -> None:
        for event in self.session.receive(head, body):
            if isinstance(event, TornDown):
                self._over.set()
            if not self.ended.done():
                self._on_event(event)
        self.flush()

    def _tick(self) -> None:
        """Look at the time limit of the request under way."""
        if self.session.waiting and self._monotonic() >= self._deadline:
            self.fail(ConnectTimeout("The camera is connected, but does not answer."))
        else:
            self._timer = self._clock.call_later(_TICK, self._tick)


def failure(event: AuthRefused | Failed) -> CameraViewerError:
    """Return the error that this refusal means."""
    if isinstance(event, AuthRefused):
        details = {"realm": event.realm} if event.realm else {}
        if event.tried:
            return InvalidAuth(details=details)
        return InvalidAuth("The camera asks for a user name and password.", details=details)
    answer = f"{event.status} {event.reason}".strip()
    details = {"method": str(event.method), "status": str(event.status)}
    match event.status:
        case 404 | 410:
            return StreamNotFound(details=details)
        case 403:
            message = f"The camera does not show this account this stream ({answer})."
            return StreamNotFound(message, details=details)
        case 461:
            return NotSupported("The camera does not send this stream over TCP.", details=details)
        case _:
            message = f"The camera answered {event.method} with {answer}."
            return ProtocolError(message, details=details)


def authorizer_for(credentials: Credentials | None) -> Authorizer | None:
    """Return what answers challenges with these credentials."""
    return Authorizer(credentials.username, credentials.password) if credentials else None


def credentials_of(url: RtspUrl) -> Credentials | None:
    """Return the credentials that the URL itself holds."""
    return Credentials(url.username, url.password or "") if url.username is not None else None


def trusted(origin: RtspUrl, target: RtspUrl) -> bool:
    """Say whether ``target`` may get credentials meant for ``origin``: same host, no TLS lost."""
    return target.host.lower() == origin.host.lower() and (target.secure or not origin.secure)


def parse(url: str) -> RtspUrl:
    """Take a URL apart; raises `ProtocolError`."""
    try:
        return parse_url(url)
    except MediaError as error:
        raise ProtocolError(f"The address of the stream is wrong: {error}.") from None


@asynccontextmanager
async def time_limit(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Limit the body to that many seconds of the clock; raises `TimeoutError`."""
    async with asyncio.timeout(None) as scope:
        timer = clock.call_later(seconds, lambda: scope.reschedule(0.0))
        try:
            yield
        finally:
            timer.cancel()


@functools.cache
def _tls_context(verify: bool) -> ssl.SSLContext:
    """Return how to speak TLS; without ``verify`` any certificate does."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _ignore(_channel: int, _buffer: bytearray, _start: int, _end: int) -> None:
    """Take no more packets."""
