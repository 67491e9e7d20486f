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
        "_duration",
        "_ideal",
        "_last",
        "_learns",
        "_max_gap",
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
        self._duration = min(max(1, interval), self._max_gap)
        self._started = False
        self._base = 0  # camera's timestamp at time 0
        self._last = start - 1  # decode time of the last picture
        self._ideal = start  # what that would be if players took any step
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
        duration is the step that led to it, since the next picture is not known yet, or what is
        left of a longer one of late. It is exact when the camera is steady: pictures that overlap
        are dropped now and then (seen in Chromium 156).
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
            latest = shown
        else:
            # Browsers drop everything up to the next keyframe when a picture is decoded more than
            # two durations after the one before (Media Source Extensions, "coded frame
            # processing"). When it is shown does not matter to that. So decoding follows in small
            # steps when a camera loses a frame, or sends fewer at night, and the picture goes on.
            # (Not quite two: players round to microseconds.)
            latest = self._last + self._duration * 15 // 8
        self._newest = max(self._newest, shown)
        self._received = received
        if self._learns:
            self._recent = [*self._recent[-MAX_LEARNT_DEPTH:], shown]
        ideal = shown
        if self._depth:
            insort(self._waiting, shown)
            ideal = self._waiting.pop(0) if len(self._waiting) > self._depth else self._ideal
        if 0 < (step := ideal - self._ideal) <= self._max_gap:
            self._duration = max(step, step + (self._duration - step) // 2)
        self._ideal = ideal
        self._last = decoded = max(min(ideal, latest), self._last + 1)
        return decoded, shown - decoded, self._duration

    def _restart(self, timestamp: int, at: int) -> None:
        """Let the picture with that timestamp be decoded at ``at``."""
        shown = at + self._depth * self._duration
        self._base = timestamp - shown
        self._newest = shown
        self._ideal = at - self._duration
        self._waiting = [at + n * self._duration for n in range(self._depth)]
        self._recent.clear()

    def _reordered(self, shown: int) -> bool:
        """Say whether a step backwards is B-frames' order (which is learnt), not the clock's."""
        if not self._learns:
            return self._depth > 0 and self._newest - shown <= self._max_gap
        depth = sum(1 for earlier in self._recent if earlier > shown)
        if depth > MAX_LEARNT_DEPTH or shown < min(self._recent, default=shown):
            return False
        self._depth = max(self._depth, depth)
        return True
