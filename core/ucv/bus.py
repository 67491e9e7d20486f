"""Typed events: who publishes knows nothing of who listens."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

_log = logging.getLogger(__name__)

#: How many recent events are kept for `EventBus.since`.
HISTORY = 4096


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events: a frozen, slotted dataclass.

    ``sequence`` is given by the bus when the event is published: 1, 2, 3 … without gaps, over all
    types. It is 0 before. ``kept`` is False for measurements that the next one replaces: they have
    no place in the history.
    """

    kept: ClassVar[bool] = True
    sequence: int = field(default=0, init=False, compare=False)


E = TypeVar("E", bound=Event)
Listener = Callable[[E], object]
Unsubscribe = Callable[[], None]

# The slot's own descriptor writes past `frozen`; only the bus may.
_set_sequence: Callable[[Event, int], None] = Event.__dict__["sequence"].__set__


class Watcher(Generic[E]):
    """Events of one type as an asynchronous iterator, made by `EventBus.watch`.

    Holds at most ``maxsize`` events; then the oldest is dropped and counted in ``dropped``.
    """

    def __init__(self, maxsize: int) -> None:
        self.dropped = 0
        self._events: deque[E] = deque()
        self._maxsize = maxsize
        self._ready = asyncio.Event()

    def _put(self, event: E) -> None:
        if len(self._events) >= self._maxsize:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)
        self._ready.set()

    def __aiter__(self) -> AsyncIterator[E]:
        return self

    async def __anext__(self) -> E:
        while not self._events:
            self._ready.clear()
            await self._ready.wait()
        return self._events.popleft()


class EventBus:
    """Delivers each event, at once and in order, to the listeners of its type and its base types.

    Listeners are plain functions and must return quickly. One that raises is logged and never
    keeps the event from the others. Belongs to one event loop's thread.
    """

    def __init__(self) -> None:
        self.sequence = 0
        self._listeners: dict[type[Event], list[Listener[Any]]] = {}
        # Resolved per concrete type on first use; emptied when a subscription changes.
        self._resolved: dict[type[Event], tuple[Listener[Any], ...]] = {}
        self._history: deque[Event] = deque()
        # The newest event that is no longer in the history.
        self._forgotten = 0

    def publish(self, event: Event) -> int:
        """Deliver the event and return its sequence number."""
        self.sequence = sequence = self.sequence + 1
        _set_sequence(event, sequence)
        kind = type(event)
        if kind.kept:
            self._history.append(event)
            if len(self._history) > HISTORY:
                self._forgotten = self._history.popleft().sequence
        listeners = self._resolved.get(kind)
        if listeners is None:
            listeners = self._resolve(kind)
        for listener in listeners:
            try:
                listener(event)
            except Exception:  # a listener's fault is its own; the others still get the event
                _log.exception("A listener for %s failed", kind.__name__)
        return sequence

    def subscribe(self, kind: type[E], listener: Listener[E]) -> Unsubscribe:
        """Call ``listener`` for each event of ``kind`` or a subclass, until unsubscribed."""
        self._listeners.setdefault(kind, []).append(listener)
        self._resolved.clear()

        def unsubscribe() -> None:
            registered = self._listeners.get(kind, [])
            if listener in registered:
                registered.remove(listener)
                if not registered:
                    del self._listeners[kind]
                self._resolved.clear()

        return unsubscribe

    @contextmanager
    def watch(self, kind: type[E], maxsize: int = 1024) -> Iterator[Watcher[E]]:
        """Watch events from now on: ``with bus.watch(CameraChanged) as events: async for …``."""
        watcher: Watcher[E] = Watcher(maxsize)
        unsubscribe = self.subscribe(kind, watcher._put)
        try:
            yield watcher
        finally:
            unsubscribe()

    def since(self, sequence: int) -> list[Event] | None:
        """Return the kept events after ``sequence``.

        None when some of them are forgotten, or ``sequence`` is of another run of the hub.
        """
        if sequence < self._forgotten or sequence > self.sequence:
            return None
        return [event for event in self._history if event.sequence > sequence]

    @property
    def listener_count(self) -> int:
        """How many subscriptions there are; tests use it to find leaks."""
        return sum(map(len, self._listeners.values()))

    def _resolve(self, kind: type[Event]) -> tuple[Listener[Any], ...]:
        found = tuple(
            listener for base in kind.__mro__ for listener in self._listeners.get(base, ())
        )
        self._resolved[kind] = found
        return found
