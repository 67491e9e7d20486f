"""What was received and could not be used: counted, with the last few by name."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any

from ucv.clock import Clock

#: Kinds of rejections that are counted apart, and the last ones that are kept by name.
MAX_KINDS, MAX_LAST = 200, 50
_MAX_REASON = 160


@dataclass(frozen=True, slots=True)
class Rejection:
    """One answer that was not used; ``time`` is seconds since the epoch."""

    source: str
    host: str
    reason: str
    time: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "source": self.source,
            "host": self.host,
            "reason": self.reason,
            "time": self.time,
        }


class Rejections:
    """Counts rejections by source and reason; memory is bounded whatever arrives."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._last: deque[Rejection] = deque(maxlen=MAX_LAST)

    def note(self, source: str, host: str, reason: str) -> None:
        """Count one; ``reason`` is a short sentence of our own, never what a device sent."""
        reason = reason[:_MAX_REASON]
        kind = (source, reason)
        self._counts[kind] = self._counts.pop(kind, 0) + 1
        if len(self._counts) > MAX_KINDS:
            self._counts.popitem(last=False)
        self._last.append(Rejection(source, host[:64], reason, self._clock.time()))

    def count(self, source: str) -> int:
        """Return how many there were of one source."""
        return sum(count for (of, _), count in self._counts.items() if of == source)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values: ``counts`` by source and reason, and the ``last`` ones."""
        return {
            "counts": [
                {"source": source, "reason": reason, "count": count}
                for (source, reason), count in self._counts.items()
            ],
            "last": [rejection.to_json() for rejection in self._last],
        }
