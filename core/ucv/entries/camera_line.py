"""The cameras that an entry brings: one, or one for each channel of a recorder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ucv.cameras.camera import Camera, StreamProfile
from ucv.cameras.registry import CameraRegistry
from ucv.entries.devices import Devices
from ucv.entries.entry import EntryConfig
from ucv.entries.survey import CallMethod, Survey, checked_channels
from ucv.errors import PluginError
from ucv.plugins.capabilities import capabilities_of
from ucv.plugins.device import Device
from ucv.plugins.integration import Integration
from ucv.plugins.values import Channel, DeviceInfo, Stream
from ucv.streams.manager import StreamManager

_log = logging.getLogger(__name__)

#: Makes the integration's fault of what is wrong with an answer: (method, error) → what to raise.
MakeFault = Callable[[str, PluginError], PluginError]


def camera_id_of(entry_id: str, channel: str | None) -> str:
    """Return the id of an entry's camera; no entry's id has a dot."""
    return entry_id if channel is None else f"{entry_id}.{channel}"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the device told of one camera, and its handle."""

    channel: Channel | None
    handle: Device
    streams: tuple[Stream, ...]
    able: tuple[str, ...]


class CameraLine:
    """Brings the cameras of one loaded device to the registry, and follows its channels.

    `look` asks the device and makes the registry and the streams what it says; `choose` does so
    with what a person now wants of it, without asking.
    """

    def __init__(
        self,
        *,
        integration: Integration,
        device: Device,
        info: DeviceInfo,
        call: CallMethod,
        fault: MakeFault,
        cameras: CameraRegistry,
        streams: StreamManager,
        devices: Devices,
    ) -> None:
        self._integration = integration
        self._device = device
        self._info = info
        self._call = call
        self._fault = fault
        self._cameras = cameras
        self._streams = streams
        self._devices = devices
        self._known: dict[str, _Known] = {}
        self._busy = asyncio.Lock()
        #: Whether the device is a recorder.
        self.has_channels = False

    @property
    def reports(self) -> bool:
        """Whether the device reports events."""
        if self.has_channels:
            return "events" in capabilities_of(self._integration)
        return any("events" in known.able for known in self._known.values())

    def handle(self, camera_id: str) -> Device | None:
        """Return the handle through which a camera is asked, None if it is not there (any more)."""
        known = self._known.get(camera_id)
        return None if known is None else known.handle

    def camera_id(self, channel: str | None) -> str | None:
        """Return the camera of that channel that a device reports of; None: the device itself."""
        camera_id = camera_id_of(self._device.entry_id, channel if self.has_channels else None)
        known = camera_id in self._known and self._cameras.find(camera_id) is not None
        return camera_id if known else None

    def survey(self) -> Survey:
        """Return what the device told, whatever is used of it."""
        channels = [k.channel for k in self._known.values() if k.channel is not None]
        streams = {
            None if known.channel is None else known.channel.id: known.streams
            for known in self._known.values()
        }
        return Survey(tuple(channels) if self.has_channels else None, streams)

    async def look(self, config: EntryConfig) -> None:
        """Ask the device for its channels, and of new or changed ones for what they have."""
        async with self._busy:
            told = await self._call("channels", self._device)
            channels = self._checked("channels", lambda: checked_channels(told))
            self.has_channels = channels is not None
            known: dict[str, _Known] = {}
            for channel in [None] if channels is None else channels:
                camera_id = camera_id_of(config.id, None if channel is None else channel.id)
                before = self._known.get(camera_id)
                if before is not None and before.channel == channel:
                    known[camera_id] = before
                else:
                    known[camera_id] = await self._ask(channel)
            self._known = known
            await self._bring(config)

    async def choose(self, config: EntryConfig) -> None:
        """Show what a person wants to see, under the names they give."""
        async with self._busy:
            await self._bring(config)

    async def _ask(self, channel: Channel | None) -> _Known:
        handle = self._device if channel is None else self._device.view(channel)
        streams: list[Stream] = await self._call("streams", handle)
        told = await self._call("capabilities", handle)
        in_code = capabilities_of(self._integration)
        able = self._checked("capabilities", lambda: _capabilities(in_code, told))
        self._checked("streams", lambda: _profiles(streams, ()))
        return _Known(channel, handle, tuple(streams), able)

    async def _bring(self, config: EntryConfig) -> None:
        wanted = [
            self._camera(camera_id, known, config)
            for camera_id, known in self._known.items()
            if known.channel is None or config.channel(known.channel.id).use
        ]
        ids = {camera.id for camera in wanted}
        for camera in self._cameras.of_entry(config.id):
            if camera.id not in ids:
                if self.has_channels:
                    _log.info("%s is gone from %s", camera.id, config.id)
                await self._streams.remove(camera.id)
                await self._cameras.remove(camera.id)
        # Together: they are stored in one transaction. And before their streams, which may be
        # refused at once and then name a camera.
        await asyncio.gather(*(self._cameras.put(camera) for camera in wanted))
        for camera in wanted:
            await self._streams.configure(
                camera, lambda: self._devices.credentials(config), self._device.lockout
            )

    def _camera(self, camera_id: str, known: _Known, config: EntryConfig) -> Camera:
        info, channel = self._info, known.channel
        profiles = _profiles(known.streams, config.profiles)
        # Whatever shows a picture can be asked for a still one.
        able = {*known.able, "snapshot"} if profiles else known.able
        common: dict[str, Any] = {
            "id": camera_id,
            "entry_id": config.id,
            "integration": config.integration,
            "manufacturer": info.manufacturer,
            "clock_offset": info.clock_offset,
            "profiles": profiles,
            "capabilities": tuple(sorted(able)),
            "preload": config.preload,
        }
        if channel is None:
            return Camera(
                **common,
                name=config.name,
                unique_id=info.unique_id,
                model=info.model,
                serial=info.serial,
                mac=info.mac,
                firmware=info.firmware,
            )
        choice = config.channel(channel.id)
        return Camera(
            **common,
            name=choice.name or channel.name or f"{config.name} {channel.id}",
            unique_id=None if info.unique_id is None else f"{info.unique_id}-{channel.id}",
            # What the recorder does not tell of the camera behind it is not made up from its own.
            model=channel.model,
            serial=channel.serial,
            mac=channel.mac,
            firmware=channel.firmware,
            channel=channel.id,
            online=channel.online,
        )

    def _checked(self, method: str, check: Callable[[], Any]) -> Any:
        """Count what is wrong with an answer of the integration's as its fault."""
        try:
            return check()
        except PluginError as error:
            raise self._fault(method, error) from error


def _capabilities(in_code: tuple[str, ...], of_device: Any) -> tuple[str, ...]:
    if of_device is None:
        return in_code
    names = isinstance(of_device, Collection) and not isinstance(of_device, str)
    if not names or not all(isinstance(name, str) for name in of_device):
        raise PluginError("The integration's capabilities must return names, such as ['ptz'].")
    if missing := sorted(set(of_device) - set(in_code)):
        raise PluginError(f"The integration claims what it has no code for: {', '.join(missing)}.")
    return tuple(of_device)


def _profiles(streams: Collection[Stream], wanted: Collection[str]) -> tuple[StreamProfile, ...]:
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
            bit_rate=stream.bit_rate,
            audio=stream.audio,
        )
    chosen: Mapping[str, StreamProfile] = {
        name: profile for name, profile in profiles.items() if name in wanted
    }
    # A choice that none of this camera's streams meets is meant for others of the recorder.
    return tuple((chosen or profiles).values())
