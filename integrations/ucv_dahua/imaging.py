"""Day and night, and lamps: what tables say of a channel, and what is set to change it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ucv import DayNight
from ucv_dahua.keyvalue import Table
from ucv_dahua.quirks import Lamp

_MODES = {DayNight.DAY: "Color", DayNight.NIGHT: "BlackWhite", DayNight.AUTO: "Brightness"}
#: The profile that holds unless the device changes between those of day (0) and night (1).
_GENERAL = 2
#: Brightness of a lamp that has none of its own, in percent.
_FULL = 100


def day_night(channel: Table) -> DayNight | None:
    """Return the mode in a channel's row of ``VideoInDayNight``; None if there is none.

    Whatever is decided by the device (by brightness, gain, a sensor) is automatic.
    """
    profiles = channel.rows()
    profile = profiles.get(_GENERAL) or next(iter(profiles.values()), Table())
    match profile.text("Mode").casefold():
        case "":
            return None
        case "color":
            return DayNight.DAY
        case "blackwhite":
            return DayNight.NIGHT
        case _:
            return DayNight.AUTO


def day_night_settings(number: int, channel: Table, mode: DayNight) -> dict[str, str | int]:
    """Return what is set for a mode, in all profiles: whichever holds at the moment."""
    return {
        f"VideoInDayNight[{number}][{profile}].Mode": _MODES[mode]
        for profile, row in channel.rows().items()
        if row.text("Mode")
    }


# --- lamps ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a lamp's settings in its table: its path in a request, and its row."""

    path: str
    row: Table

    @property
    def is_on(self) -> bool:
        """Whether it is switched on; one that switches itself by the light there is, is not."""
        if self.row.text("Mode").casefold() not in ("manual", "forceon", "on"):
            return False
        levels = [light.whole("Light") for light in self._lights]
        return not levels or any(level is None or level > 0 for level in levels)

    def settings(self, *, on: bool) -> dict[str, str | int]:
        """Return what is set to switch it; one that would shine with nothing shines fully."""
        found: dict[str, str | int] = {f"{self.path}.Mode": "Manual" if on else "Off"}
        if on and not any(light.whole("Light") for light in self._lights):
            found[f"{self.path}.MiddleLight[0].Light"] = _FULL
        return found

    @property
    def _lights(self) -> list[Table]:
        # Cameras that zoom have lamps for near, middle and far.
        names = ("NearLight", "MiddleLight", "FarLight")
        return [light for name in names for light in self.row.rows(name).values()]


def lamp_of(v2: Table, old: Table, *, coaxial: bool) -> Lamp | None:
    """Return which lamp a channel has, by its rows of ``Lighting_V2`` and ``Lighting``.

    ``coaxial`` is whether it has a white light that is switched by ``coaxialControlIO``. A white
    light goes before an infrared one: that is what people call the camera's light.
    """
    if next(_places_v2(0, v2, Lamp.WHITE_V2), None) is not None:
        return Lamp.WHITE_V2
    if coaxial:
        return Lamp.COAXIAL
    if next(_places_v2(0, v2, Lamp.INFRARED_V2), None) is not None:
        return Lamp.INFRARED_V2
    return Lamp.INFRARED if any(row.text("Mode") for row in old.rows().values()) else None


def places(lamp: Lamp, number: int, channel: Table) -> list[Place]:
    """Return the places of a lamp's settings in its channel's row, one for each profile."""
    if lamp is not Lamp.INFRARED:
        return list(_places_v2(number, channel, lamp))
    return [
        Place(f"Lighting[{number}][{index}]", row)
        for index, row in channel.rows().items()
        if row.text("Mode")
    ]


def _places_v2(number: int, channel: Table, lamp: Lamp) -> Iterator[Place]:
    kind = "whitelight" if lamp is Lamp.WHITE_V2 else "infraredlight"
    for profile, rows in channel.rows().items():
        for index, row in rows.rows().items():
            if row.text("LightType").casefold() == kind and row.text("Mode"):
                yield Place(f"Lighting_V2[{number}][{profile}][{index}]", row)


def coaxial_light(status: Table) -> bool | None:
    """Return whether ``coaxialControlIO``'s status says the white light is on; None: there is none.

    Firmware writes ``status.status.WhiteLight`` or ``status.WhiteLight``.
    """
    inner = status.at("status", "status") or status.at("status")
    return inner.flag("WhiteLight")


def coaxial_order(channel: int, *, on: bool) -> dict[str, str | int]:
    """Return the fields of ``coaxialControlIO.cgi?action=control`` for the white light.

    ``Type`` 1 is the white light; 2 would be the siren. ``channel`` begins at 1.
    """
    return {"channel": channel, "info[0].Type": 1, "info[0].IO": 1 if on else 2}
