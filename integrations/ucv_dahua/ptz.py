"""Movement: the orders of ``ptz.cgi``, what a channel can do, and its presets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ucv import Preset, PtzVector
from ucv_dahua.keyvalue import Table

#: Speeds go from 1 to this.
TOP_SPEED = 8
#: Most presets of a channel, where it does not tell.
MAX_PRESETS = 255
#: Codes by the signs of pan and tilt.
_DIRECTIONS: Mapping[tuple[int, int], str] = {
    (-1, 0): "Left",
    (1, 0): "Right",
    (0, 1): "Up",
    (0, -1): "Down",
    (-1, 1): "LeftUp",
    (1, 1): "RightUp",
    (-1, -1): "LeftDown",
    (1, -1): "RightDown",
}
_ZOOMS = {-1: "ZoomWide", 1: "ZoomTele"}


@dataclass(frozen=True, slots=True)
class Order:
    """What is begun with ``action=start``, and stopped with ``action=stop`` and the same code."""

    code: str
    arg1: int = 0
    arg2: int = 0
    arg3: int = 0

    def query(self, channel: int) -> dict[str, str | int]:
        """Return the fields of its request; ``channel`` as the device counts."""
        return {
            "channel": channel,
            "code": self.code,
            "arg1": self.arg1,
            "arg2": self.arg2,
            "arg3": self.arg3,
        }


#: Every movement there is, to stop one that somebody else began.
ALL_MOVEMENTS = tuple(Order(code) for code in (*_DIRECTIONS.values(), *_ZOOMS.values()))


def movements(velocity: PtzVector, top_speed: int = TOP_SPEED) -> tuple[Order, ...]:
    """Return the orders of a movement: at most one for pan and tilt, and one for zoom.

    Full speed is ``top_speed``, from 1 to 8. Diagonals have the vertical speed in ``arg1`` and the
    horizontal one in ``arg2``, everything else has its speed in ``arg2``.
    """
    pan, tilt, zoom = (axis or 0.0 for axis in (velocity.pan, velocity.tilt, velocity.zoom))
    orders = []
    if code := _DIRECTIONS.get((_sign(pan), _sign(tilt))):
        fast, slow = _speed(pan, top_speed), _speed(tilt, top_speed)
        if pan and tilt:
            orders.append(Order(code, slow, fast))
        else:
            orders.append(Order(code, 0, fast or slow))
    if code := _ZOOMS.get(_sign(zoom)):
        orders.append(Order(code, 0, _speed(zoom, top_speed)))
    return tuple(orders)


def _sign(axis: float) -> int:
    return (axis > 0) - (axis < 0)


def _speed(axis: float, top_speed: int) -> int:
    return math.ceil(abs(axis) * top_speed)


# --- what a channel can do ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Movement:
    """What a channel can do; ``presets`` is how many it remembers at most, None if not told."""

    pan_tilt: bool
    zoom: bool
    presets: int | None


def movement(caps: Table) -> Movement | None:
    """Return what ``getCurrentProtocolCaps`` says; None for a channel that does not move.

    Tilt is spelled ``Tile`` by all firmware that is known.
    """
    told = caps.at("caps")
    tilt = told.flag("Tile") or told.flag("Tilt")
    pan_tilt, zoom = bool(told.flag("Pan") or tilt), bool(told.flag("Zoom"))
    if not pan_tilt and not zoom:
        return None
    most = told.whole("PresetMax")
    if told.flag("Preset") is False:
        most = 0
    elif most is None and told.flag("Preset"):
        most = MAX_PRESETS
    return Movement(pan_tilt, zoom, None if most is None else max(0, most))


# --- presets --------------------------------------------------------------------------------------


def presets(table: Table) -> list[Preset]:
    """Return what ``getPresets`` lists; one without a name is called by its number."""
    found: dict[int, Preset] = {}
    for row in table.rows("presets").values():
        number = row.whole("Index")
        if number is not None and number >= 0 and row.flag("Enable") is not False:
            found[number] = Preset(str(number), row.text("Name") or f"Preset {number}")
    return [found[number] for number in sorted(found)]


def free_preset(taken: list[Preset], most: int) -> int | None:
    """Return the lowest number that is free, None if there is none; the first one is 1."""
    used = {preset.id for preset in taken}
    return next((number for number in range(1, most + 1) if str(number) not in used), None)


def preset_number(preset_id: str) -> int | None:
    """Return the number of a preset; None for what is no number."""
    digits = preset_id.isascii() and preset_id.isdigit() and len(preset_id) <= 5
    return int(preset_id) if digits else None


def preset_name(name: str) -> str:
    """Return a name as devices take it: one line of at most 31 characters."""
    return "".join(letter if letter.isprintable() else " " for letter in name).strip()[:31]
