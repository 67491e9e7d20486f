"""One connection of a virtual device that speaks HTTP: reads requests, sends answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ucv.testing.faults import HttpFaults
from ucv.testing.http_message import (
    LAST_CHUNK,
    MAX_HEAD,
    Answer,
    BadRequest,
    Request,
    chunk,
    head_bytes,
    parse_head,
    read_body,
)

if TYPE_CHECKING:
    from ucv.testing.http_device import VirtualDevice

#: Bytes sent at a time where there is no end to them.
_FILLING = 64 * 1024


class HttpConnection(asyncio.StreamReaderProtocol):
    """A dialogue of requests and answers, which ends as soon as either side leaves."""

    def __init__(self, device: VirtualDevice) -> None:
        self._stream = asyncio.StreamReader(limit=MAX_HEAD)
        super().__init__(self._stream)
        self._device = device
        self._task: asyncio.Task[object] | None = None
        self._transport_now: asyncio.Transport | None = None

    # --- the transport --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        super().connection_made(transport)
        self._transport_now = transport  # type: ignore[assignment]  # a stream's, which uvloop types no closer

    def eof_received(self) -> bool:
        """End whatever is under way: a client that has left waits for no answer."""
        super().eof_received()
        self._leave()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See `eof_received`."""
        super().connection_lost(exc)
        self._leave()

    @property
    def attached(self) -> bool:
        """Whether it has got its transport."""
        return self._transport_now is not None

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport_now is not None:
            self._transport_now.abort()
        self._leave()

    def _leave(self) -> None:
        if self._task is not None:
            self._task.cancel()

    # --- the dialogue ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Answer requests until the connection ends."""
        if self._transport_now is None:
            return
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        writer = asyncio.StreamWriter(self._transport_now, self, self._stream, loop)
        try:
            answered = 0
            while await self._serve(writer, answered):
                answered += 1
            # What has been written goes out first, unless the client is the one that ends it.
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _serve(self, writer: asyncio.StreamWriter, answered: int) -> bool:
        """Answer one request; returns whether another may follow."""
        device = self._device
        try:
            head = await self._stream.readuntil(b"\r\n\r\n")
            request = parse_head(head[:-4])
            if request.headers.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request = await self._complete(request)
        except BadRequest as error:
            device.counters.answered(error.status)
            headers = [("Content-Length", "0"), ("Connection", "close")]
            writer.write(head_bytes(error.status, headers))
            return False
        device.counters.count(request.path)
        device.counters.logins += "authorization" in request.headers
        faults = device.faults_for(request)
        if faults.drop or (faults.drop_after is not None and answered >= faults.drop_after):
            return False
        if faults.delay:
            await device.clock.sleep(faults.delay)
        if faults.silent:
            await asyncio.Event().wait()
        if faults.garbage:
            writer.write(faults.garbage)
            return False
        if faults.endless_headers:
            await _endless(writer, b"HTTP/1.1 200 OK\r\n", b"X-Header: and another one\r\n")
        answer = await device.answer(request, faults)
        device.counters.answered(answer.status)
        return await self._send(writer, request, answer, faults)

    async def _complete(self, request: Request) -> Request:
        body = await read_body(request, self._stream)
        return Request(
            request.method,
            request.target,
            request.path,
            request.query,
            request.version,
            request.headers,
            body,
        )

    async def _send(
        self, writer: asyncio.StreamWriter, request: Request, answer: Answer, faults: HttpFaults
    ) -> bool:
        headers = [("Date", self._device.date()), ("Server", self._device.server_header)]
        headers += [*answer.pairs(), *faults.headers.items()]
        body = answer.body
        bodiless = request.method == "HEAD" or answer.status in (204, 304)
        streamed = not isinstance(body, bytes)
        stays = request.stays and faults.keep_alive and not streamed and not faults.oversized
        sized = answer.has("content-length")
        chunks = 0
        if isinstance(body, bytes) and not sized and not faults.oversized:
            if faults.chunked and request.version == "HTTP/1.1" and not bodiless:
                chunks = faults.chunked
                headers.append(("Transfer-Encoding", "chunked"))
            elif answer.status not in (204, 304):
                headers.append(("Content-Length", str(len(body))))
        as_chunks = streamed and answer.chunked and not sized and request.version == "HTTP/1.1"
        if as_chunks:
            headers.append(("Transfer-Encoding", "chunked"))
        headers.append(("Connection", "keep-alive" if stays else "close"))
        head = head_bytes(answer.status, headers)
        if faults.oversized:
            await _endless(writer, head, bytes(_FILLING))
        if bodiless:
            body, chunks = b"", 0
        if not isinstance(body, bytes):
            await _stream(writer, head, body, faults, as_chunks=as_chunks)
            return False
        if faults.half:
            half = body[: len(body) // 2]
            await _write(writer, head + (chunk(half) if chunks else half), faults.slow)
            return False
        if chunks:
            parts = [body[at : at + chunks] for at in range(0, len(body), chunks)]
            body = b"".join(chunk(part) for part in parts) + LAST_CHUNK
        await _write(writer, head + body, faults.slow)
        return stays


async def _stream(
    writer: asyncio.StreamWriter,
    head: bytes,
    body: AsyncIterator[bytes],
    faults: HttpFaults,
    *,
    as_chunks: bool,
) -> None:
    # A route's generator must have ended before its connection is forgotten.
    closing = contextlib.aclosing(body) if hasattr(body, "aclose") else contextlib.nullcontext()  # type: ignore[type-var]  # only generators have it
    async with closing:
        await _write(writer, head, faults.slow)
        async for part in body:
            # An empty chunk would be the last one.
            if part:
                framed = chunk(part) if as_chunks else part
                if faults.half:
                    await _write(writer, framed[: len(framed) // 2], faults.slow)
                    return
                await _write(writer, framed, faults.slow)
        if as_chunks:
            await _write(writer, LAST_CHUNK, faults.slow)


async def _write(writer: asyncio.StreamWriter, data: bytes, slow: float) -> None:
    if not slow:
        writer.write(data)
        await writer.drain()
        return
    for byte in data:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(slow)


async def _endless(writer: asyncio.StreamWriter, start: bytes, more: bytes) -> None:
    writer.write(start)
    while True:
        writer.write(more)
        await writer.drain()
        # A client that reads as fast as we write must not keep the loop for itself.
        await asyncio.sleep(0)
