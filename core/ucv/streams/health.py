"""How well a stream does, measured once a second; nothing is estimated that was not seen."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

from ucv.media.access_unit import VideoFormat
from ucv.media.fmp4 import Fragment
from ucv.streams.state import StreamHealth

#: Seconds over which the average frame rate and the penalties are taken.
_MINUTE = 60
#: Pictures whose distance in the camera's time gives the learnt rate.
_LEARN = 250
_LEARN_MIN = 10


class HealthMeter:
    """Counts what passes, and sums it up once a second.

    The score of a stream that should be live is 0 while it is not. Else it is
    ``100 * rate - loss - reconnects - latency``, rounded, from 0 to 100:

    - ``rate``: frames that came in the last 5 s (longer for slow streams: 5 pictures) over those
      that should have, at most 1;
    - ``loss``: 5 for each second of the last minute in which packets were lost, at most 30;
    - ``reconnects``: 10 for each in the last minute, at most 30;
    - ``latency``: 0 up to a p99 of 10 ms, then 10 for each factor of 10 (100 ms: 10; 1 s: 20).
    """

    def __init__(self, declared_fps: float, now: float) -> None:
        self.lost_packets = 0
        self.reconnects = 0
        self.time_to_first_frame: float | None = None
        self._declared_fps = declared_fps
        self._clock_rate = 90_000
        self._measured_at = now
        self._frames = 0
        self._bytes = 0
        self._latencies: list[float] = []
        self._last_decode_time: int | None = None
        self._intervals: deque[int] = deque(maxlen=_LEARN)
        self._keyframe_at: float | None = None
        self._keyframe_interval: float | None = None
        #: Of each second of the last minute: its length, frames, whether it had loss, reconnects.
        self._seconds: deque[tuple[float, int, bool, int]] = deque(maxlen=_MINUTE)
        self._lost_before = 0
        self._reconnects_before = 0

    def format(self, video_format: VideoFormat, declared_fps: float) -> None:
        """Take the format of what follows; ``declared_fps`` 0.0: not declared, learn it."""
        self._clock_rate = video_format.clock_rate
        self._declared_fps = declared_fps or video_format.frame_rate
        self._intervals.clear()
        self._last_decode_time = None

    def resume(self, now: float) -> None:
        """Measure from here on: the time before, when nothing was to come, counts for nothing."""
        self._measured_at = now

    def bytes_read(self, count: int) -> None:
        """Count bytes from the network."""
        self._bytes += count

    def sent(self, fragment: Fragment, now: float) -> None:
        """Count a picture that has just been given to all viewers."""
        self._frames += 1
        self._latencies.append(now - fragment.received)
        decode_time = fragment.decode_time
        if self._last_decode_time is not None:
            self._intervals.append(decode_time - self._last_decode_time)
        self._last_decode_time = decode_time
        if fragment.keyframe:
            if self._keyframe_at is not None:
                self._keyframe_interval = fragment.received - self._keyframe_at
            self._keyframe_at = fragment.received

    def disconnected(self) -> None:
        """Take note that pictures after this are not consecutive to those before."""
        self._last_decode_time = None
        self._keyframe_at = None

    @property
    def expected_fps(self) -> float | None:
        """The declared rate, or the one learnt from the camera's own timestamps."""
        if self._declared_fps:
            return self._declared_fps
        if len(self._intervals) < _LEARN_MIN:
            return None
        interval = median(self._intervals)
        return self._clock_rate / interval if interval > 0 else None

    def measure(self, now: float, *, viewers: int, skips: int, live: bool | None) -> StreamHealth:
        """Sum up what passed since the last call, about a second ago.

        ``live`` says whether the stream is; None if it need not be, then there is no score.
        """
        elapsed = max(now - self._measured_at, 1e-3)
        self._measured_at = now
        self._seconds.append(
            (
                elapsed,
                self._frames,
                self.lost_packets > self._lost_before,
                self.reconnects - self._reconnects_before,
            )
        )
        self._lost_before, self._reconnects_before = self.lost_packets, self.reconnects
        p50, p99 = _percentiles(self._latencies)
        health = StreamHealth(
            fps=self._frames / elapsed,
            average_fps=self._rate_over(_MINUTE),
            expected_fps=self.expected_fps,
            bitrate=self._bytes * 8 / elapsed,
            keyframe_interval=self._keyframe_interval,
            lost_packets=self.lost_packets,
            reconnects=self.reconnects,
            latency_p50=p50,
            latency_p99=p99,
            viewers=viewers,
            skips=skips,
            time_to_first_frame=self.time_to_first_frame,
            score=None if live is None else self._score(p99) if live else 0,
        )
        self._frames = self._bytes = 0
        self._latencies = []
        return health

    def _rate_over(self, seconds: float) -> float:
        length, frames = 0.0, 0
        for elapsed, count, _lost, _reconnects in reversed(self._seconds):
            length += elapsed
            frames += count
            if length >= seconds:
                break
        return frames / length if length else 0.0

    def _score(self, latency_p99: float | None) -> int:
        expected = self.expected_fps
        if expected is None:
            rate = 1.0 if self._rate_over(5.0) else 0.0
        else:
            rate = min(1.0, self._rate_over(max(5.0, 5.0 / expected)) / expected)
        loss = min(30, 5 * sum(lost for _, _, lost, _ in self._seconds))
        reconnects = min(30, 10 * sum(count for _, _, _, count in self._seconds))
        latency = 0.0
        if latency_p99 is not None and latency_p99 > 10.0:
            latency = 10.0 * math.log10(latency_p99 / 10.0)
        return max(0, min(100, round(100 * rate - loss - reconnects - latency)))


def _percentiles(latencies: list[float]) -> tuple[float | None, float | None]:
    """Return p50 and p99 in milliseconds, of values in seconds."""
    if not latencies:
        return None, None
    ordered = sorted(latencies)
    last = len(ordered) - 1
    return ordered[round(0.5 * last)] * 1000, ordered[round(0.99 * last)] * 1000
