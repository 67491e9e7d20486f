"""HTTP with one device: logged in, bounded in time and size, with the hub's errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from multidict import CIMultiDict

from ucv.clock import Clock
from ucv.errors import ConnectionClosed, ConnectTimeout, ProtocolError, ValidationError
from ucv.http.address import Origin, Params, follow, locate, shown
from ucv.http.auth import OriginLogin
from ucv.http.failures import refusal, translated
from ucv.http.gate import Gate
from ucv.http.response import HttpStream, Response
from ucv.http.session import CONNECT_TIMEOUT, Dropped, SendState, Trust, make_session
from ucv.http.tls import untrusted
from ucv.lockout import Lockout, Login

#: Seconds for a whole request, waiting for its turn included.
REQUEST_TIMEOUT = 10.0
#: Seconds in which a stream has to send something.
IDLE_TIMEOUT = 30.0
#: Bytes of a body, after decompression.
MAX_BODY = 16 * 1024 * 1024
MAX_REDIRECTS = 3

_REDIRECTS = (301, 302, 303, 307, 308)
#: Bytes that are read of a body nobody wants, so that the connection can go on being used.
_MAX_UNWANTED = 64 * 1024
_CLOSED = "The connections to this camera are closed."
_METHOD = re.compile(r"[A-Z]{1,16}")
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSENDABLE = re.compile(r"[\r\n\0]")

#: What a request can carry: bytes, text (sent as UTF-8) or the fields of a form.
Data = bytes | str | Mapping[str, Any]


class DeviceHttp:
    """Talks to one device, over connections of its own; see `HttpPool.client`.

    ``path`` is a path with query, such as ``/cgi-bin/x.cgi?action=get``; characters that a request
    cannot hold are percent-encoded, nothing else changes. An address with scheme must be on the
    device.

    Every call raises: `CannotConnect`, `ConnectTimeout`, `ConnectionClosed` and
    `CertificateUntrusted`; `InvalidAuth` when the credentials are refused, missing, or no longer
    sent; `AccessDenied` (403), `EndpointNotFound` (404, 410), `RateLimited` (429, and 503 with
    Retry-After); `ProtocolError` for other statuses from 400 on, for too much, and for what is no
    HTTP; `ValidationError` for a path that is not on the device.
    """

    def __init__(
        self,
        base: Origin,
        *,
        trust: Trust,
        credentials: Login | None,
        lockout: Lockout,
        gate: Gate,
        clock: Clock,
        on_close: Callable[[DeviceHttp], object],
    ) -> None:
        self._base = base
        self._trust = trust
        self._credentials = credentials
        self._gate = gate
        self._clock = clock
        self._on_close = on_close
        #: Counts refused credentials.
        self.lockout = lockout
        self._logins: dict[Origin, OriginLogin] = {}
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<DeviceHttp {self._base.scheme}://{self._base.host}:{self._base.port}>"

    async def get_json(
        self,
        path: str,
        *,
        params: Params | None = None,
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109 - it is told apart from other waits
    ) -> Any:
        """Return the parsed answer; raises `ProtocolError` if it is not JSON."""
        return (await self.request("GET", path, params=params, timeout=timeout)).json()

    async def get_text(
        self,
        path: str,
        *,
        params: Params | None = None,
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109 - as above
    ) -> str:
        """Return the answer as text."""
        return (await self.request("GET", path, params=params, timeout=timeout)).text()

    async def get_bytes(
        self,
        path: str,
        *,
        params: Params | None = None,
        limit: int = MAX_BODY,
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109 - as above
    ) -> bytes:
        """Return the answer's body, of at most ``limit`` bytes."""
        answer = await self.request("GET", path, params=params, limit=limit, timeout=timeout)
        return answer.body

    async def post(self, path: str, data: Data | None = None, **options: Any) -> Response:
        """Send a POST; ``options`` are those of `request`."""
        return await self.request("POST", path, data=data, **options)

    async def put(self, path: str, data: Data | None = None, **options: Any) -> Response:
        """Send a PUT; ``options`` are those of `request`."""
        return await self.request("PUT", path, data=data, **options)

    async def delete(self, path: str, **options: Any) -> Response:
        """Send a DELETE; ``options`` are those of `request`."""
        return await self.request("DELETE", path, **options)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        data: Data | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109 - as above
        limit: int = MAX_BODY,
        allow_status: Collection[int] = (),
        authenticate: bool = True,
    ) -> Response:
        """Send a request and return its whole answer.

        ``params`` is appended to the query; ``data`` or ``json`` is the body. With an Authorization
        header of the caller's own, the device's credentials are not used. ``timeout`` is in
        seconds, for everything together; ``limit`` is in bytes. Statuses in ``allow_status`` are
        returned instead of raised, for devices that explain themselves in the body; 401 only where
        ``authenticate`` is off: then no credentials are sent, and the account is not at risk.
        """
        message = _message(method, data, json, headers)
        phase = "wait"
        try:
            with translated():
                async with asyncio.timeout(timeout), self._gate.place():
                    phase = "ask"
                    answer, target = await self._perform(message, path, params, authenticate)
                    try:
                        if not _is_wanted(answer.status, allow_status, authenticate=authenticate):
                            await _discard(answer)
                            raise self._failure(answer, target)
                        body = await _read(answer, limit, shown(target))
                        if self._closed:  # a body without length looks whole then
                            raise ConnectionClosed(_CLOSED)
                    finally:
                        answer.release()
        except ConnectTimeout as error:
            if phase == "wait":
                raise ConnectTimeout(
                    "The camera is busy with other requests, none of which it answered in time."
                ) from None
            raise error from None
        return Response(answer.status, answer.headers, body, shown(target))

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        data: Data | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        idle_timeout: float = IDLE_TIMEOUT,
    ) -> AsyncIterator[HttpStream]:
        """Open an answer that goes on, such as events or pictures, and close it on the way out.

        There is no limit in time, but the device has to send something every ``idle_timeout``
        seconds. Arguments are those of `request`.
        """
        message = _message(method, data, json, headers)
        message.headers.setdefault("Accept-Encoding", "identity")
        async with AsyncExitStack() as stack:
            with translated():
                async with asyncio.timeout(idle_timeout + CONNECT_TIMEOUT):
                    await stack.enter_async_context(self._gate.place(stream=True))
                    answer, target = await self._perform(message, path, params, True)
                    stack.callback(answer.close)
            if answer.status >= 400:
                raise self._failure(answer, target)
            yield HttpStream(answer, idle_timeout, lambda: self._closed)

    async def close(self) -> None:
        """End all connections; requests under way, and later ones, raise `ConnectionClosed`."""
        self._closed = True
        self._on_close(self)
        if self._session is not None:
            await self._session.close()

    async def _perform(
        self,
        message: _Message,
        path: str,
        params: Params | None,
        authenticate: bool,
    ) -> tuple[aiohttp.ClientResponse, str]:
        """Send a request, logging in and following redirections; the body is not read yet.

        A redirection repeats the request as it was, but for 303, which asks for a GET.
        """
        origin, target = locate(self._base, path, params)
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._exchange(origin, target, message, authenticate)
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or location is None:
                return answer, target
            await _discard(answer)
            before = origin, target
            origin, target = follow(origin, target, location)
            if before[0] == self._base and origin.secure and target == before[1]:
                self._base = origin  # a device that wants HTTPS wants it for everything
            if answer.status == 303 and message.method != "HEAD":
                message = _message("GET", None, None, None)
        raise ProtocolError(
            "The camera redirects again and again.", details={"path": shown(target)}
        )

    async def _exchange(
        self,
        origin: Origin,
        target: str,
        message: _Message,
        authenticate: bool,
    ) -> aiohttp.ClientResponse:
        if not authenticate:
            return await self._send(origin, target, message, None)

        async def send(authorization: str | None) -> aiohttp.ClientResponse:
            answer = await self._send(origin, target, message, authorization)
            if answer.status == 401:
                await _discard(answer)
            return answer

        if "Authorization" in message.headers:
            return await send(None)
        login = self._logins.get(origin)
        if login is None:
            login = self._logins[origin] = OriginLogin(self._credentials, self.lockout)
        return await login.exchange(message.method, target, send)

    async def _send(
        self,
        origin: Origin,
        target: str,
        message: _Message,
        authorization: str | None,
    ) -> aiohttp.ClientResponse:
        """Send a request once; again only a GET that a connection kept open did not take."""
        headers = message.headers
        if authorization is not None:
            headers = headers.copy()
            # Bytes of a realm that are no text cannot be sent back; few devices look at it.
            headers["Authorization"] = authorization.encode("utf-8", "ignore").decode()
        may_repeat = message.method == "GET"
        while True:
            if self._closed:
                raise ConnectionClosed(_CLOSED)
            if self._session is None:
                self._session = make_session()
            state = SendState()
            try:
                return await self._session.request(
                    message.method,
                    origin.url(target),
                    headers=headers,
                    data=message.body,
                    allow_redirects=False,
                    ssl=self._trust,
                    trace_request_ctx=state,
                )
            except Dropped:
                if not (may_repeat and state.reused):
                    raise ConnectionClosed(
                        "The camera closed the connection without an answer."
                    ) from None
                may_repeat = False
            except aiohttp.ClientConnectorCertificateError as error:
                raise await untrusted(origin, error, CONNECT_TIMEOUT) from None

    def _failure(self, answer: aiohttp.ClientResponse, target: str) -> Exception:
        retry_after = answer.headers.get("Retry-After")
        known = self._credentials is not None
        return refusal(answer.status, retry_after, shown(target), self._clock, known=known)


