"""What happened lately to entries and their streams, kept in memory and bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ucv.bus import EventBus, Unsubscribe
from ucv.cameras.camera import CameraChanged, CameraRemoved
from ucv.clock import Clock
from ucv.entries.entry import EntryChanged, EntryRemoved
from ucv.streams.state import StreamHealthMeasured, StreamStateChanged

#: Seconds between two samples of a stream's health, and how many are kept: half an hour.
SAMPLE_EVERY, SAMPLES = 10.0, 180
#: How many changes of state are kept for each stream and each entry.
CHANGES = 50

#: What is kept of each measurement.
_MEASURED = (
    *("fps", "bitrate", "lost_packets", "reconnects"),
    *("latency_p50", "latency_p99", "viewers", "skips", "score"),
)


class _StreamHistory:
    __slots__ = ("changes", "health", "sampled")

    def __init__(self) -> None:
        self.health: deque[tuple[Any, ...]] = deque(maxlen=SAMPLES)
        self.changes: deque[dict[str, Any]] = deque(maxlen=CHANGES)
        self.sampled = float("-inf")


class History:
    """Listens to the bus from `start` to `stop`."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._streams: dict[str, dict[str, _StreamHistory]] = {}
        self._entries: dict[str, deque[dict[str, Any]]] = {}
        self._unsubscribes: list[Unsubscribe] = []

    def start(self) -> None:
        """Begin to take notes."""
        listen = self._bus.subscribe
        self._unsubscribes = [
            listen(StreamHealthMeasured, self._on_health),
            listen(StreamStateChanged, self._on_stream),
            listen(EntryChanged, self._on_entry),
            listen(CameraChanged, self._on_camera),
            listen(CameraRemoved, lambda event: self._streams.pop(event.camera_id, None)),
            listen(EntryRemoved, lambda event: self._entries.pop(event.entry_id, None)),
        ]

    def stop(self) -> None:
        """Take no more notes."""
        for unsubscribe in self._unsubscribes:
            unsubscribe()
        self._unsubscribes.clear()

    def of_stream(self, camera_id: str, profile: str) -> Mapping[str, Any]:
        """Return changes of state, and samples of health as columns and rows."""
        history = self._streams.get(camera_id, {}).get(profile) or _StreamHistory()
        return {
            "changes": list(history.changes),
            "health": {
                "every": SAMPLE_EVERY,
                "columns": ["at", *_MEASURED],
                "rows": [list(row) for row in history.health],
            },
        }

    def of_entry(self, entry_id: str) -> list[dict[str, Any]]:
        """Return the last changes of an entry's state, the oldest first."""
        return list(self._entries.get(entry_id, ()))

    def _stream(self, camera_id: str, profile: str) -> _StreamHistory:
        profiles = self._streams.setdefault(camera_id, {})
        if (history := profiles.get(profile)) is None:
            history = profiles[profile] = _StreamHistory()
        return history

    def _on_health(self, event: StreamHealthMeasured) -> None:
        history = self._stream(event.camera_id, event.profile)
        now = self._clock.monotonic()
        if now - history.sampled < SAMPLE_EVERY:
            return
        history.sampled = now
        measured = (getattr(event.health, name) for name in _MEASURED)
        history.health.append((round(self._clock.time(), 1), *measured))

    def _on_stream(self, event: StreamStateChanged) -> None:
        status = event.status
        self._stream(event.camera_id, event.profile).changes.append(
            {
                "at": self._clock.time(),
                "state": status.state,
                "reason": asdict(status.reason) if status.reason else None,
            }
        )

    def _on_camera(self, event: CameraChanged) -> None:
        """Forget the streams that a camera no longer has: it may name them anew each time."""
        profiles = self._streams.get(event.camera.id, {})
        for gone in profiles.keys() - {profile.name for profile in event.camera.profiles}:
            del profiles[gone]

    def _on_entry(self, event: EntryChanged) -> None:
        changes = self._entries.get(event.entry.id)
        if changes is None:
            changes = self._entries[event.entry.id] = deque(maxlen=CHANGES)
        reason = event.status.reason
        changes.append(
            {
                "at": self._clock.time(),
                "state": event.status.state,
                "reason": asdict(reason) if reason else None,
            }
        )
