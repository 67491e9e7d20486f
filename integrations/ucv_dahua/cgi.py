"""Dahua's interface over HTTP: asks, sets, and says what went wrong in the hub's errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from ucv import (
    AccessDenied,
    CameraViewerError,
    ConnectionClosed,
    ConnectTimeout,
    Device,
    EndpointNotFound,
    InvalidAuth,
    NotSupported,
    ProtocolError,
    RateLimited,
)
from ucv.clock import SystemClock
from ucv.http import HttpStream, Response
from ucv.http.client import REQUEST_TIMEOUT
from ucv_dahua.keyvalue import Table, parse

#: Statuses whose body says why: "Error" and a line.
_EXPLAINED = (400, 500, 501)
#: Every status that says something about a path; a 401 is the login's.
_ANY_STATUS = frozenset(range(400, 600)) - {401}
#: Statuses of a picture at a channel that is not there.
_NO_CHANNEL = (400, 404)
#: Bytes of a table, and of a still picture.
MAX_TABLE, MAX_PICTURE = 4 * 1024 * 1024, 8 * 1024 * 1024
#: Seconds before refused credentials are sent once more: connections are given up meanwhile.
RETRY_PAUSE = 0.5
#: Seconds for a question that the device may not know the answer to.
PROBE_TIMEOUT = 4.0
_MAX_REASON = 100
#: Characters of a table that takes milliseconds to read.
_LONG = 32 * 1024

# Real time, whatever clock the hub runs by: it is about how soon devices have room again.
_CLOCK = SystemClock()

#: The fields of a query.
Query = Mapping[str, str | int]


class Cgi:
    """One device's interface: scripts below ``/cgi-bin/``, such as ``magicBox.cgi``.

    All methods raise what `ucv.http.DeviceHttp` does; `NotSupported` for what the device does not
    know (501), `ProtocolError` with ``details["status"]`` for what else it refuses, be it with 200.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._http = device.http

    # --- questions ------------------------------------------------------------------------------

    async def table(self, script: str, action: str, query: Query | None = None) -> Table:
        """Return what a script answers."""
        return await _parsed(await self._get(script, {"action": action, **(query or {})}))

    async def config(self, name: str) -> Table:
        """Return a table of the configuration, such as ``Encode``: what is below its name."""
        told = await self.table("configManager.cgi", "getConfig", {"name": name})
        return told.at("table", name)

    async def peek(self, script: str, action: str, query: Query | None = None) -> Table | None:
        """Return what a script answers, None if the device refuses it, or it is not for us.

        For what is good to know, and no reason to do without the device.
        """
        try:
            return await self.table(script, action, query)
        except CameraViewerError as error:
            if not is_refusal(error):
                raise
            self._device.log.debug("Going on without %s %s: %s", script, action, error.message)
            return None

    async def peek_config(self, name: str) -> Table | None:
        """Return a table of the configuration, None if there is none."""
        told = await self.peek("configManager.cgi", "getConfig", {"name": name})
        return None if told is None else told.at("table", name) or None

    async def probe(self, script: str, action: str, query: Query | None = None) -> Table | None:
        """Return what `peek` does, None also where the device is silent or hangs up.

        Some firmware does so when it is asked for what it does not have.
        """
        fields = {"action": action, **(query or {})}
        try:
            return await _parsed(await self._get(script, fields, patience=PROBE_TIMEOUT))
        except CameraViewerError as error:
            silent = isinstance(error, (ConnectTimeout, ConnectionClosed))
            if not silent and not is_refusal(error):
                raise
            self._device.log.debug("Going on without %s %s: %s", script, action, error.message)
            return None

    # --- orders ---------------------------------------------------------------------------------

    async def order(self, script: str, action: str, query: Query | None = None) -> None:
        """Have a script carry something out: it answers ``OK``, or nothing.

        Raises `ProtocolError` for anything else.
        """
        answer = await self._get(script, {"action": action, **(query or {})})
        _check_done(answer, _accepted(answer))

    async def set_config(self, values: Query) -> None:
        """Set values of the configuration, all in one request: ``Encode[0].…`` → value."""
        await self.order("configManager.cgi", "setConfig", values)

    # --- pictures and streams -------------------------------------------------------------------

    async def picture(self, channel: int | None) -> bytes:
        """Return a still picture; ``channel`` as the device counts, None for the only one."""
        answer = await self._get("snapshot.cgi", _channel(channel), limit=MAX_PICTURE)
        if answer.body.startswith(b"\xff\xd8"):
            return answer.body
        _accepted(answer)
        kind = answer.content_type[:64] or "no content type"
        raise ProtocolError(
            f"The camera's answer to {answer.path} is no picture ({kind}).",
            details={"path": answer.path, "status": answer.status},
        )

    async def has_picture(self, channel: int) -> bool | None:
        """Say whether there is a picture at a channel; None if the device does not tell.

        Only a status tells, and only one that is about the channel: silence may have any cause.
        """
        try:
            answer = await self._request(
                "snapshot.cgi", _channel(channel), MAX_PICTURE, _ANY_STATUS, PROBE_TIMEOUT
            )
        except (ConnectTimeout, ConnectionClosed):
            return None
        if answer.status in _NO_CHANNEL:
            return False
        return answer.body.startswith(b"\xff\xd8") if answer.status < 400 else None

    @asynccontextmanager
    async def listen(self, path: str, *, silence: float) -> AsyncIterator[HttpStream]:
        """Open an answer that goes on; it has to send something every ``silence`` seconds.

        ``path`` is below ``/cgi-bin/`` and encoded already.
        """
        async with AsyncExitStack() as stack:

            async def open_stream() -> HttpStream:
                stream = self._http.stream("GET", f"/cgi-bin/{path}", idle_timeout=silence)
                return await stack.enter_async_context(stream)

            try:
                stream = await open_stream()
            except InvalidAuth as error:
                async with self._second_try(error):
                    stream = await open_stream()
            yield stream

    # --- requests -------------------------------------------------------------------------------

    async def _get(
        self,
        script: str,
        query: Query,
        *,
        limit: int = MAX_TABLE,
        patience: float = REQUEST_TIMEOUT,
    ) -> Response:
        return await self._request(script, query, limit, _EXPLAINED, patience)

    async def _request(
        self,
        script: str,
        query: Query,
        limit: int,
        allow_status: Collection[int],
        patience: float = REQUEST_TIMEOUT,
    ) -> Response:
        async def send() -> Response:
            return await self._http.request(
                "GET",
                f"/cgi-bin/{script}",
                params=query,
                limit=limit,
                allow_status=allow_status,
                timeout=patience,
            )

        try:
            return await send()
        except InvalidAuth as error:
            async with self._second_try(error):
                return await send()

    @asynccontextmanager
    async def _second_try(self, error: InvalidAuth) -> AsyncIterator[None]:
        """Hold while a request whose credentials were refused is sent again, alone.

        These devices also answer 401 when they have as many connections or users as they can bear,
        and when two requests raced for a nonce. Raises the error when nothing was refused, or when
        nothing more may be.
        """
        lockout = self._device.lockout
        if lockout.refusals == 0 or lockout.closed:
            raise error
        async with lockout.turn():
            await _CLOCK.sleep(RETRY_PAUSE)
            yield


