"""Health of all streams and of the process, once a second, serialised once for all subscribers."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from ucv.bus import Unsubscribe
from ucv.clock import TimerHandle
from ucv.hub import Hub
from ucv_bridge.process import ProcessMeter

#: Seconds between two events.
_INTERVAL = 1.0


class MetricsFeed:
    """Measures only while somebody is subscribed."""

    def __init__(self, hub: Hub, process: ProcessMeter) -> None:
        self._hub = hub
        self._process = process
        self._listeners: list[Callable[[bytes], object]] = []
        self._timer: TimerHandle | None = None

    def subscribe(self, listener: Callable[[bytes], object]) -> Unsubscribe:
        """Call ``listener`` with an event as JSON, now and once a second from now on."""
        self._listeners.append(listener)
        listener(self.measure())
        if self._timer is None:
            self._timer = self._hub.clock.call_later(_INTERVAL, self._tick)

        def unsubscribe() -> None:
            self._listeners.remove(listener)
            if not self._listeners:
                self.stop()

        return unsubscribe

    def stop(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def measure(self) -> bytes:
        """Return the event as JSON: the last measurement of each stream that has one."""
        streams = {
            f"{stream.camera_id}:{stream.profile.name}": stream.health
            for stream in self._hub.streams.streams()
            if stream.health is not None
        }
        return orjson.dumps(
            {
                "kind": "metrics",
                "streams": streams,
                "process": {
                    "cpu_percent": self._process.cpu_percent(),
                    "memory_bytes": self._process.memory_bytes(),
                },
            }
        )

    def _tick(self) -> None:
        self._timer = self._hub.clock.call_later(_INTERVAL, self._tick)
        event = self.measure()
        for listener in list(self._listeners):
            listener(event)
