"""What cameras report: motion, a doorbell, tampering … as typed values, and the bus event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ucv.bus import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraEvent:
    """Something a camera reports; use one of the types below.

    ``active`` is True when it begins and False when it ends; None for what has no duration, such
    as a ring. ``at`` is when the camera says it was, in seconds since the epoch, None if it does
    not. ``source`` tells several of a kind apart (a rule, a zone, an input). ``data`` holds plain
    JSON values that the camera sent along. ``channel`` is the id of the channel that a recorder
    reports it of; None for the device itself.

    Reporting the same state again is harmless: only changes reach programs. ``expires`` is for
    cameras that never say when something is over: so many seconds after it was last reported, the
    core ends it.
    """

    kind: ClassVar[str] = ""
    active: bool | None = None
    at: float | None = None
    source: str = ""
    channel: str | None = None
    expires: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion(CameraEvent):
    """Something moves in the picture."""

    kind: ClassVar[str] = "motion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorbell(CameraEvent):
    """Somebody rings."""

    kind: ClassVar[str] = "doorbell"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCrossing(CameraEvent):
    """A line was crossed; ``object_type`` is "person", "vehicle" … or empty."""

    kind: ClassVar[str] = "line_crossing"
    object_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intrusion(CameraEvent):
    """A zone was entered; ``object_type`` is "person", "vehicle" … or empty."""

    kind: ClassVar[str] = "intrusion"
    object_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDetected(CameraEvent):
    """The camera recognised something; ``object_type`` is "person", "vehicle", "animal" …."""

    kind: ClassVar[str] = "object"
    object_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceDetected(CameraEvent):
    """The camera saw a face."""

    kind: ClassVar[str] = "face"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampering(CameraEvent):
    """The camera was covered, turned away, or put out of focus."""

    kind: ClassVar[str] = "tampering"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLoss(CameraEvent):
    """A channel of a recorder, or a sensor, gives no picture."""

    kind: ClassVar[str] = "video_loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundDetected(CameraEvent):
    """It is loud."""

    kind: ClassVar[str] = "sound"


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitalInput(CameraEvent):
    """An alarm input; ``source`` names it."""

    kind: ClassVar[str] = "input"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFailure(CameraEvent):
    """The camera's card or disk is full, missing or broken."""

    kind: ClassVar[str] = "storage_failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEvent(CameraEvent):
    """What has no type here; ``name`` is the camera's own word."""

    kind: ClassVar[str] = "other"
    name: str


@dataclass(frozen=True, slots=True)
class CurrentEvents:
    """All that goes on at this moment, as a camera tells when asked; what is not in it is over.

    Yielded by `SupportsEvents.events` after each connection, where the camera can be asked: so
    nothing that began or ended in between is missed. ``kinds`` are those types of events that
    were asked about; others are left as they are.
    """

    active: tuple[CameraEvent, ...]
    kinds: tuple[type[CameraEvent], ...]


@dataclass(frozen=True, slots=True)
class CameraReported(Event):
    """A camera reported something; ``received`` is our time, in seconds since the epoch."""

    camera_id: str
    event: CameraEvent
    received: float


@dataclass(frozen=True, slots=True)
class DeviceReported(Event):
    """A recorder reported something of itself, and of none of its cameras; as `CameraReported`."""

    entry_id: str
    event: CameraEvent
    received: float
