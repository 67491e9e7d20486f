"""One fragment to many viewers, each a cursor that falls behind alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from ucv.clock import Clock
from ucv.media.fmp4 import Fragment
from ucv.streams.ring import GopRing
from ucv.streams.state import Reason, StreamStatus
from ucv.streams.viewer import Viewer, ViewerSink

_log = logging.getLogger(__name__)

#: Bytes given to a sink between two questions whether it has room for more.
_CHUNK = 256 * 1024

BLOCKED = Reason("VIEWER_BLOCKED", "The viewer stopped reading.")
_BROKEN = Reason("INTERNAL_ERROR", "The viewer's connection failed.")


class Fanout:
    """The viewers of a stream and the GOP they start from.

    A viewer whose sink has no room stays where it is. When there is room again it goes on from
    there if the ring still has it, and otherwise from the ring's keyframe, with the fragments
    between counted as skipped. So a viewer always gets pictures it can decode, holds at most its
    own write buffer, and costs the others nothing.
    """

    def __init__(self, clock: Clock, max_bytes: int) -> None:
        self.ring = GopRing(max_bytes)
        self.init = b""
        self.mime = ""
        self._clock = clock
        self._format = 0
        # Replaced, never changed, so that a viewer may leave while fragments are given out.
        self._viewers: tuple[Viewer, ...] = ()
        self._skips_of_gone = 0

    def __len__(self) -> int:
        return len(self._viewers)

    @property
    def skips(self) -> int:
        """Fragments that viewers missed, those of viewers that have left included."""
        return self._skips_of_gone + sum(viewer.skips for viewer in self._viewers)

    def attach(self, sink: ViewerSink, on_detach: Callable[[], object]) -> Viewer:
        """Add a viewer and give it what the ring holds, before this returns.

        ``on_detach`` is called once, when it has left in whatever way.
        """

        def detach(viewer: Viewer) -> None:
            if self._remove(viewer):
                on_detach()

        viewer = Viewer(sink, detach)
        self._viewers = (*self._viewers, viewer)
        self._catch_up(viewer)
        return viewer

    def set_format(self, init: bytes, mime: str) -> None:
        """Give each viewer this init segment before the next keyframe, which must come next."""
        self.init = init
        self.mime = mime
        self._format += 1
        self.restart()

    def restart(self) -> None:
        """Forget the pictures and let each viewer wait for the next keyframe."""
        self.ring.clear()
        for viewer in self._viewers:
            if viewer.position >= 0:
                viewer.skips += self.ring.end - viewer.position
                viewer.position = -1

    def publish(self, fragment: Fragment) -> None:
        """Give the next fragment to each viewer that has room."""
        ring = self.ring
        position = ring.end
        ring.append(fragment)
        single = (fragment,)
        for viewer in self._viewers:
            if viewer.position == position:
                sink = viewer.sink
                try:
                    if sink.writable():
                        sink.send(single, burst=False)
                        viewer.position = position + 1
                        viewer.sent += 1
                        continue
                except Exception:  # a sink's fault is its own: the other viewers go on
                    self._expel(viewer)
                    continue
            self._catch_up(viewer)

    def tick(self, blocked_limit: float) -> None:
        """Help on who fell behind, and close who could not be written to for that many seconds."""
        now = self._clock.monotonic()
        for viewer in self._viewers:
            if viewer.position != self.ring.end:
                self._catch_up(viewer)
            if viewer.blocked_since is not None and now - viewer.blocked_since >= blocked_limit:
                self._close(viewer, BLOCKED)

    def announce(self, status: StreamStatus) -> None:
        """Tell each viewer the state of the stream."""
        for viewer in self._viewers:
            try:
                viewer.sink.on_status(status)
            except Exception:  # as above
                self._expel(viewer)

    def close(self, reason: Reason) -> None:
        """Close all viewers."""
        for viewer in self._viewers:
            self._close(viewer, reason)

    def _catch_up(self, viewer: Viewer) -> None:
        ring = self.ring
        sink = viewer.sink
        try:
            if ring and viewer.position < ring.start:
                if viewer.position >= 0:
                    viewer.skips += ring.start - viewer.position
                viewer.position = ring.start
            if not sink.writable():
                if viewer.blocked_since is None:
                    viewer.blocked_since = self._clock.monotonic()
                return
            viewer.blocked_since = None
            if not ring:
                return
            if viewer.format != self._format:
                sink.send_init(self.init, self.mime)
                viewer.format = self._format
            for chunk in _chunks(ring.since(viewer.position)):
                sink.send(chunk, burst=True)
                viewer.position += len(chunk)
                viewer.sent += len(chunk)
                if not sink.writable():
                    break
        except Exception:  # as above
            self._expel(viewer)

    def _expel(self, viewer: Viewer) -> None:
        _log.warning("A viewer failed and was detached", exc_info=True)
        self._close(viewer, _BROKEN)

    def _close(self, viewer: Viewer, reason: Reason) -> None:
        viewer.detach()
        try:
            viewer.sink.close(reason)
        except Exception:  # as above
            _log.warning("A viewer failed while it was closed", exc_info=True)

    def _remove(self, viewer: Viewer) -> bool:
        if viewer not in self._viewers:
            return False
        self._viewers = tuple(other for other in self._viewers if other is not viewer)
        self._skips_of_gone += viewer.skips
        return True


def _chunks(fragments: Sequence[Fragment]) -> Iterator[Sequence[Fragment]]:
    """Cut into runs of about `_CHUNK` bytes; a run holds at least one fragment."""
    start = size = 0
    for index, fragment in enumerate(fragments):
        size += len(fragment.buffer)
        if size >= _CHUNK:
            yield fragments[start : index + 1]
            start, size = index + 1, 0
    if start < len(fragments):
        yield fragments[start:]