def is_refusal(error: CameraViewerError) -> bool:
    """Say whether the device understood, and refused; not if it is away, or sent garbage."""
    if isinstance(error, (NotSupported, EndpointNotFound, AccessDenied, RateLimited)):
        return True
    return isinstance(error, ProtocolError) and "status" in error.details


def _channel(number: int | None) -> Query:
    return {} if number is None else {"channel": number}


def _accepted(answer: Response) -> str:
    """Return an answer's text; raises what it says if that is a refusal, whatever its status."""
    text = answer.text()
    lines = [line.strip() for line in text.strip().splitlines()[:2]]
    told = bool(lines) and lines[0].casefold().startswith("error") and "=" not in lines[0]
    if answer.status < 400 and not told:
        return text
    reason = " ".join(lines)[:_MAX_REASON] if told else ""
    details = {"status": answer.status, "path": answer.path, "reason": reason}
    if answer.status == 501:
        raise NotSupported(f"The camera does not know {answer.path}.", details=details)
    raise ProtocolError(
        f"The camera refused {answer.path}: {reason or f'status {answer.status}'}.", details=details
    )


async def _parsed(answer: Response) -> Table:
    """Return an answer's table; a long one is read beside the event loop."""
    text = _accepted(answer)
    return parse(text) if len(text) < _LONG else await asyncio.to_thread(parse, text)


def _check_done(answer: Response, text: str) -> None:
    if text.strip().casefold() not in ("ok", ""):
        raise ProtocolError(
            f"The camera did not say whether it did what {answer.path} is for.",
            details={"status": answer.status, "path": answer.path},
        )
