"""Remembers for a while which scan answers a question that was asked before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ucv.clock import Clock

#: Seconds for which a finished scan is as good as a new one.
TTL: Final = 300.0
_MAX_KEPT: Final = 64

#: Ranges in normal form, ports, and methods.
Key = tuple[tuple[str, ...], tuple[int, ...], tuple[str, ...]]


@dataclass(slots=True)
class Hit:
    """A scan that was made already: ``age`` seconds ago, and asked for ``hits`` times since."""

    scan_id: str
    age: float
    hits: int


@dataclass(slots=True)
class _Kept:
    scan_id: str
    finished: float
    hits: int = 0


class ScanCache:
    """Finished scans by what they looked at; ``hits`` and ``misses`` count all questions."""

    def __init__(self, clock: Clock, *, ttl: float = TTL) -> None:
        self.hits = 0
        self.misses = 0
        self._clock = clock
        self._ttl = ttl
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()

    def put(
        self, ranges: Sequence[str], ports: Sequence[int], methods: Sequence[str], scan_id: str
    ) -> None:
        """Remember a scan that has just finished."""
        key = (tuple(ranges), tuple(ports), tuple(methods))
        self._kept.pop(key, None)
        self._kept[key] = _Kept(scan_id, self._clock.monotonic())
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)

    def find(
        self, ranges: Sequence[str], ports: Sequence[int], methods: Sequence[str]
    ) -> Hit | None:
        """Return the scan that looked at the same a short while ago, and count the hit."""
        key = (tuple(ranges), tuple(ports), tuple(methods))
        kept = self._kept.get(key)
        age = 0.0 if kept is None else self._clock.monotonic() - kept.finished
        if kept is None or age > self._ttl:
            self._kept.pop(key, None)
            self.misses += 1
            return None
        kept.hits += 1
        self.hits += 1
        return Hit(kept.scan_id, age, kept.hits)