def _is_wanted(status: int, allowed: Collection[int], *, authenticate: bool) -> bool:
    if status == 401:
        return not authenticate and 401 in allowed
    return status < 400 or status in allowed


class _Message:
    """A request but for where it goes; can be sent again."""

    __slots__ = ("body", "headers", "method")

    def __init__(self, method: str, headers: CIMultiDict[str], body: bytes | None) -> None:
        self.method = method
        self.headers = headers
        self.body = body


def _message(
    method: str, data: Data | None, json: Any, headers: Mapping[str, str] | None
) -> _Message:
    """Check and encode a request; raises `ValidationError`."""
    if not _METHOD.fullmatch(method):
        raise ValidationError("This is not an HTTP method.")
    if data is not None and json is not None:
        raise ValidationError("A request carries either data or json.")
    fields: CIMultiDict[str] = CIMultiDict(headers or {})
    for name, value in fields.items():
        if not _HEADER.fullmatch(name) or _UNSENDABLE.search(value):
            raise ValidationError("A header cannot be sent.", details={"header": name[:64]})
    body: bytes | None = None
    kind = "application/octet-stream"
    if json is not None:
        body, kind = orjson.dumps(json), "application/json"
    elif isinstance(data, str):
        body, kind = data.encode(), "text/plain; charset=utf-8"
    elif isinstance(data, Mapping):
        body = urlencode(data, doseq=True).encode()
        kind = "application/x-www-form-urlencoded"
    elif data is not None:
        body = data
    if body is not None:
        fields.setdefault("Content-Type", kind)
    return _Message(method, fields, body)


async def _read(answer: aiohttp.ClientResponse, limit: int, path: str) -> bytes:
    """Return the body, each byte of which is copied once at most; raises `ProtocolError`."""
    declared = answer.content_length
    if declared is not None and declared > limit and answer.method != "HEAD":
        raise _too_much(path, limit)
    chunks = []
    size = 0
    while chunk := await answer.content.readany():
        size += len(chunk)
        if size > limit:
            raise _too_much(path, limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def _discard(answer: aiohttp.ClientResponse) -> None:
    """Read what nobody wants, if it is little, so that the connection can be used again."""
    if answer.closed:  # a 401 is discarded as soon as it comes
        return
    left = _MAX_UNWANTED
    try:
        while left > 0 and (chunk := await answer.content.readany()):
            left -= len(chunk)
    except aiohttp.ClientPayloadError:
        pass  # the status is all that matters
    finally:
        answer.release()


def _too_much(path: str, limit: int) -> ProtocolError:
    return ProtocolError(
        f"The camera's answer to {path} has more than {limit} bytes.",
        details={"path": path, "limit": limit},
    )
