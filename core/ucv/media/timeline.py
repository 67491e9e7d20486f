"""From a camera's presentation timestamps to the decode times of a fragmented MP4.

RTP tells when a picture is to be shown, not when it is to be decoded; and cameras' clocks jump. MP4
wants decode times that only grow. Pictures that are shown in another order than they are decoded
(B-frames) get the difference as composition offset.
"""

from __future__ import annotations

from bisect import insort

#: Seconds without a picture, or forward in the camera's clock, after which the clock is restarted.
MAX_GAP = 2.0
#: Pictures shown after one that is decoded later, beyond which the camera's clock went backwards.
#: No camera's encoder reorders more; what a stream itself declares may be more.
MAX_LEARNT_DEPTH = 4
#: Seconds a fragment is said to last, at least. Browsers drop everything up to the next keyframe
#: when a decode time is more than two durations after the last one (Media Source Extensions, "coded
#: frame processing"): a camera may lose a frame, or halve its rate at night, but the picture must
#: go on.
MIN_DURATION = 0.1

_DEFAULT_FRAME_RATE = 25.0


class Timeline:
    """Places the pictures of one stream on one time axis.

    ``clock_rate`` is in ticks per second; all results are in these ticks. ``reorder_depth`` is what
    the stream declares (None: unknown, it is learnt), ``frame_rate`` 0.0 if unknown. Decode times
    start at ``start``, grow strictly, and go on over jumps of the camera's clock by the time that
    really passed.
    """

    __slots__ = (
        "_base",
        "_depth",
        "_interval",
        "_last",
        "_learns",
        "_max_gap",
        "_min_duration",
        "_newest",
        "_received",
        "_recent",
        "_started",
        "_waiting",
        "clock_rate",
        "restarts",
    )

    def __init__(
        self,
        clock_rate: int,
        *,
        reorder_depth: int | None = None,
        frame_rate: float = 0.0,
        start: int = 0,
    ) -> None:
        self.clock_rate = clock_rate
        self.restarts = 0
        self._depth = reorder_depth or 0
        self._learns = reorder_depth is None
        self._max_gap = int(MAX_GAP * clock_rate)
        interval = round(clock_rate / (frame_rate or _DEFAULT_FRAME_RATE))
        self._interval = min(max(1, interval), self._max_gap)
        self._min_duration = int(MIN_DURATION * clock_rate)
        self._started = False
        self._base = 0  # camera's timestamp at time 0
        self._last = start - 1  # decode time of the last picture
        self._newest = 0  # latest presentation time so far
        self._received = 0.0
        self._waiting: list[int] = []  # sorted: times to come out as decode times
        self._recent: list[int] = []  # presentation times of the last pictures, as decoded

    @property
    def last(self) -> int:
        """Decode time of the last picture; one less than the start before the first."""
        return self._last

    def place(self, timestamp: int, received: float) -> tuple[int, int, int]:
        """Return decode time, composition offset (signed) and duration of the next picture.

        ``timestamp`` is the unwrapped presentation time, ``received`` in monotonic seconds. The
        duration is an estimate, since the next picture is not known yet: generous where pictures
        come in order, and exact where they are reordered, because there they would overlap.
        """
        if not self._started:
            self._started = True
            self._restart(timestamp, self._last + 1)
        shown = timestamp - self._base
        step = shown - self._newest
        if step > self._max_gap or (step < 0 and not self._reordered(shown)):
            elapsed = round((received - self._received) * self.clock_rate)
            self.restarts += 1
            self._restart(timestamp, self._last + max(1, elapsed))
            shown = timestamp - self._base
        self._newest = max(self._newest, shown)
        self._received = received
        if self._learns:
            self._recent = [*self._recent[-MAX_LEARNT_DEPTH:], shown]
        decoded = shown
        if self._depth:
            if step > (2 * self._depth + 8) * self._interval:
                self._seed(shown - self._depth * self._interval)
            insort(self._waiting, shown)
            decoded = self._waiting.pop(0) if len(self._waiting) > self._depth else 0
        if decoded <= self._last:
            decoded = self._last + 1
        delta = decoded - self._last
        self._last = decoded
        if 1 < delta <= self._max_gap:
            self._interval = delta
        duration = self._interval if self._depth else max(self._interval, self._min_duration)
        return decoded, shown - decoded, duration

    def _restart(self, timestamp: int, at: int) -> None:
        """Let the picture with that timestamp be decoded at ``at``."""
        shown = at + self._depth * self._interval
        self._base = timestamp - shown
        self._newest = shown
        self._seed(at)
        self._recent.clear()

    def _seed(self, at: int) -> None:
        """Begin decoding at ``at`` ahead of a picture shown as many intervals later as is deep.

        After lost pictures too: else the decode time of the next keyframe would be that of a
        picture before the gap, and the gap would come behind it, where no player can start.
        """
        self._waiting = [at + n * self._interval for n in range(self._depth)]

    def _reordered(self, shown: int) -> bool:
        """Say whether a step backwards is B-frames' order (which is learnt), not the clock's."""
        if not self._learns:
            return self._depth > 0 and self._newest - shown <= self._max_gap
        depth = sum(1 for earlier in self._recent if earlier > shown)
        if depth > MAX_LEARNT_DEPTH or shown < min(self._recent, default=shown):
            return False
        self._depth = max(self._depth, depth)
        return True
