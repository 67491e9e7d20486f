"""What a camera is to the rest of the hub: plain values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ucv.bus import Event


@dataclass(frozen=True, slots=True)
class StreamProfile:
    """One stream a camera offers.

    ``name`` is unique for the camera and stable ("main", "sub"); ``role`` says what it is for.
    ``url`` holds no credentials. ``codec`` and ``audio`` are what the camera declares, whether or
    not it can be played; ``bit_rate`` is bits per second. What is not known is None or 0.
    """

    name: str
    role: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict)
    codec: str | None = None
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    bit_rate: int = 0
    audio: str | None = None


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera as configured: ``id`` never changes, whatever its name or address becomes.

    ``channel`` is the recorder's word for it, None where the device is one camera; ``online`` says
    whether the recorder has a picture of it, None if it does not tell. ``clock_offset`` is how many
    seconds the device's clock was ahead of ours when it was last asked.
    """

    id: str
    entry_id: str
    name: str
    integration: str
    unique_id: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    mac: str | None = None
    firmware: str | None = None
    channel: str | None = None
    online: bool | None = None
    clock_offset: float | None = None
    profiles: tuple[StreamProfile, ...] = ()
    capabilities: tuple[str, ...] = ()
    preload: bool = False

    def profile(self, name: str | None = None) -> StreamProfile | None:
        """Return the profile of that name or role; without one, the main one."""
        if name is None:
            return next(
                (p for p in self.profiles if p.role == "main"), next(iter(self.profiles), None)
            )
        return next((p for p in self.profiles if name in (p.name, p.role)), None)


@dataclass(frozen=True, slots=True)
class CameraChanged(Event):
    """A camera was added or changed."""

    camera: Camera


@dataclass(frozen=True, slots=True)
class CameraRemoved(Event):
    """A camera is gone from the registry."""

    camera_id: str
