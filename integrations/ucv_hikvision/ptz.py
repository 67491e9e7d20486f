"""Movement: what a camera can do (``PTZCtrl/channels/1/capabilities``), and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ucv import Preset, PtzVector
from ucv.media.xml import escaped
from ucv_hikvision.documents import elements, number_at, path_of, text, truth_at, whole
from ucv_hikvision.quirks import BUILT_IN_PRESETS

#: Largest number of a preset that is believed.
_MAX_PRESET = 1024
#: Longest name of a preset, in characters.
_MAX_NAME = 32
#: What positions are counted in where the device does not say: tenths of a degree for the angles,
#: and of the magnification for the zoom.
_AZIMUTH, _ELEVATION = (0, 3600), (-900, 900)
#: A full turn in tenths of a degree.
_TURN = 3600


@dataclass(frozen=True, slots=True)
class Position:
    """Where a camera looks, in tenths: azimuth and elevation of a degree, zoom of a factor.

    The elevation counts downwards: a dome at the ceiling goes from -150 (a little above the
    horizon) to 900 (straight down).
    """

    azimuth: int
    elevation: int
    zoom: int


@dataclass(frozen=True, slots=True)
class Space:
    """The range of absolute positions, lower and upper bound in tenths; ``zoom`` None: none."""

    azimuth: tuple[int, int]
    elevation: tuple[int, int]
    zoom: tuple[int, int] | None

    def at(self, vector: PtzVector, now: Position) -> Position:
        """Return the position that -1…1 on each axis means; an axis left alone stays as ``now``."""
        return Position(
            _placed(vector.pan, self.azimuth, now.azimuth),
            _placed(_down(vector.tilt), self.elevation, now.elevation),
            now.zoom if self.zoom is None else _placed(vector.zoom, self.zoom, now.zoom),
        )

    def beyond(self, way: PtzVector, now: Position) -> Position:
        """Return the position that is a part of the range (-1…1) away from ``now``.

        A camera that turns all the way round goes on beyond the end, others stop there.
        """
        low, high = self.azimuth
        azimuth = now.azimuth + round((way.pan or 0.0) * (high - low))
        whole_turn = high - low >= _TURN
        return Position(
            azimuth % _TURN if whole_turn else _within(azimuth, self.azimuth),
            _moved(_down(way.tilt), self.elevation, now.elevation),
            now.zoom if self.zoom is None else _moved(way.zoom, self.zoom, now.zoom),
        )


@dataclass(frozen=True, slots=True)
class Movement:
    """What a channel can do; ``space`` None: no absolute positions. ``presets`` is how many."""

    continuous: bool
    space: Space | None
    presets: int
    home: bool

    @property
    def capabilities(self) -> set[str]:
        """The names of `ucv.plugins.capabilities` that it has."""
        names = set()
        if self.continuous:
            names.add("ptz")
        if self.space is not None:
            names |= {"ptz_absolute", "ptz_relative"}
        if self.presets:
            names.add("ptz_presets")
        if self.home:
            names.add("ptz_home")
        return names


def movement(root: Element) -> Movement | None:
    """Return what a ``PTZChannelCap`` says (newer firmware: ``PTZChanelCap``), None for others.

    The flag for the home position has no ``i`` in most firmware.
    """
    if root.tag.casefold() not in ("ptzchanelcap", "ptzchannelcap"):
        return None
    most = number_at(root, "maxPresetNum") or 0
    return Movement(
        continuous=bool(elements(root, "ContinuousPanTiltSpace", "ContinuousZoomSpace")),
        space=_space(root),
        presets=min(max(most, 0), _MAX_PRESET),
        home=any(
            truth_at(root, name)
            for name in ("homePostionSupport", "homePositionSupport", "isSupportHomePosition")
        ),
    )


def ptz_channels(root: Element) -> frozenset[int]:
    """Return the channels that ``PTZCtrl/channels`` lists as switched on."""
    numbers = (
        number_at(element, "id")
        for element in elements(root, "PTZChannel")
        if truth_at(element, "enabled") is not False
    )
    return frozenset(number for number in numbers if number is not None)


def presets(root: Element) -> list[Preset]:
    """Return the positions that people stored, by number, and none of the built-in commands."""
    found: dict[int, Preset] = {}
    for element in elements(root, "PTZPreset"):
        number = preset_number(text(element, "id"))
        if number is not None and truth_at(element, "enabled") is not False:
            found[number] = Preset(str(number), text(element, "presetName") or f"Preset {number}")
    return [found[number] for number in sorted(found)]


def preset_number(told: str) -> int | None:
    """Return the number of a preset that is a position; None for commands and what is no number."""
    number = whole(told)
    if number is None or not 1 <= number <= _MAX_PRESET or number in BUILT_IN_PRESETS:
        return None
    return number


def free_preset(taken: Sequence[Preset], most: int) -> int | None:
    """Return the lowest number that is still free, of as many as the camera has."""
    used = {preset.id for preset in taken}
    numbers = (n for n in range(1, most + 1) if n not in BUILT_IN_PRESETS)
    return next((number for number in numbers if str(number) not in used), None)


def position(root: Element) -> Position | None:
    """Return what ``PTZCtrl/channels/1/status`` says, None if it tells no position."""
    place = path_of(root, "AbsoluteHigh")
    if place is None:
        return None
    azimuth = number_at(root, f"{place}/azimuth")
    elevation = number_at(root, f"{place}/elevation")
    if azimuth is None or elevation is None:
        return None
    return Position(azimuth, elevation, number_at(root, f"{place}/absoluteZoom") or 10)


# --- what is sent ---------------------------------------------------------------------------------


def velocity_document(velocity: PtzVector) -> str:
    """Return the body of ``continuous``; zeros stop."""
    pan, tilt, zoom = (
        round((axis or 0.0) * 100) for axis in (velocity.pan, velocity.tilt, velocity.zoom)
    )
    return f"<PTZData><pan>{pan}</pan><tilt>{tilt}</tilt><zoom>{zoom}</zoom></PTZData>"


def position_document(place: Position) -> str:
    """Return the body of ``absolute``."""
    return (
        "<PTZData><AbsoluteHigh>"
        f"<elevation>{place.elevation}</elevation><azimuth>{place.azimuth}</azimuth>"
        f"<absoluteZoom>{place.zoom}</absoluteZoom></AbsoluteHigh></PTZData>"
    )


def preset_document(number: int, name: str) -> str:
    """Return the body that stores where the camera looks now."""
    return (
        f"<PTZPreset><enabled>true</enabled><id>{number}</id>"
        f"<presetName>{escaped(preset_name(name))}</presetName></PTZPreset>"
    )


def preset_name(name: str) -> str:
    """Return a name as a camera can store it."""
    return name[:_MAX_NAME].strip()


# --- ranges ---------------------------------------------------------------------------------------


def _space(root: Element) -> Space | None:
    angles = elements(root, "AbsolutePanTiltPositionSpace", "AbsolutePanTiltSpace")
    if not angles:
        return None
    zooms = elements(root, "AbsoluteZoomPositionSpace", "AbsoluteZoomSpace")
    zoom = _bounds(zooms[0], "ZRange") if zooms else None
    azimuth = _bounds(angles[0], "XRange") or _AZIMUTH
    elevation = _bounds(angles[0], "YRange") or _ELEVATION
    if azimuth[1] <= _TURN // 10:
        # Some firmware gives degrees here, and factors for the zoom.
        azimuth, elevation = _tenfold(azimuth), _tenfold(elevation)
        zoom = zoom and _tenfold(zoom)
    return Space(azimuth, elevation, zoom)


def _bounds(element: Element, name: str) -> tuple[int, int] | None:
    low, high = number_at(element, f"{name}/Min"), number_at(element, f"{name}/Max")
    if low is None or high is None or not -100_000 <= low < high <= 100_000:
        return None
    return low, high


def _tenfold(bounds: tuple[int, int]) -> tuple[int, int]:
    return bounds[0] * 10, bounds[1] * 10


def _down(tilt: float | None) -> float | None:
    return None if tilt is None else -tilt


def _placed(axis: float | None, bounds: tuple[int, int], now: int) -> int:
    if axis is None:
        return now
    low, high = bounds
    return round(low + (axis + 1) / 2 * (high - low))


def _moved(axis: float | None, bounds: tuple[int, int], now: int) -> int:
    low, high = bounds
    return _within(now + round((axis or 0.0) * (high - low)), bounds)


def _within(value: int, bounds: tuple[int, int]) -> int:
    return min(max(value, bounds[0]), bounds[1])
