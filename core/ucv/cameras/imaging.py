"""What a camera does about light."""

from __future__ import annotations

from enum import StrEnum


class DayNight(StrEnum):
    """Whether the camera shows colours."""

    AUTO = "auto"
    """It decides by the light there is."""
    DAY = "day"
    """Colour."""
    NIGHT = "night"
    """Black and white, the infrared filter out."""
