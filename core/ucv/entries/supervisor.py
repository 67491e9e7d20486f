"""The life of one loaded entry: set-up with retries and time limits, and unloading."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from ucv.bus import EventBus
from ucv.cameras.camera_event import CameraEvent
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock
from ucv.entries.camera_line import CameraLine
from ucv.entries.devices import Devices
from ucv.entries.entry import EntryConfig, EntryState, EntryStatus
from ucv.entries.event_pump import EventPump
from ucv.entries.survey import Survey
from ucv.errors import (
    CameraViewerError,
    ConnectTimeout,
    InvalidAuth,
    MigrationFailed,
    PluginError,
    RateLimited,
)
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.integration import Integration
from ucv.plugins.leaks import deaf
from ucv.plugins.quarantine import fault_in
from ucv.plugins.values import DeviceInfo
from ucv.streams.backoff import Backoff
from ucv.streams.manager import StreamManager
from ucv.streams.state import Reason

_log = logging.getLogger(__name__)

#: Seconds one attempt to set up may take, all network operations together.
SETUP_LIMIT = 30.0
#: Seconds an integration gets to let go of its device.
UNLOAD_LIMIT = 10.0
#: Seconds between attempts: full jitter below a bound that doubles from the first to the second.
RETRY_FIRST, RETRY_CAP = 5.0, 300.0
#: Seconds between two looks at a recorder's channels, and the most that one may take.
FOLLOW_INTERVAL, FOLLOW_LIMIT = 60.0, 30.0
#: Longest wait a device may ask for, in seconds.
RETRY_AFTER_CAP = 3600.0


@dataclass(frozen=True, slots=True)
class EntryServices:
    """What a supervisor needs of the hub; made once by the entry manager."""

    bus: EventBus
    clock: Clock
    calls: Calls
    devices: Devices
    cameras: CameraRegistry
    streams: StreamManager
    random: random.Random
    #: Stores what was found out of an entry's device and returns the entry as it is then.
    remember: Callable[[str, dict[str, Any]], Awaitable[EntryConfig]]
    #: Brings an entry to the version of its integration and stores it.
    migrate: Callable[[EntryConfig, Integration, Device], Awaitable[EntryConfig]]
    #: Takes note of who a device is and returns what it is known as; raises `WrongDevice` when it
    #: is not the one it was.
    identify: Callable[[str, DeviceInfo], Awaitable[str | None]]


def reason_of(error: BaseException) -> Reason:
    """Say why, as code and sentence; what is not ours to word is named by its type only."""
    if isinstance(error, CameraViewerError):
        return Reason(error.code, error.message)
    return Reason(PluginError.code, f"The integration failed with {type(error).__name__}.")


class EntrySupervisor:
    """Runs one entry in one task. `start` once, `stop` once; a reload makes a new supervisor."""

    def __init__(
        self,
        config: EntryConfig,
        integration: Integration,
        services: EntryServices,
        report: Callable[[EntryStatus], None],
    ) -> None:
        self.integration = integration
        self._config = config
        self._services = services
        self._report_status = report
        self._task: asyncio.Task[None] | None = None
        self._device: Device | None = None
        self._pump: asyncio.Task[None] | None = None
        self._listening: EventPump | None = None
        self._following: asyncio.Task[None] | None = None
        self._channels_changed = asyncio.Event()
        self._line: CameraLine | None = None
        self._loaded = False
        self._stopping = False
        self._ended = False
        self._refused = False

    @property
    def device(self) -> Device | None:
        """The handle of the device, while the entry is loaded."""
        return self._device if self._loaded else None

    def device_of(self, camera_id: str) -> Device | None:
        """Return the handle through which one of its cameras is asked, while it is loaded."""
        if not self._loaded or self._line is None:
            return None
        return self._line.handle(camera_id)

    def active_events(self, camera_id: str) -> list[CameraEvent]:
        """Return what goes on at one of its cameras at the moment."""
        if self._line is None or self._listening is None:
            return []
        return self._listening.states.active(self._line.camera_id, camera_id)

    def survey(self) -> Survey | None:
        """Return what the device has; None while it is not loaded."""
        return self._line.survey() if self._loaded and self._line is not None else None

    async def choose(self, config: EntryConfig) -> None:
        """Show the cameras as a person wants them now, without reaching the device."""
        self._config = config
        if self._line is not None and self._loaded:
            await self._line.choose(config)

    def start(self) -> None:
        """Begin to set up in the background; the outcome is reported as a status."""
        self._task = asyncio.create_task(self._run(), name=f"entry {self._config.id}")

    async def stop(self) -> None:
        """Cancel what runs, tear the streams down, unload the integration.

        A device that is not let go of is reported as ``unload_failed``, anything else is not.
        """
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for camera in self._services.cameras.of_entry(self._config.id):
            await self._services.streams.remove(camera.id)
        await self._unload()
        self._ended = True

    def authentication_failed(self, reason: Reason) -> None:
        """Take note that the device refused the credentials; all traffic to it stops."""
        if self._stopping or self._refused or not self._is_active:
            return
        self._refused = True
        self._services.streams.refuse(self._config.id, reason)
        if self._device is not None:
            self._device.refuse()
        for task in (self._pump, self._following):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        if self._task is not None:
            # Neither is it set up any further, nor tried again.
            self._task.cancel()
        self._report(EntryStatus(EntryState.AUTH_FAILED, reason))

    @property
    def _is_active(self) -> bool:
        """Whether the device is in use or will be, without anybody doing anything."""
        return self._loaded or (self._task is not None and not self._task.done())

    def _report(self, status: EntryStatus) -> None:
        # Whoever stops it says where the entry stands then.
        if not self._stopping or status.state is EntryState.UNLOAD_FAILED:
            self._report_status(status)

    async def _run(self) -> None:
        services = self._services
        backoff = Backoff(first=RETRY_FIRST, cap=RETRY_CAP, random=services.random)
        while True:
            try:
                async with services.devices.gate(self._config):
                    self._report(EntryStatus(EntryState.SETUP_IN_PROGRESS))
                    async with asyncio.timeout(SETUP_LIMIT):
                        await self._set_up()
            except TimeoutError:
                error: Exception = ConnectTimeout("Setting up took too long.")
            except Exception as raised:  # a plugin may raise anything; it stays its own
                error = raised
            else:
                self._loaded = True
                self._report(EntryStatus(EntryState.LOADED))
                return
            if not await self._unload():
                return
            reason = reason_of(error)
            if state := _final_state(error):
                if state is EntryState.SETUP_ERROR:
                    _log.error("Setting up %s failed: %s", self._config.id, reason.message)
                    _log.debug("Setting up %s failed", self._config.id, exc_info=error)
                self._report(EntryStatus(state, reason))
                return
            delay = backoff.next()
            if isinstance(error, RateLimited) and error.retry_after is not None:
                delay = max(delay, min(error.retry_after, RETRY_AFTER_CAP))
            _log.warning(
                "Setting up %s failed, next try in %.0f s: %s",
                self._config.id,
                delay,
                reason.message,
            )
            next_try = services.clock.time() + delay
            self._report(EntryStatus(EntryState.SETUP_RETRY, reason, next_try))
            await services.clock.sleep(delay)

    async def _set_up(self) -> None:
        services, integration = self._services, self.integration
        self._device = device = await self._make_migrated_device()
        config = self._config

        async def call(method: str) -> Any:
            # The whole of it has a limit already.
            return await services.calls.call(integration, method, device, limit=None)

        await call("setup")
        info: DeviceInfo = await call("probe")
        info = replace(info, unique_id=await services.identify(config.id, info))
        self._line = line = self._camera_line(device, info)
        await line.look(config)
        if line.reports:
            self._listen(device, line)
        if line.has_channels:
            self._following = asyncio.create_task(
                self._follow(line), name=f"channels of {config.id}"
            )

    def _camera_line(self, device: Device, info: DeviceInfo) -> CameraLine:
        services, integration = self._services, self.integration

        async def call(method: str, handle: Device) -> Any:
            # At set-up the whole of it has a limit already.
            return await services.calls.call(
                integration, method, handle, limit=FOLLOW_LIMIT if self._loaded else None
            )

        def fault(method: str, error: PluginError) -> PluginError:
            where = fault_in(getattr(integration, method), error.message)
            return self._fault(method, where)

        return CameraLine(
            integration=integration,
            device=device,
            info=info,
            call=call,
            fault=fault,
            cameras=services.cameras,
            streams=services.streams,
            devices=services.devices,
        )

    async def _follow(self, line: CameraLine) -> None:
        """Look from time to time, and when the device says so, which channels there are."""
        while True:
            self._channels_changed.clear()
            timer = self._services.clock.call_later(FOLLOW_INTERVAL, self._channels_changed.set)
            try:
                await self._channels_changed.wait()
                await line.look(self._config)
            except InvalidAuth as error:
                self.authentication_failed(reason_of(error))
                return
            except CameraViewerError as error:
                # Cameras that are there stay; the next look will tell.
                _log.info("%s did not tell its channels: %s", self._config.id, error.message)
            finally:
                timer.cancel()

    def _fault(self, method: str, error: Exception) -> PluginError:
        calls = self._services.calls
        plugin = calls.owner_of(self.integration.domain)
        return calls.fault(plugin, f"{method} of {self._config.id}", error)

    async def _make_migrated_device(self) -> Device:
        device = await self._make_device()
        try:
            config = await self._services.migrate(self._config, self.integration, device)
        except BaseException:
            # It was not set up, so the integration has nothing to let go of.
            await device.close()
            raise
        if config is self._config:
            return device
        await device.close()
        self._config = config
        return await self._make_device()

    async def _make_device(self) -> Device:
        return await self._services.devices.make(
            self._config,
            self._remember,
            on_refused=lambda error: self.authentication_failed(reason_of(error)),
            on_channels_changed=self._channels_changed.set,
        )

    async def _remember(self, facts: dict[str, Any]) -> None:
        # A call may outlast the device it was made for; the entry may be at another address now.
        if not self._ended:
            self._config = await self._services.remember(self._config.id, facts)

    def _listen(self, device: Device, line: CameraLine) -> None:
        pump = EventPump(
            integration=self.integration,
            device=device,
            camera_id=line.camera_id,
            calls=self._services.calls,
            bus=self._services.bus,
            clock=self._services.clock,
            jitter=self._services.random,
            on_refused=lambda error: self.authentication_failed(reason_of(error)),
        )
        self._listening = pump
        self._pump = asyncio.create_task(pump.run(), name=f"events of {self._config.id}")

    async def _end(self, method: str, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait({task}, timeout=UNLOAD_LIMIT)
        if not task.done():
            self._fault(method, deaf(task))
        elif not task.cancelled():
            task.exception()  # seen: nobody waits for it any more

    async def _unload(self) -> bool:
        """Let go of the device, and say whether that went well; its failure is reported."""
        device, self._device, self._loaded = self._device, None, False
        self._line = self._listening = None
        pump, self._pump = self._pump, None
        following, self._following = self._following, None
        for method, task in (("events", pump), ("channels", following)):
            if task is not None:
                await self._end(method, task)
        if device is None:
            return True
        try:
            try:
                await self._services.calls.call(
                    self.integration, "unload", device, limit=UNLOAD_LIMIT
                )
            finally:
                await device.close()
        except CameraViewerError as error:
            _log.error("Unloading %s failed: %s", self._config.id, error.message)
            reason = Reason(PluginError.code, "The integration did not let go of the device.")
            self._report(EntryStatus(EntryState.UNLOAD_FAILED, reason))
            return False
        return True


def _final_state(error: BaseException) -> EntryState | None:
    """Return the state that a failed set-up ends in, or None if it is to be tried again."""
    if isinstance(error, InvalidAuth):
        return EntryState.AUTH_FAILED
    if isinstance(error, MigrationFailed):
        return EntryState.MIGRATION_ERROR
    if isinstance(error, CameraViewerError) and error.retry:
        return None
    return EntryState.SETUP_ERROR
