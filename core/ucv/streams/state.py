"""The states of a live stream, and the events that tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from ucv.bus import Event


class StreamState(StrEnum):
    """Where a stream stands."""

    IDLE = "idle"
    """Nobody watches and it is not kept warm: no connection."""
    CONNECTING = "connecting"
    LIVE = "live"
    RETRYING = "retrying"
    """It failed; the next try is due at ``next_try``."""
    OFFLINE = "offline"
    """It failed several times in a row, or cannot succeed by retrying; tries may go on, slowly."""
    AUTH_FAILED = "auth_failed"
    """The camera refused the credentials: no traffic until a person acts."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, as a stable code and an English sentence without credentials."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """State with its reason; ``next_try`` and ``since`` in seconds since the epoch, 0.0: none."""

    state: StreamState = StreamState.IDLE
    reason: Reason | None = None
    next_try: float = 0.0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class StreamStateChanged(Event):
    """A stream changed state."""

    camera_id: str
    profile: str
    status: StreamStatus


@dataclass(frozen=True, slots=True)
class StreamFormatChanged(Event):
    """A stream's codec, size or declared rate became known or changed."""

    camera_id: str
    profile: str
    codec: str
    codec_string: str
    width: int
    height: int
    frame_rate: float


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """One second's measurements of a stream. Nothing is invented: what is unknown is None.

    ``fps`` and ``bitrate`` (bits/s) are of the last second, ``average_fps`` of the last minute;
    ``expected_fps`` is declared by the stream or learnt; ``keyframe_interval`` and
    ``time_to_first_frame`` are seconds; ``latency_p50`` and ``latency_p99`` milliseconds from the
    socket read to the write to viewers; ``lost_packets``, ``reconnects`` and ``skips`` count since
    the stream was made; ``score`` is 0–100, 0 for a stream that should be live and is not, None for
    an idle one.
    """

    fps: float
    average_fps: float
    expected_fps: float | None
    bitrate: float
    keyframe_interval: float | None
    lost_packets: int
    reconnects: int
    latency_p50: float | None
    latency_p99: float | None
    viewers: int
    skips: int
    time_to_first_frame: float | None
    score: int | None


@dataclass(frozen=True, slots=True)
class StreamHealthMeasured(Event):
    """A stream's health, once a second while it is not idle, and once when it becomes idle."""

    kept: ClassVar[bool] = False

    camera_id: str
    profile: str
    health: StreamHealth
