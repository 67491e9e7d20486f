"""Takes what a device reports to the bus, for as long as its entry is loaded."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing

from ucv.bus import EventBus
from ucv.cameras.camera_event import CameraEvent, CameraReported, CurrentEvents, DeviceReported
from ucv.clock import Clock
from ucv.entries.event_states import EventStates
from ucv.errors import CameraViewerError, InvalidAuth, PluginError, RateLimited
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.integration import Integration
from ucv.plugins.quarantine import fault_in
from ucv.streams.backoff import Backoff

_log = logging.getLogger(__name__)

#: Seconds between attempts, see `Backoff`.
RETRY_FIRST, RETRY_CAP = 1.0, 60.0
#: Longest pause a camera may ask for, in seconds.
RETRY_AFTER_CAP = 3600.0
#: Seconds after which a connection counts as good, so that the next failure is retried soon.
GOOD_AFTER = 30.0


class EventPump:
    """Listens to one device for all its cameras; what fails is tried again with growing delays.

    ``camera_id`` finds the camera of a channel (None: of the device), None if there is none.
    """

    def __init__(
        self,
        *,
        integration: Integration,
        device: Device,
        camera_id: Callable[[str | None], str | None],
        calls: Calls,
        bus: EventBus,
        clock: Clock,
        jitter: random.Random,
        on_refused: Callable[[InvalidAuth], object],
    ) -> None:
        self._integration = integration
        self._device = device
        self._camera_id = camera_id
        self._calls = calls
        self._bus = bus
        self._clock = clock
        self._backoff = Backoff(first=RETRY_FIRST, cap=RETRY_CAP, random=jitter)
        self._on_refused = on_refused
        self.states = EventStates(clock, self._tell)

    async def run(self) -> None:
        """Listen until cancelled, or until the device refuses the credentials."""
        try:
            await self._run()
        finally:
            self.states.close()

    async def _run(self) -> None:
        while True:
            began = self._clock.monotonic()
            reason, broken, pause = "the camera ended it", False, 0.0
            try:
                await self._listen()
            except InvalidAuth as error:
                self._on_refused(error)
                return
            except CameraViewerError as error:
                reason = error.message
                # A fault in the code is not gone in a second, and is no reason to hurry.
                broken = isinstance(error, PluginError)
                if isinstance(error, RateLimited) and error.retry_after is not None:
                    pause = min(error.retry_after, RETRY_AFTER_CAP)
                if not error.retry and error.code == "NOT_SUPPORTED":
                    _log.info("%s reports no events: %s", self._device.entry_id, reason)
                    return
            finally:
                self.states.disconnected()
            if self._clock.monotonic() - began >= GOOD_AFTER:
                self._backoff.reset()
            delay = max(pause, RETRY_CAP if broken else self._backoff.next())
            _log.info(
                "Events of %s stopped, next try in %.0f s: %s",
                self._device.entry_id,
                delay,
                reason,
            )
            await self._clock.sleep(delay)

    async def _listen(self) -> None:
        reported = self._calls.iterate(self._integration, "events", self._device)
        async with aclosing(reported):
            async for event in reported:
                self._take(event)
                # A camera that never pauses must not keep the loop from everything else.
                await asyncio.sleep(0)

    def _take(self, event: object) -> None:
        if isinstance(event, CurrentEvents):
            self.states.current(event)
        elif isinstance(event, CameraEvent):
            self.states.report(event)
        else:
            owner = self._calls.owner_of(self._integration.domain)
            kind = type(event).__name__
            wrong = f"events must yield ucv.CameraEvent or ucv.CurrentEvents, not {kind}"
            where = fault_in(getattr(self._integration, "events"), wrong)  # noqa: B009 - not every integration has it
            raise self._calls.fault(owner, f"events of {self._device.entry_id}", where)

    def _tell(self, event: CameraEvent) -> None:
        received = self._clock.time()
        camera_id = self._camera_id(event.channel)
        if camera_id is not None:
            self._bus.publish(CameraReported(camera_id, event, received))
        elif event.channel is None:
            self._bus.publish(DeviceReported(self._device.entry_id, event, received))
        # A channel that nobody wants to see, or that has come a moment ago.
