"""The life of one loaded entry: set-up with retries and time limits, and unloading."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from ucv.cameras.camera import Camera, StreamProfile
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock
from ucv.entries.entry import EntryConfig, EntryState, EntryStatus
from ucv.errors import CameraViewerError, ConnectTimeout, InvalidAuth, PluginError
from ucv.plugins.device import Device
from ucv.plugins.integration import Integration
from ucv.plugins.values import Stream
from ucv.streams.backoff import Backoff
from ucv.streams.manager import StreamManager
from ucv.streams.source import Credentials
from ucv.streams.state import Reason

_log = logging.getLogger(__name__)

#: Seconds one attempt to set up may take, all network operations together.
SETUP_LIMIT = 30.0
#: Seconds an integration gets to let go of its device.
UNLOAD_LIMIT = 10.0
#: Seconds between attempts: full jitter below a bound that doubles from the first to the second.
RETRY_FIRST, RETRY_CAP = 5.0, 300.0


@dataclass(frozen=True, slots=True)
class EntryServices:
    """What a supervisor needs of the hub; made once by the entry manager."""

    clock: Clock
    cameras: CameraRegistry
    streams: StreamManager
    random: random.Random
    credentials: Callable[[EntryConfig], Awaitable[Credentials | None]]
    #: Held during set-up: bounds how many run at once, in all and for each device.
    gate: Callable[[EntryConfig], AbstractAsyncContextManager[None]]
    remember: Callable[[str, dict[str, Any]], Awaitable[None]]


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
        self._config = config
        self._integration = integration
        self._services = services
        self._report = report
        self._task: asyncio.Task[None] | None = None
        self._device: Device | None = None

    def start(self) -> None:
        """Begin to set up in the background; the outcome is reported as a status."""
        self._task = asyncio.create_task(self._run(), name=f"entry {self._config.id}")

    async def stop(self) -> None:
        """Cancel what runs, tear the streams down, unload the integration; reports the outcome."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for camera in self._services.cameras.of_entry(self._config.id):
            await self._services.streams.remove(camera.id)
        if self._device is not None:
            await self._unload(self._device)

    def authentication_failed(self, reason: Reason) -> None:
        """Take note that the device refused the credentials of a stream; traffic has stopped."""
        self._report(EntryStatus(EntryState.AUTH_FAILED, reason))

    async def _run(self) -> None:
        services = self._services
        backoff = Backoff(first=RETRY_FIRST, cap=RETRY_CAP, random=services.random)
        while True:
            try:
                async with services.gate(self._config):
                    self._report(EntryStatus(EntryState.SETUP_IN_PROGRESS))
                    async with asyncio.timeout(SETUP_LIMIT):
                        await self._set_up()
            except TimeoutError:
                error: Exception = ConnectTimeout("Setting up took too long.")
            except Exception as raised:  # a plugin may raise anything; it stays its own
                error = raised
            else:
                self._report(EntryStatus(EntryState.LOADED))
                return
            if self._device is not None:
                await self._unload(self._device)
            reason = reason_of(error)
            if isinstance(error, InvalidAuth):
                self._report(EntryStatus(EntryState.AUTH_FAILED, reason))
                return
            if not (isinstance(error, CameraViewerError) and error.retry):
                _log.error("Setting up %s failed", self._config.id, exc_info=error)
                self._report(EntryStatus(EntryState.SETUP_ERROR, reason))
                return
            delay = backoff.next()
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
        config, services = self._config, self._services
        device = Device(
            entry_id=config.id,
            name=config.name,
            config={**config.data, **config.facts},
            credentials=await services.credentials(config),
            clock=services.clock,
            remember=lambda facts: services.remember(config.id, facts),
        )
        self._device = device
        await self._integration.setup(device)
        known = await self._integration.probe(device)
        streams = await self._integration.streams(device)
        camera = Camera(
            id=config.id,
            entry_id=config.id,
            name=config.name,
            integration=config.integration,
            unique_id=known.unique_id,
            manufacturer=known.manufacturer,
            model=known.model,
            serial=known.serial,
            mac=known.mac,
            profiles=_profiles(streams),
            capabilities=("snapshot",) if streams else (),
            preload=config.preload,
        )
        await services.cameras.put(camera)
        await services.streams.configure(camera, lambda: services.credentials(config))

    async def _unload(self, device: Device) -> None:
        self._device = None
        try:
            async with asyncio.timeout(UNLOAD_LIMIT):
                await self._integration.unload(device)
        except Exception:  # a plugin may raise anything; the entry then needs a restart of the hub
            _log.exception("Unloading %s failed", self._config.id)
            reason = Reason(PluginError.code, "The integration did not let go of the device.")
            self._report(EntryStatus(EntryState.UNLOAD_FAILED, reason))


def _profiles(streams: list[Stream]) -> tuple[StreamProfile, ...]:
    profiles: dict[str, StreamProfile] = {}
    for stream in streams:
        name = stream.name or stream.role
        if name in profiles:
            raise PluginError(f"The integration returned two streams called {name!r}.")
        profiles[name] = StreamProfile(
            name=name,
            role=stream.role,
            url=str(stream.url),
            options=dict(stream.options),
            codec=stream.codec,
            width=stream.width,
            height=stream.height,
            frame_rate=stream.frame_rate,
        )
    return tuple(profiles.values())
