"""What goes on at a device's cameras: states that are told once, and end."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from ucv.cameras.camera_event import CameraEvent, CurrentEvents
from ucv.clock import Clock, TimerHandle

#: Seconds for which a state outlives the connection that told of it. A camera that is back says
#: again what goes on; what it says nothing of by then is over.
UNCONFIRMED_LIMIT = 60.0
#: States remembered of one device at most: each channel has a few kinds, rules and zones.
MAX_STATES = 10_000

#: What tells states apart.
Key = tuple[str | None, type[CameraEvent], str, str]


@dataclass(slots=True)
class _State:
    event: CameraEvent
    timer: TimerHandle | None = None


class EventStates:
    """Turns what a device reports, repeats and forgets to end into changes, each told once.

    ``publish`` gets the events that are news: those without duration, each beginning, and each end,
    also the ends that nobody reported. `close` when the device is let go of.
    """

    def __init__(self, clock: Clock, publish: Callable[[CameraEvent], object]) -> None:
        self._clock = clock
        self._publish = publish
        self._states: dict[Key, _State] = {}

    def report(self, event: CameraEvent) -> None:
        """Take one event."""
        key = _key(event)
        if event.active is None:
            self._publish(event)
        elif event.active:
            self._begin(key, event)
        elif (state := self._states.pop(key, None)) is not None:
            _cancel(state)
            self._publish(event)
        # The end of what never began is what many cameras say of everything after a connection.

    def current(self, told: CurrentEvents) -> None:
        """Take all that goes on at this moment."""
        for event in told.active:
            self.report(replace(event, active=True))
        confirmed = {_key(event) for event in told.active}
        self._end(
            [
                key
                for key, state in self._states.items()
                if key not in confirmed and isinstance(state.event, told.kinds)
            ]
        )

    def disconnected(self) -> None:
        """Take note that the connection is gone: what goes on is to be confirmed by the next."""
        for key, state in self._states.items():
            if state.timer is None:
                state.timer = self._end_later(key, UNCONFIRMED_LIMIT)

    def active(
        self, camera_of: Callable[[str | None], str | None], camera_id: str
    ) -> list[CameraEvent]:
        """Return what goes on at a camera; ``camera_of`` finds the camera of a channel."""
        return [
            state.event for key, state in self._states.items() if camera_of(key[0]) == camera_id
        ]

    def close(self) -> None:
        """Forget everything; what goes on is told to be over."""
        self._end(list(self._states))

    def _begin(self, key: Key, event: CameraEvent) -> None:
        state = self._states.get(key)
        if state is None:
            if len(self._states) >= MAX_STATES:
                # More than any device has: names made up by a broken one.
                self._end([next(iter(self._states))])
            state = self._states[key] = _State(event)
            self._publish(event)
        _cancel(state)
        if event.expires is not None:
            state.timer = self._end_later(key, event.expires)

    def _end_later(self, key: Key, seconds: float) -> TimerHandle:
        return self._clock.call_later(max(0.0, seconds), lambda: self._end([key]))

    def _end(self, keys: Collection[Key]) -> None:
        for key in keys:
            if (state := self._states.pop(key, None)) is not None:
                _cancel(state)
                # When it ended, nobody knows better than that it is over now.
                self._publish(replace(state.event, active=False, at=None, data={}))


def _cancel(state: _State) -> None:
    if state.timer is not None:
        state.timer.cancel()
        state.timer = None


def _key(event: Any) -> Key:
    kind = type(event)
    detail = getattr(event, "object_type", "") or getattr(event, "name", "")
    return event.channel, kind, event.source, str(detail)
