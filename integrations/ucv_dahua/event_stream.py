"""Where events come from: the stream that a device keeps open, or questions again and again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from ucv import (
    AccessDenied,
    CameraEvent,
    ConnectionClosed,
    ConnectTimeout,
    CurrentEvents,
    Device,
    EndpointNotFound,
    NotSupported,
    ProtocolError,
)
from ucv.http import HttpStream
from ucv.wire import MediaError, MultipartParser, boundary_of
from ucv_dahua.cgi import Cgi, is_refusal
from ucv_dahua.event_kinds import CODES, POLLED, Translator
from ucv_dahua.event_report import reports
from ucv_dahua.keyvalue import Table
from ucv_dahua.quirks import EventCodes

#: Bytes of one part.
MAX_PART = 1024 * 1024
#: Seconds after which what goes on is asked about again while something does: ends get lost.
CONFIRM_AFTER = 60.0
#: Heartbeats that may be missed, and seconds on top for a network that is slow.
MISSED_BEATS, GRACE = 2.5, 2.5
#: Statuses of a device that does not understand the list of codes.
_LIST_REFUSED = (400, 500)
#: Bytes of the beginning that are kept until there is a part, in case it says why there is none.
_MAX_HEAD = 4096

#: What `Integration.events` yields.
Told = CameraEvent | CurrentEvents


@dataclass(slots=True)
class _GoingOn:
    """What goes on by what was told, and when that was asked about (monotonic seconds)."""

    kinds: tuple[type[CameraEvent], ...]
    keys: set[tuple[str | None, type[CameraEvent], str]]
    asked: float

    def note(self, event: CameraEvent) -> None:
        """Take note of an event of those kinds that can be asked about."""
        if isinstance(event, self.kinds):
            key = event.channel, type(event), event.source
            if event.active:
                self.keys.add(key)
            else:
                self.keys.discard(key)


@dataclass(slots=True)
class EventSource:
    """The events of one device.

    ``heartbeat`` is how often it is asked to say that it is alive, in seconds; ``beats`` is whether
    it ever did. ``codes`` is what it was found to understand, None before it was asked.
    """

    device: Device
    cgi: Cgi
    translator: Translator
    heartbeat: int = 5
    everything: bool = False
    codes: EventCodes | None = None
    beats: bool = False

    # --- the stream -----------------------------------------------------------------------------

    async def attach(self) -> AsyncGenerator[Told, None]:
        """Yield what one connection of the stream tells, first of all what goes on already.

        The question is asked once the stream is open, so that nothing falls in between. Raises
        `NotSupported` for a device that reports no events, and what `ucv.http.DeviceHttp` does.
        """
        async with AsyncExitStack() as stack:
            stream = await self._open(stack)
            parser = MultipartParser(boundary_of(stream.content_type), max_part=MAX_PART)
            now = await self.current()
            going_on = self._note(now)
            yield now
            head: bytes | None = b""
            chunks = await stack.enter_async_context(aclosing(self._chunks(stream)))
            async for chunk in chunks:
                bodies = _fed(parser, chunk)
                if head is not None:
                    head = None if bodies else (head + chunk)[:_MAX_HEAD]
                for event in self._events(bodies):
                    going_on.note(event)
                    yield event
                # Heartbeats come often enough to look at the clock.
                late = self.device.clock.monotonic() - going_on.asked >= CONFIRM_AFTER
                if not chunk or (going_on.keys and late):
                    now = await self.current()
                    if not chunk and not now.kinds:
                        raise ConnectTimeout("The camera says nothing any more.")
                    going_on = self._note(now)
                    yield now
            if head:
                _raise_explanation(head)

    def _note(self, now: CurrentEvents) -> _GoingOn:
        found = _GoingOn(now.kinds, set(), self.device.clock.monotonic())
        for event in now.active:
            found.note(event)
        return found

    async def _chunks(self, stream: HttpStream) -> AsyncGenerator[bytes, None]:
        """Yield what comes; b"" when nothing does from a device that never says it is alive.

        Some firmware sends no heartbeat, whatever was asked for: then it is asked something else.
        """
        while True:
            try:
                async for chunk in stream:
                    yield chunk
            except ConnectTimeout:
                if self.beats:
                    raise
            else:
                return
            yield b""

    async def _open(self, stack: AsyncExitStack) -> HttpStream:
        silence = MISSED_BEATS * self.heartbeat + GRACE
        wanted = (self.codes,) if self.codes is not None else tuple(EventCodes)
        if self.everything:
            wanted = (EventCodes.ALL,)
        for codes in wanted:
            names = ",".join(CODES) if codes is EventCodes.LIST else codes.value
            # Some firmware refuses brackets as they are; none is known that refuses these.
            query = f"action=attach&codes=%5B{names}%5D&heartbeat={self.heartbeat}"
            try:
                opening = self.cgi.listen(f"eventManager.cgi?{query}", silence=silence)
                stream = await stack.enter_async_context(opening)
            except (EndpointNotFound, NotSupported) as error:
                raise _no_events(error.details) from None
            except ProtocolError as error:
                status = error.details.get("status")
                if status == 501:
                    raise _no_events(error.details) from None
                if status not in _LIST_REFUSED or codes is wanted[-1]:
                    raise
            else:
                self.codes = codes
                return stream
        raise _no_events({})

    def _events(self, bodies: list[bytes]) -> Iterator[CameraEvent]:
        for body in bodies:
            self.beats = self.beats or body.strip() == b"Heartbeat"
            for report in reports(body):
                if (event := self.translator.event(report)) is not None:
                    yield event

    # --- questions ------------------------------------------------------------------------------

    async def exists(self) -> bool:
        """Say whether the device reports events at all: not one that does not know the script."""
        try:
            await self.cgi.table("eventManager.cgi", "getEventIndexes", {"code": "VideoMotion"})
        except (EndpointNotFound, NotSupported):
            return False
        except (ProtocolError, AccessDenied, ConnectTimeout, ConnectionClosed):
            return True  # as much as is known before it is tried
        return True

    async def current(self) -> CurrentEvents:
        """Return what goes on at the moment, of those kinds that the device tells about."""
        active: list[CameraEvent] = []
        kinds: list[type[CameraEvent]] = []
        for code, kind in POLLED.items():
            told = await self._ask(code)
            if told is not None:
                kinds.append(kind)
                active += self.translator.current(code, told)
        return CurrentEvents(tuple(active), tuple(kinds))

    async def poll(self, interval: float) -> AsyncGenerator[Told, None]:
        """Yield what goes on, every ``interval`` seconds; raises `NotSupported` if nobody knows."""
        while True:
            now = await self.current()
            if not now.kinds:
                raise NotSupported("The camera does not tell what goes on.")
            yield now
            await self.device.clock.sleep(interval)

    async def _ask(self, code: str) -> Table | None:
        """Return the channels at which something goes on; None if the device does not tell.

        "Error" with "No Events", whatever the status, is what it says where nothing does. Silence
        says nothing, and is no reason to do without the stream.
        """
        try:
            return await self.cgi.table("eventManager.cgi", "getEventIndexes", {"code": code})
        except (ProtocolError, NotSupported) as error:
            if not is_refusal(error):
                raise
            reason = str(error.details.get("reason", "")).casefold()
            nothing = "no event" in reason or error.details.get("status") == 200
            return Table() if nothing else None
        except (ConnectTimeout, ConnectionClosed):
            return None


def _fed(parser: MultipartParser, chunk: bytes) -> list[bytes]:
    try:
        return [part.body for part in parser.feed(chunk)]
    except MediaError as error:
        raise ProtocolError(f"The camera's events cannot be read: {error}") from None


def _no_events(details: dict[str, object]) -> NotSupported:
    return NotSupported("The camera reports no events.", details=details)


def _raise_explanation(head: bytes) -> None:
    """Raise what a device said instead of a stream."""
    if head.lstrip().lower().startswith(b"error"):
        raise ProtocolError("The camera refused to report events.")
