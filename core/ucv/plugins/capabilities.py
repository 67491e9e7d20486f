"""What a camera may be able to do beyond streams: each capability is a protocol of methods.

An integration has a capability by having its methods; there is nothing to inherit or register.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import Any, Protocol

from ucv.cameras.audio import TalkDescriptor
from ucv.cameras.camera_event import CameraEvent, CurrentEvents
from ucv.cameras.imaging import DayNight
from ucv.cameras.ptz import Preset, PtzVector
from ucv.plugins.device import Device
from ucv.plugins.values import Snapshot


class SupportsSnapshot(Protocol):
    """The device sends still pictures by itself."""

    async def snapshot(self, device: Device) -> Snapshot:
        """Fetch a picture."""


class SupportsPtz(Protocol):
    """The camera moves for as long as it is told to."""

    async def ptz_move(self, device: Device, velocity: PtzVector) -> None:
        """Begin to move; goes on until `ptz_stop`. The core sends that if a client goes away."""

    async def ptz_stop(self, device: Device) -> None:
        """Stop all movement."""


class SupportsPtzRelative(Protocol):
    """The camera moves by a given way."""

    async def ptz_relative(self, device: Device, translation: PtzVector) -> None:
        """Move by that part of the range."""


class SupportsPtzAbsolute(Protocol):
    """The camera moves to a given position."""

    async def ptz_absolute(self, device: Device, position: PtzVector) -> None:
        """Move to that position."""


class SupportsPtzPresets(Protocol):
    """The camera remembers positions."""

    async def ptz_presets(self, device: Device) -> list[Preset]:
        """Return the positions it remembers."""

    async def ptz_goto_preset(self, device: Device, preset_id: str) -> None:
        """Move to one."""

    async def ptz_create_preset(self, device: Device, name: str) -> Preset:
        """Remember where it looks now."""

    async def ptz_delete_preset(self, device: Device, preset_id: str) -> None:
        """Forget one."""


class SupportsPtzHome(Protocol):
    """The camera has a position to return to."""

    async def ptz_home(self, device: Device) -> None:
        """Return there."""


class SupportsEvents(Protocol):
    """The camera reports what happens."""

    def events(self, device: Device) -> AsyncIterator[CameraEvent | CurrentEvents]:
        """Yield what happens, for as long as the connection holds (an async generator).

        Whether it ends or raises, the core calls it again, after a delay that grows while it keeps
        failing. States may be repeated, and `CurrentEvents` yielded whenever the camera tells all
        that goes on. For a recorder it is called once, with the handle of the whole device.
        """


class SupportsDayNight(Protocol):
    """Day and night mode can be chosen."""

    async def day_night(self, device: Device) -> DayNight:
        """Return the mode chosen."""

    async def set_day_night(self, device: Device, mode: DayNight) -> None:
        """Choose a mode."""


class SupportsLight(Protocol):
    """The camera has a lamp (white or infrared) that can be switched."""

    async def light(self, device: Device) -> bool:
        """Return whether it is on."""

    async def set_light(self, device: Device, *, on: bool) -> None:
        """Switch it."""


class SupportsReboot(Protocol):
    """The camera can be restarted."""

    async def reboot(self, device: Device) -> None:
        """Restart it; returns when it has been told."""


class SupportsTwoWayAudio(Protocol):
    """The camera has a loudspeaker."""

    async def talk(self, device: Device) -> TalkDescriptor:
        """Return where and how it takes sound."""


#: Capabilities by the name that programs see.
CAPABILITIES: Mapping[str, type] = {
    "snapshot": SupportsSnapshot,
    "ptz": SupportsPtz,
    "ptz_relative": SupportsPtzRelative,
    "ptz_absolute": SupportsPtzAbsolute,
    "ptz_presets": SupportsPtzPresets,
    "ptz_home": SupportsPtzHome,
    "events": SupportsEvents,
    "day_night": SupportsDayNight,
    "light": SupportsLight,
    "reboot": SupportsReboot,
    "two_way_audio": SupportsTwoWayAudio,
}


@cache
def methods_of(capability: type) -> tuple[str, ...]:
    """Return the names of the methods that make a capability."""
    return tuple(
        name
        for name, _ in inspect.getmembers(capability, inspect.isfunction)
        if not name.startswith("_")
    )


#: The capability that each method belongs to.
CAPABILITY_OF: Mapping[str, str] = {
    method: name for name, kind in CAPABILITIES.items() for method in methods_of(kind)
}


def capabilities_of(integration: Any) -> tuple[str, ...]:
    """Return the names of what an integration's code can do, in alphabetical order."""
    return tuple(
        sorted(
            name
            for name, kind in CAPABILITIES.items()
            if all(callable(getattr(integration, method, None)) for method in methods_of(kind))
        )
    )
