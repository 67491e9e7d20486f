"""What waits to be sent to one client: bounded, whatever it reads.

Answers wait in order, and the client gets no further commands done while too many wait. Of a
subscription only what holds now waits: events that were not sent in time are collapsed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from ucv_bridge.camera_feed import CameraFeed, Changes

#: Answers that may wait before commands do.
_MAX_ANSWERS = 16


class Topic(Protocol):
    """What a subscription has to say."""

    def take(self) -> bytes | None:
        """Return the next event as JSON, or None."""


class Outbox:
    """Sends, one after the other, for as long as `run` runs."""

    def __init__(self) -> None:
        self._answers: deque[bytes] = deque()
        self._topics: dict[int, Topic] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def run(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send what there is; ``send`` waits while the client does not read."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._send_answers(send)
                for subscription in list(self._topics):
                    await self._send_event(subscription, send)
                    await self._send_answers(send)
        finally:
            self._room.set()  # nobody may wait for what will not come

    async def _send_event(
        self, subscription: int, send: Callable[[bytes], Awaitable[None]]
    ) -> None:
        # Unsubscribed meanwhile: that was answered already, and nothing may follow.
        topic = self._topics.get(subscription)
        if topic is not None and (event := topic.take()) is not None:
            await send(b'{"id":%d,"type":"event","event":%b}' % (subscription, event))

    async def _send_answers(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        while self._answers:
            await send(self._answers.popleft())
            if len(self._answers) < _MAX_ANSWERS:
                self._room.set()

    def answer(self, message: bytes) -> None:
        """Send a message."""
        self._answers.append(message)
        if len(self._answers) >= _MAX_ANSWERS:
            self._room.clear()
        self._wake.set()

    async def room(self) -> None:
        """Wait until another command may be done."""
        await self._room.wait()

    def add(self, subscription: int, topic: Topic) -> None:
        """Begin to send a subscription's events."""
        self._topics[subscription] = topic
        self._wake.set()

    def remove(self, subscription: int) -> None:
        """Send none of its events any more."""
        self._topics.pop(subscription, None)

    def wake(self) -> None:
        """Look again: a topic has something to say."""
        self._wake.set()


class CameraTopic:
    """All cameras, then what changes; a client that falls behind is sent the sum of it."""

    def __init__(self, feed: CameraFeed, wake: Callable[[], object], since: int | None) -> None:
        self._feed = feed
        self._wake = wake
        self._pending = feed.since(since) if since is not None else None
        self._all = self._pending is None

    def push(self, changes: Changes) -> None:
        """Take note of changes; all subscribers share them."""
        if not self._all:  # those are in what will be sent
            before = self._pending
            self._pending = changes if before is None else before.followed_by(changes)
        self._wake()

    def take(self) -> bytes | None:
        """See `Topic.take`."""
        if self._all:
            self._all = False
            return self._feed.snapshot()
        changes, self._pending = self._pending, None
        return changes.body() if changes is not None else None


class LatestTopic:
    """Events of which only the newest matters."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._event: bytes | None = None

    def push(self, event: bytes) -> None:
        """Replace what has not been sent."""
        self._event = event
        self._wake()

    def take(self) -> bytes | None:
        """See `Topic.take`."""
        event, self._event = self._event, None
        return event
