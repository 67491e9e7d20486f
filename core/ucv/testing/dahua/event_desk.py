"""The events of a Dahua device: what goes on, who listens, and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from typing import Any

from ucv.clock import Clock, TimerHandle
from ucv.testing.dahua.answers import Commands, Refusal, always, failure, lines, number
from ucv.testing.dahua.event_framing import CONTENT_TYPE, EventFraming, report
from ucv.testing.http_message import Answer, Request

#: Reports that may wait for a listener before it is dropped.
_MAX_WAITING = 1000
_HEARTBEATS = range(1, 61)

#: What devices with analytics report about, where a test does not say what.
_DATA: Mapping[str, Mapping[str, Any]] = {
    "CrossLineDetection": {
        "Class": "Normal",
        "Direction": "LeftToRight",
        "Name": "Line 1",
        "Object": {"Action": "Appear", "ObjectID": 7, "ObjectType": "Human"},
    },
    "CrossRegionDetection": {
        "Action": "Appear",
        "Class": "Normal",
        "Name": "Region 1",
        "Object": {"Action": "Appear", "ObjectID": 8, "ObjectType": "Vehicle"},
    },
    "_DoTalkAction_": {"Action": "Invite", "CallID": "1", "CallSrcMask": 1},
}


class Listener:
    """One who has attached; ``heartbeat`` is in seconds, None when it wants none."""

    def __init__(self, codes: frozenset[str], heartbeat: int | None, clock: Clock) -> None:
        self.codes = codes
        self._clock = clock
        self._heartbeat = heartbeat
        self._timer: TimerHandle | None = None
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(_MAX_WAITING)
        self._beat_later()

    def wants(self, code: str) -> bool:
        """Whether it has asked for events of this code."""
        return "All" in self.codes or code in self.codes

    def tell(self, text: str) -> None:
        """Send a text; who does not read is dropped."""
        try:
            self._waiting.put_nowait(text)
        except asyncio.QueueFull:
            self._waiting.get_nowait()
            self._waiting.put_nowait(None)

    def end(self) -> None:
        """Tell it no more, and let its connection end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait(None)

    async def next(self) -> str | None:
        """Return the next text; None is the end."""
        return await self._waiting.get()

    def _beat_later(self) -> None:
        if self._heartbeat is not None:
            self._timer = self._clock.call_later(self._heartbeat, self._beat)

    def _beat(self) -> None:
        self.tell("Heartbeat")
        self._beat_later()


class EventDesk:
    """Knows what is active, and tells those who listen.

    - ``listeners``: those there are; ``attached`` counts all there have been, ``codes`` what the
      latest asked for, in its own order.
    - ``longest_code_list``: for the quirks that refuse longer ones.
    - ``muted``: connected, but nothing is said any more, not even a heartbeat.
    """

    def __init__(self, clock: Clock, quirks: Collection[str]) -> None:
        self.listeners: set[Listener] = set()
        self.attached = 0
        self.codes: tuple[str, ...] = ()
        self.longest_code_list = 3
        self.muted = False
        self._active: set[tuple[str, int]] = set()
        self._clock = clock
        self._quirks = quirks

    # --- what goes on ---------------------------------------------------------------------------

    def emit(
        self, code: str, action: str, index: int, data: Mapping[str, Any] | None = None
    ) -> None:
        """Report an event; ``index`` is counted from 0, ``action`` Start, Stop, Pulse or State."""
        if action == "Start":
            self._active.add((code, index))
        elif action == "Stop":
            self._active.discard((code, index))
        tricky = "event-tricky-data" in self._quirks
        text = report(code, action, index, _DATA.get(code) if data is None else data, tricky=tricky)
        for listener in self.listeners:
            if listener.wants(code):
                listener.tell(text)

    def active(self, code: str) -> list[int]:
        """Return the channels, counted from 0, where such an event goes on."""
        return sorted(index for active, index in self._active if active == code)

    def disconnect(self) -> None:
        """End the streams of all who listen."""
        for listener in list(self.listeners):
            listener.end()

    def forget(self, index: int | None = None) -> None:
        """Let nothing go on any more, without a word: of a channel from 0, or of all (None)."""
        self._active = {one for one in self._active if index is not None and one[1] != index}

    # --- what is answered -----------------------------------------------------------------------

    @property
    def commands(self) -> Commands:
        """The commands of eventManager.cgi."""
        for status in (404, 501):
            if f"events-{status}" in self._quirks:
                return {"eventManager.cgi": always(failure(status))}
        return {
            "eventManager.cgi?action=attach": self._attach,
            "eventManager.cgi?action=getEventIndexes": self._indexes,
        }

    def _indexes(self, request: Request) -> Answer:
        if not (code := request.query.get("code")):
            raise Refusal
        active = self.active(code)
        if not active:
            return lines(["Error: No Events"])
        return lines(f"channels[{place}]={index}" for place, index in enumerate(active))

    def _attach(self, request: Request) -> Answer:
        text = request.query.get("codes", "")
        if not (text.startswith("[") and text.endswith("]") and text[1:-1]):
            raise Refusal
        codes = tuple(code.strip() for code in text[1:-1].split(","))
        heartbeat = number(request, "heartbeat", 0)
        if "heartbeat" in request.query and heartbeat not in _HEARTBEATS:
            raise Refusal
        if len(codes) > self.longest_code_list:
            for status in (400, 500):
                if f"long-code-list-{status}" in self._quirks:
                    raise Refusal(status)
        silent = not heartbeat or "no-heartbeat" in self._quirks
        self.attached += 1
        self.codes = codes
        parts = self._parts(frozenset(codes), None if silent else heartbeat)
        return Answer(200, {"Content-Type": CONTENT_TYPE}, parts, chunked=False)

    async def _parts(self, codes: frozenset[str], heartbeat: int | None) -> AsyncIterator[bytes]:
        listener = Listener(codes, heartbeat, self._clock)
        framing = EventFraming(self._quirks)
        self.listeners.add(listener)
        try:
            while (text := await listener.next()) is not None:
                if not self.muted:
                    for piece in framing.part(text):
                        yield piece
                        # Each piece is a write of its own, and mostly a read of its own.
                        await asyncio.sleep(0)
        finally:
            self.listeners.discard(listener)
            listener.end()
