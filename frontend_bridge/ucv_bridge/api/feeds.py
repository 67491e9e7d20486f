"""What subscribers are told, serialised once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import orjson

from ucv.bus import Event
from ucv.cameras.camera import CameraChanged, CameraRemoved
from ucv.entries.entry import EntryChanged, EntryRemoved
from ucv.hub import Hub
from ucv.streams.state import StreamFormatChanged, StreamHealthMeasured, StreamStateChanged
from ucv_bridge.process import ProcessMeter
from ucv_bridge.views import CameraViews, health_json

#: Seconds that changes are gathered for: one set-up makes several at once.
_GATHER = 0.02


class CameraSubscriber(Protocol):
    """Who is told of changed cameras."""

    def cameras_changed(self, camera_ids: Iterable[str]) -> None:
        """Take note; the feed has the text of each."""


class CameraFeed:
    """Knows which cameras changed, and the JSON of each, made once for all subscribers."""

    def __init__(self, hub: Hub, views: CameraViews) -> None:
        self._hub = hub
        self._views = views
        self._texts: dict[str, bytes] = {}
        self._dirty: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._subscribers: set[CameraSubscriber] = set()
        self._unsubscribe = [
            hub.bus.subscribe(kind, self._note)
            for kind in (
                CameraChanged,
                CameraRemoved,
                EntryChanged,
                EntryRemoved,
                StreamStateChanged,
                StreamFormatChanged,
            )
        ]

    def close(self) -> None:
        """Stop listening."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        if self._timer is not None:
            self._timer.cancel()

    def add(self, subscriber: CameraSubscriber) -> None:
        """Tell the subscriber from now on."""
        self._subscribers.add(subscriber)

    def remove(self, subscriber: CameraSubscriber) -> None:
        """Tell it no longer."""
        self._subscribers.discard(subscriber)

    @property
    def sequence(self) -> int:
        """The number of the newest event that the texts may reflect."""
        return self._hub.bus.sequence

    def text(self, camera_id: str) -> bytes | None:
        """Return a camera's JSON as it is now, None if it is gone."""
        text = self._texts.get(camera_id)
        if text is None:
            found = self._views.find(camera_id)
            if found is None:
                return None
            text = self._texts[camera_id] = orjson.dumps(found)
        return text

    def all(self) -> list[bytes]:
        """Return every camera's JSON."""
        return [text for camera_id in self._views.ids() if (text := self.text(camera_id))]

    def changed_since(self, sequence: int) -> set[str] | None:
        """Return the cameras that changed after an event, None when that is not known any more."""
        events = self._hub.bus.since(sequence)
        if events is None:
            return None
        return {camera_id for event in events for camera_id in self._cameras_of(event)}

    def _note(self, event: Event) -> None:
        for camera_id in self._cameras_of(event):
            self._texts.pop(camera_id, None)
            self._dirty.add(camera_id)
        if self._timer is None and self._dirty:
            self._timer = asyncio.get_running_loop().call_later(_GATHER, self._flush)

    def _flush(self) -> None:
        self._timer = None
        dirty, self._dirty = self._dirty, set()
        for subscriber in self._subscribers:
            subscriber.cameras_changed(dirty)

    def _cameras_of(self, event: Event) -> set[str]:
        if isinstance(event, CameraChanged):
            return {event.camera.id}
        if isinstance(event, (CameraRemoved, StreamStateChanged, StreamFormatChanged)):
            return {event.camera_id}
        if isinstance(event, EntryChanged):
            cameras = self._hub.cameras.of_entry(event.entry.id)
            return {camera.id for camera in cameras} or {event.entry.id}
        if isinstance(event, EntryRemoved):
            return {event.entry_id}
        return set()


class MetricsFeed:
    """The newest health of each stream, told once a second while someone listens."""

    PERIOD = 1.0

    def __init__(self, hub: Hub, meter: ProcessMeter) -> None:
        self._hub = hub
        self._meter = meter
        self._health: dict[str, dict[str, Any]] = {}
        self._subscribers: set[Callable[[bytes], None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._unsubscribe = [
            hub.bus.subscribe(StreamHealthMeasured, self._note),
            hub.bus.subscribe(CameraRemoved, self._forget),
        ]

    def close(self) -> None:
        """Stop listening and telling."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._subscribers.clear()
        if self._timer is not None:
            self._timer.cancel()

    def add(self, subscriber: Callable[[bytes], None]) -> None:
        """Tell the subscriber now and then once a second."""
        self._subscribers.add(subscriber)
        subscriber(self._text())
        if self._timer is None:
            self._later()

    def remove(self, subscriber: Callable[[bytes], None]) -> None:
        """Tell it no longer."""
        self._subscribers.discard(subscriber)

    def _note(self, event: StreamHealthMeasured) -> None:
        self._health[f"{event.camera_id}:{event.profile}"] = health_json(event.health)

    def _forget(self, event: CameraRemoved) -> None:
        prefix = f"{event.camera_id}:"
        for key in [key for key in self._health if key.startswith(prefix)]:
            del self._health[key]

    def _later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.PERIOD, self._tell)

    def _tell(self) -> None:
        self._timer = None
        if not self._subscribers:
            return
        self._later()
        self._meter.measure()
        text = self._text()
        for subscriber in list(self._subscribers):
            subscriber(text)

    def _text(self) -> bytes:
        return orjson.dumps(
            {"kind": "metrics", "streams": self._health, "process": self._meter.measured()}
        )
