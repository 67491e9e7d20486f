"""What can be set about live streams."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Settings of all live streams; times in seconds, sizes in bytes.

    - ``linger``: how long a stream stays connected after its last viewer has left.
    - ``ring_bytes``: bound of the GOP kept for new viewers.
    - ``retry_first``, ``retry_cap``: bounds of the back-off after the first and a later failure.
    - ``offline_after``: failures in a row after which a stream counts as offline;
      ``slow_after``: failures in a row after which tries come at most every ``slow_cap``.
    - ``stable_after``: how long a stream must have been live for its failures to be forgotten.
    - ``picture_limit``: a connection without a complete picture for that long has stalled, whatever
      else arrives on it.
    - ``blocked_limit``: a viewer that could not be written to for that long is closed.
    - ``parallel_connects``: how many streams may be connecting at once.
    """

    linger: float = 10.0
    ring_bytes: int = 16 * MIB
    retry_first: float = 1.0
    retry_cap: float = 30.0
    offline_after: int = 5
    slow_after: int = 12
    slow_cap: float = 60.0
    stable_after: float = 10.0
    picture_limit: float = 30.0
    blocked_limit: float = 30.0
    parallel_connects: int = 32
