"""What a Dahua device's ptz.cgi does with its camera heads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ucv.testing.dahua.answers import (
    Commands,
    Refusal,
    WriteFailed,
    Writes,
    always,
    failure,
    lines,
    number,
)
from ucv.testing.http_message import Answer, Request
from ucv.testing.ptz_model import PtzModel

#: The fastest of the speeds, which are counted from 1.
FASTEST = 8
LAST_PRESET = 255
_LAST_TOUR = 8
#: What PositionABS takes and status.Postion tells: degrees, degrees, and steps of the lens.
_PAN, _TILT, _ZOOM = (0, 360), (-90, 90), (1, 128)

#: Directions of pan, tilt and zoom, and the arguments that the speeds of each are in.
_MOVES: Mapping[str, tuple[tuple[int, int, int], tuple[str, str]]] = MappingProxyType(
    {
        "Up": ((0, 1, 0), ("arg2", "arg2")),
        "Down": ((0, -1, 0), ("arg2", "arg2")),
        "Left": ((-1, 0, 0), ("arg2", "arg2")),
        "Right": ((1, 0, 0), ("arg2", "arg2")),
        "LeftUp": ((-1, 1, 0), ("arg2", "arg1")),
        "RightUp": ((1, 1, 0), ("arg2", "arg1")),
        "LeftDown": ((-1, -1, 0), ("arg2", "arg1")),
        "RightDown": ((1, -1, 0), ("arg2", "arg1")),
        "ZoomTele": ((0, 0, 1), ("arg2", "arg2")),
        "ZoomWide": ((0, 0, -1), ("arg2", "arg2")),
    }
)
_LENS = frozenset({"FocusNear", "FocusFar", "IrisLarge", "IrisSmall"})


@dataclass(slots=True)
class Head:
    """One camera's head: its model, and what a device knows beside it.

    ``code`` is what was started and not stopped, ``lens`` counts starts of focus and iris, and
    ``tour`` is the one that runs.
    """

    model: PtzModel
    code: str | None = None
    tour: int | None = None
    lens: dict[str, int] = field(default_factory=dict)
    unmatched_stops: int = 0


class Movement:
    """Does what ptz.cgi is asked. ``heads`` are by channel, counted from 1.

    ``channel`` finds a request's channel; it raises `Refusal` for one that is not there.
    """

    def __init__(self, channel: Callable[[Request], int], quirks: Collection[str]) -> None:
        self.heads: dict[int, Head] = {}
        self._channel = channel
        self._quirks = quirks

    @property
    def commands(self) -> Commands:
        """The commands that tell something."""
        if "no-ptz-cgi" in self._quirks:
            return {"ptz.cgi": always(failure(501))}
        return {
            "ptz.cgi?action=getCurrentProtocolCaps": self._caps,
            "ptz.cgi?action=getPresets": self._presets,
            "ptz.cgi?action=getStatus": self._status,
        }

    @property
    def writes(self) -> Writes:
        """The commands that move something."""
        if "no-ptz-cgi" in self._quirks:
            return {}
        return {"ptz.cgi?action=start": self._start, "ptz.cgi?action=stop": self._stop}

    # --- what it tells --------------------------------------------------------------------------

    def _caps(self, request: Request) -> Answer:
        there = self._channel(request) in self.heads
        told = {
            "Flip": False,
            "Focus": there,
            "Iris": there,
            "Pan": there,
            "PanSpeedMax": FASTEST,
            "PanSpeedMin": 1,
            "Preset": there,
            "PresetMax": LAST_PRESET if there else 0,
            "PresetMin": 1 if there else 0,
            "Tile": there,
            "TileSpeedMax": FASTEST,
            "TileSpeedMin": 1,
            "Tour": there,
            "TourMax": _LAST_TOUR if there else 0,
            "Zoom": there,
        }
        return lines(f"caps.{name}={str(value).lower()}" for name, value in told.items())

    def _presets(self, request: Request) -> Answer:
        presets = self._head(request).model.presets
        told = []
        for place, one in enumerate(sorted(presets, key=int)):
            told += [f"presets[{place}].Index={one}", f"presets[{place}].Name={presets[one][0]}"]
        return lines(told)

    def _status(self, request: Request) -> Answer:
        head = self._head(request)
        position, moving = head.model.position, head.model.moving
        zooms = moving and head.code in ("ZoomTele", "ZoomWide")
        return lines(
            [
                f"status.MoveStatus={'Moving' if moving and not zooms else 'Idle'}",
                f"status.Postion[0]={_onto(position.pan, _PAN):.1f}",
                f"status.Postion[1]={_onto(position.tilt, _TILT):.1f}",
                f"status.Postion[2]={_onto(position.zoom, _ZOOM):.1f}",
                f"status.ZoomStatus={'Zooming' if zooms else 'Idle'}",
            ]
        )

    # --- what it does ---------------------------------------------------------------------------

    def _start(self, request: Request) -> None:
        head, code = self._head(request), request.query.get("code", "")
        if code in _MOVES:
            self._move(head, code, request)
        elif code in _LENS:
            head.lens[code] = head.lens.get(code, 0) + 1
            head.code = code
        elif code in ("GotoPreset", "SetPreset", "ClearPreset"):
            self._preset(head, code, _within(request, "arg2", 1, LAST_PRESET))
        elif code == "PositionABS":
            values = (
                _from(_within(request, "arg1", *_PAN), _PAN),
                _from(_within(request, "arg2", *_TILT), _TILT),
                _from(_within(request, "arg3", *_ZOOM), _ZOOM),
            )
            head.code = head.tour = None
            head.model.absolute(*values)
        elif code == "StartTour":
            head.tour = _within(request, "arg1", 1, _LAST_TOUR)
        elif code == "StopTour":
            head.tour = None
        else:
            raise Refusal

    def _stop(self, request: Request) -> None:
        """Stop what that code started; another code stops nothing, and is told OK."""
        head, code = self._head(request), request.query.get("code", "")
        if code not in _MOVES and code not in _LENS:
            raise Refusal
        if code != head.code:
            head.unmatched_stops += 1
            return
        head.code = None
        if code in _MOVES:
            head.model.stop()

    def _move(self, head: Head, code: str, request: Request) -> None:
        (pan, tilt, zoom), (across, upwards) = _MOVES[code]
        # Only those that the code has use for: Up has no say over how fast it pans.
        first = _within(request, across, 0, FASTEST) / FASTEST if pan or zoom else 0.0
        second = _within(request, upwards, 0, FASTEST) / FASTEST if tilt else 0.0
        head.code, head.tour = code, None
        head.model.move(pan * first, tilt * second, zoom * first)

    def _preset(self, head: Head, code: str, preset: int) -> None:
        presets, one = head.model.presets, str(preset)
        if code == "SetPreset":
            presets[one] = (f"Preset{preset}", head.model.position)
        elif one not in presets:
            raise WriteFailed
        elif code == "ClearPreset":
            del presets[one]
        else:
            head.code = head.tour = None
            head.model.goto(one)

    def _head(self, request: Request) -> Head:
        head = self.heads.get(self._channel(request))
        if head is None:
            raise Refusal
        return head


def _within(request: Request, name: str, least: int, most: int) -> int:
    value = number(request, name)
    if not least <= value <= most:
        raise WriteFailed
    return value


def _onto(value: float, bounds: tuple[int, int]) -> float:
    """Return where a value of -1 to 1 lies between bounds."""
    least, most = bounds
    return least + (value + 1) / 2 * (most - least)


def _from(value: int, bounds: tuple[int, int]) -> float:
    """Return the value of -1 to 1 that lies there between bounds."""
    least, most = bounds
    return (value - least) / (most - least) * 2 - 1
