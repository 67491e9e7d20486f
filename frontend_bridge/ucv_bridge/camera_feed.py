"""Changes of cameras, gathered and serialised once for all subscribers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import orjson

from ucv.bus import Unsubscribe
from ucv.cameras.camera import CameraChanged, CameraRemoved
from ucv.clock import TimerHandle
from ucv.entries.entry import EntryChanged, EntryRemoved
from ucv.hub import Hub
from ucv.streams.state import StreamFormatChanged, StreamHealthMeasured, StreamStateChanged
from ucv_bridge.camera_views import CameraViews

#: Seconds in which changes are gathered into one event.
_GATHER = 0.05
#: How many removed cameras are remembered for clients that come back.
_TOMBSTONES = 1024
#: The first sequence number of a run is its time in seconds times this. Numbers of an earlier run
#: are therefore below it (20 events a second at most), and all stay within 2^53.
_RUN = 1_000_000


@dataclass(frozen=True)
class Changes:
    """Cameras that changed, as JSON by id, and the ids of those that are gone."""

    sequence: int
    changed: Mapping[str, bytes]
    removed: Collection[str]
    _body: list[bytes] = field(default_factory=list, compare=False, repr=False)

    def body(self) -> bytes:
        """Return the event as JSON, made on first use."""
        if not self._body:
            self._body.append(
                b'{"kind":"changes","sequence":%d,"changed":[%b],"removed":%b}'
                % (self.sequence, b",".join(self.changed.values()), orjson.dumps([*self.removed]))
            )
        return self._body[0]

    def followed_by(self, later: Changes) -> Changes:
        """Return both as one: of each camera only what holds now."""
        changed = {key: view for key, view in self.changed.items() if key not in later.removed}
        changed.update(later.changed)
        removed = {*self.removed, *later.removed} - changed.keys()
        return Changes(later.sequence, changed, sorted(removed))


@dataclass(slots=True)
class _Known:
    body: bytes
    sequence: int


class CameraFeed:
    """What clients know of the cameras, and who is told of changes."""

    def __init__(self, hub: Hub, views: CameraViews) -> None:
        self._hub = hub
        self._views = views
        self._first = self.sequence = int(hub.clock.time()) * _RUN
        self._known: dict[str, _Known] = {}
        self._by_entry: dict[str, set[str]] = {}
        self._viewers: dict[tuple[str, str], int] = {}
        self._dirty: set[str] = set()
        self._removed: OrderedDict[str, int] = OrderedDict()
        self._timer: TimerHandle | None = None
        self._listeners: list[Callable[[Changes], object]] = []
        self._unsubscribes: list[Unsubscribe] = []
        self._snapshot: tuple[int, bytes] = (-1, b"")

    def start(self) -> None:
        """Begin to follow the hub."""
        listen = self._hub.bus.subscribe
        self._unsubscribes = [
            listen(EntryChanged, lambda event: self._touch(event.entry.id)),
            listen(EntryRemoved, lambda event: self._touch(event.entry_id)),
            listen(CameraChanged, lambda event: self._touch(event.camera.entry_id)),
            listen(CameraRemoved, lambda event: self._touch_camera(event.camera_id)),
            listen(StreamStateChanged, lambda event: self._touch_camera(event.camera_id)),
            listen(StreamFormatChanged, lambda event: self._touch_camera(event.camera_id)),
            listen(StreamHealthMeasured, self._count_viewers),
        ]
        for entry in self._hub.entries.list():
            self._refresh(entry.config.id)

    def stop(self) -> None:
        """Let go of the hub."""
        for unsubscribe in self._unsubscribes:
            unsubscribe()
        self._unsubscribes.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def flush(self) -> None:
        """Tell now what is still being gathered: a new subscriber must not miss it."""
        if self._timer is not None:
            self._timer.cancel()
            self._flush()

    def subscribe(self, listener: Callable[[Changes], object]) -> Unsubscribe:
        """Call ``listener`` with all changes from now on."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def snapshot(self) -> bytes:
        """Return the event with all cameras as JSON, made once for all who ask."""
        if self._snapshot[0] != self.sequence:
            order = [
                self._known[camera_id].body
                for entry in self._hub.entries.list()
                for camera_id in sorted(self._by_entry.get(entry.config.id, ()))
            ]
            body = b'{"kind":"snapshot","sequence":%d,"cameras":[%b]}' % (
                self.sequence,
                b",".join(order),
            )
            self._snapshot = (self.sequence, body)
        return self._snapshot[1]

    def since(self, sequence: int) -> Changes | None:
        """Return what changed after ``sequence``, or None when that is no longer known."""
        if not self._first <= sequence <= self.sequence:
            return None
        changed = {
            camera_id: known.body
            for camera_id, known in self._known.items()
            if known.sequence > sequence
        }
        removed = [camera_id for camera_id, at in self._removed.items() if at > sequence]
        return Changes(self.sequence, changed, removed)

    # --- following the hub --------------------------------------------------------------------

    def _touch_camera(self, camera_id: str) -> None:
        camera = self._hub.cameras.find(camera_id)
        if camera is not None:
            self._touch(camera.entry_id)
            return
        for entry_id, cameras in self._by_entry.items():
            if camera_id in cameras:
                self._touch(entry_id)
                return

    def _count_viewers(self, event: StreamHealthMeasured) -> None:
        key = (event.camera_id, event.profile)
        if self._viewers.get(key, 0) != event.health.viewers:
            self._viewers[key] = event.health.viewers
            self._touch_camera(event.camera_id)
            if not event.health.viewers:
                del self._viewers[key]

    def _touch(self, entry_id: str) -> None:
        self._dirty.add(entry_id)
        if self._timer is None:
            self._timer = self._hub.clock.call_later(_GATHER, self._flush)

    def _flush(self) -> None:
        self._timer = None
        dirty, self._dirty = self._dirty, set()
        self.sequence += 1
        changed: dict[str, bytes] = {}
        removed: list[str] = []
        for entry_id in dirty:
            now, gone = self._refresh(entry_id)
            changed |= now
            removed += gone
        if not changed and not removed:
            self.sequence -= 1
            return
        self._bury(removed)
        changes = Changes(self.sequence, changed, removed)
        for listener in list(self._listeners):
            listener(changes)

    def _refresh(self, entry_id: str) -> tuple[dict[str, bytes], set[str]]:
        """Look at an entry's cameras again; return what changed and what is gone."""
        views = {view["id"]: orjson.dumps(view) for view in self._views.of_entry(entry_id)}
        gone = self._by_entry.pop(entry_id, set()) - views.keys()
        if views:
            self._by_entry[entry_id] = set(views)
        for camera_id in gone:
            del self._known[camera_id]
            self._viewers = {key: n for key, n in self._viewers.items() if key[0] != camera_id}
        changed: dict[str, bytes] = {}
        for camera_id, body in views.items():
            known = self._known.get(camera_id)
            if known is None or known.body != body:
                self._known[camera_id] = _Known(body, self.sequence)
                self._removed.pop(camera_id, None)
                changed[camera_id] = body
        return changed, gone

    def _bury(self, removed: list[str]) -> None:
        for camera_id in removed:
            self._removed[camera_id] = self.sequence
        while len(self._removed) > _TOMBSTONES:
            _, forgotten = self._removed.popitem(last=False)
            # Who last heard of it before that cannot be told what is missing.
            self._first = max(self._first, forgotten)
