"""A viewer: a cursor over the fragments of a stream, and the sink they go to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ucv.media.fmp4 import Fragment
from ucv.streams.state import Reason, StreamStatus


class ViewerSink(Protocol):
    """Where a viewer's pictures go. Called on the event loop; must return quickly, never wait.

    A sink that raises is taken off the stream and closed; the other viewers do not notice.
    """

    def writable(self) -> bool:
        """Say whether there is room for more; while not, the viewer falls behind."""

    def send_init(self, init: bytes, mime: str) -> None:
        """Take the init segment (ftyp, moov) of the fragments that follow: at first, and anew."""

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """Take fragments in order, the first ever, or after a gap, being a keyframe.

        ``burst``: they are older than now, sent to catch up.
        """

    def on_status(self, status: StreamStatus) -> None:
        """Take note of the stream's state: when attached, and at each change."""

    def close(self, reason: Reason) -> None:
        """Take note that nothing more will come; the viewer is detached already."""


class Viewer:
    """One viewer of one stream, made by `LiveStream.attach`.

    ``sent`` and ``skips`` count fragments that were given to the sink, and that it missed because
    it was not writable.
    """

    __slots__ = ("_detach", "blocked_since", "format", "position", "sent", "sink", "skips")

    def __init__(self, sink: ViewerSink, detach: Callable[[Viewer], None]) -> None:
        self.sink = sink
        self.sent = 0
        self.skips = 0
        #: Position of the next fragment it wants; -1: any keyframe.
        self.position = -1
        #: Number of the init segment it has; 0: none.
        self.format = 0
        #: Monotonic seconds since when it cannot be written to; None: it can.
        self.blocked_since: float | None = None
        self._detach = detach

    def detach(self) -> None:
        """Leave the stream; harmless when it has left already."""
        self._detach(self)
