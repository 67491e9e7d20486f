"""What plugins were called for, and how long it took."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ucv.clock import Clock

#: How many calls are remembered.
KEPT = 2000


@dataclass(frozen=True, slots=True)
class TracedCall:
    """One call into a plugin.

    ``name`` is the hook or method; ``entry_id`` is empty for a hook; ``at`` is seconds since the
    epoch, ``seconds`` how long it took, ``outcome`` "ok", "cancelled" or an exception's type.
    """

    plugin: str
    name: str
    entry_id: str
    at: float
    seconds: float
    outcome: str


class Trace:
    """The last calls into plugins, and who wants to know of each."""

    def __init__(self, clock: Clock) -> None:
        self.calls: deque[TracedCall] = deque(maxlen=KEPT)
        self._clock = clock
        self._listeners: list[Callable[[TracedCall], object]] = []

    def subscribe(self, listener: Callable[[TracedCall], object]) -> Callable[[], None]:
        """Call ``listener`` after each call from now on; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @contextmanager
    def call(self, plugin: str, name: str, entry_id: str = "") -> Iterator[None]:
        """Take the time of what runs within."""
        at, began = self._clock.time(), self._clock.monotonic()
        outcome = "ok"
        try:
            yield
        except BaseException as error:
            outcome = type(error).__name__
            if outcome in ("CancelledError", "GeneratorExit"):
                outcome = "cancelled"
            raise
        finally:
            seconds = self._clock.monotonic() - began
            done = TracedCall(plugin, name, entry_id, at, seconds, outcome)
            self.calls.append(done)
            for listener in list(self._listeners):
                listener(done)
