"""Moving a camera: vectors in the generic spaces of ONVIF, and presets."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PtzVector:
    """A direction, translation or position of pan, tilt and zoom, each from -1 to 1.

    The meaning is that of ONVIF's generic spaces (PTZ Service Specification, section 5.7): as a
    velocity, the part of full speed, positive to the right, up, and in; as a translation or a
    position, the part of the whole range. None leaves an axis alone. Raises `ValueError` for
    anything else.
    """

    pan: float | None = None
    tilt: float | None = None
    zoom: float | None = None

    def __post_init__(self) -> None:
        for value in (self.pan, self.tilt, self.zoom):
            if value is not None and not (math.isfinite(value) and -1.0 <= value <= 1.0):
                raise ValueError("Pan, tilt and zoom go from -1 to 1.")
        if self.pan is None and self.tilt is None and self.zoom is None:
            raise ValueError("Give at least one of pan, tilt and zoom.")


@dataclass(frozen=True, slots=True)
class Preset:
    """A position that the camera remembers; ``id`` is the camera's own word for it."""

    id: str
    name: str
