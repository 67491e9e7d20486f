"""The current GOP of a stream, kept so that a new viewer sees a picture at once."""

from __future__ import annotations

from collections.abc import Sequence

from ucv.media.fmp4 import Fragment


class GopRing:
    """The fragments since the newest keyframe, at most ``max_bytes`` of them.

    Each fragment has a position, counted from 0 over the life of the stream. The ring holds
    positions ``start`` to ``end - 1``. Without a keyframe to start from (at first, after `clear`,
    or when a GOP outgrows the bound) it is empty until the next one: ``start == end``.
    ``size`` is in bytes.
    """

    __slots__ = ("_fragments", "_max_bytes", "end", "size", "start")

    def __init__(self, max_bytes: int) -> None:
        self.start = 0
        self.end = 0
        self.size = 0
        self._max_bytes = max_bytes
        self._fragments: list[Fragment] = []

    def append(self, fragment: Fragment) -> None:
        """Take the next fragment; a keyframe lets go of the GOP before it."""
        if fragment.keyframe:
            self.clear()
        self.end += 1
        if not (self._fragments or fragment.keyframe):
            self.start = self.end  # no keyframe to build on
            return
        self.size += len(fragment.buffer)
        if self.size > self._max_bytes:
            self.clear()
        else:
            self._fragments.append(fragment)

    def clear(self) -> None:
        """Forget the pictures: they are past, or no longer what the camera shows."""
        self._fragments.clear()
        self.size = 0
        self.start = self.end

    def since(self, position: int) -> Sequence[Fragment]:
        """Return the fragments from that position on; it must not lie before ``start``."""
        return self._fragments[position - self.start :]

    @property
    def keyframe(self) -> Fragment | None:
        """The fragment that decoding can start from, if there is one."""
        return self._fragments[0] if self._fragments else None

    def __len__(self) -> int:
        return len(self._fragments)
