"""How a Hikvision camera is moved."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element

from ucv.clock import TimerHandle
from ucv.testing.hikvision.documents import BadDocument, element, number, read
from ucv.testing.hikvision.isapi_server import Refusal, Reply, Rule
from ucv.testing.hikvision.settings import Settings
from ucv.testing.hikvision.unit import Unit
from ucv.testing.http_message import Request
from ucv.testing.ptz_model import PtzModel

#: Presets that a user may set; from the next number on they are actions.
_LAST_PRESET = 32
#: Presets that are listed whether they are set or not.
_LISTED_PRESETS = 8
_BUILT_IN = {
    33: "Auto-flip",
    34: "Back to origin",
    35: "Call patrol 1",
    39: "Day mode",
    40: "Night mode",
    92: "Set manual limits",
    93: "Save manual limits",
    94: "Remote reboot",
    96: "Stop a scan",
    99: "Start auto scan",
}
_BACK_TO_ORIGIN, _REBOOT = 34, 94
#: Tenths of a degree: once round, from the horizon down to the floor; tenths of a magnification.
_AZIMUTHS, _ELEVATIONS, _ZOOMS = (0, 3600), (0, 900), (10, 250)


class PtzPaths:
    """Answers under ``/PTZCtrl``; ``reboot`` is what preset 94 does."""

    def __init__(self, unit: Unit, settings: Settings, reboot: Callable[[], None]) -> None:
        self._unit = unit
        self._settings = settings
        self._reboot = reboot
        self._ends: dict[int, TimerHandle] = {}

    def rules(self) -> list[Rule]:
        """Return what it answers."""
        one = "/PTZCtrl/channels/{}"
        return [
            Rule("GET", "/PTZCtrl/channels", self._channels),
            Rule("GET", f"{one}/capabilities", self._capabilities),
            Rule("GET", f"{one}/status", self._status),
            Rule("PUT", f"{one}/continuous", self._continuous),
            Rule("PUT", f"{one}/momentary", self._momentary),
            Rule("PUT", f"{one}/absolute", self._absolute),
            Rule("GET", f"{one}/presets", self._presets),
            Rule("GET", f"{one}/presets/{{}}", self._preset),
            Rule("PUT", f"{one}/presets/{{}}", self._set_preset),
            Rule("DELETE", f"{one}/presets/{{}}", self._delete_preset),
            Rule("PUT", f"{one}/presets/{{}}/goto", self._go_to_preset),
            Rule("PUT", f"{one}/homeposition", self._set_home),
            Rule("PUT", f"{one}/homeposition/goto", self._go_home),
        ]

    def _model(self, channel: str) -> PtzModel:
        known = self._settings.channel(channel)
        if known.number not in self._unit.ptz:
            raise Refusal(4)
        if not known.online:
            raise Refusal(3)
        return self._unit.ptz[known.number]

    # --- what it can ----------------------------------------------------------------------------

    def _channels(self, _request: Request) -> Reply:
        if not self._unit.ptz:
            raise Refusal(4)
        channels = [{"id": one, "enabled": True} for one in sorted(self._unit.ptz)]
        return element("PTZChannelList", {"PTZChannel": channels})

    def _capabilities(self, _request: Request, channel: str) -> Reply:
        self._model(channel)
        right = "ptz-channel-cap" in self._unit.quirks
        speeds = {"Min": -100, "Max": 100}
        return element(
            "PTZChannelCap" if right else "PTZChanelCap",
            {
                "AbsolutePanTiltPositionSpace": {
                    "XRange": _range(_AZIMUTHS),
                    "YRange": _range(_ELEVATIONS),
                },
                "AbsoluteZoomPositionSpace": {"ZRange": _range(_ZOOMS)},
                "ContinuousPanTiltSpace": {"XRange": speeds, "YRange": speeds},
                "ContinuousZoomSpace": {"ZRange": speeds},
                "MomentaryPanTiltSpace": {"XRange": speeds, "YRange": speeds},
                "MomentaryZoomSpace": {"ZRange": speeds},
                "homePositionSupport": True,
                "maxPresetNum": _LAST_PRESET,
            },
        )

    def _status(self, _request: Request, channel: str) -> Reply:
        position = self._model(channel).position
        return element(
            "PTZStatus",
            {
                "AbsoluteHigh": {
                    "elevation": _onto(-position.tilt, _ELEVATIONS),
                    "azimuth": _onto(position.pan, _AZIMUTHS),
                    "absoluteZoom": _onto(position.zoom, _ZOOMS),
                }
            },
        )

    # --- moving ---------------------------------------------------------------------------------

    def _continuous(self, request: Request, channel: str) -> Reply:
        self._move(self._model(channel), int(channel), read(request.body, "PTZData"))
        return None

    def _momentary(self, request: Request, channel: str) -> Reply:
        model, document = self._model(channel), read(request.body, "PTZData")
        milliseconds = number(document, "Momentary/duration", 1, 60_000)
        self._move(model, int(channel), document)
        if model.moving:
            self._ends[int(channel)] = self._unit.clock.call_later(milliseconds / 1000, model.stop)
        return None

    def _move(self, model: PtzModel, channel: int, document: Element) -> None:
        pan, tilt, zoom = (number(document, axis, -100, 100, 0) for axis in _AXES)
        self._cancel_end(channel)
        if pan or tilt or zoom:
            model.move(pan / 100, tilt / 100, zoom / 100)
        else:
            model.stop()

    def _cancel_end(self, channel: int) -> None:
        if (timer := self._ends.pop(channel, None)) is not None:
            timer.cancel()

    def _absolute(self, request: Request, channel: str) -> Reply:
        model, document = self._model(channel), read(request.body, "PTZData")
        elevation = number(document, "AbsoluteHigh/elevation", *_ELEVATIONS)
        azimuth = number(document, "AbsoluteHigh/azimuth", *_AZIMUTHS)
        zoom = number(document, "AbsoluteHigh/absoluteZoom", *_ZOOMS)
        self._cancel_end(int(channel))
        model.absolute(
            _from(azimuth, _AZIMUTHS), -_from(elevation, _ELEVATIONS), _from(zoom, _ZOOMS)
        )
        return None

    # --- presets and home -----------------------------------------------------------------------

    def _presets(self, _request: Request, channel: str) -> Reply:
        model = self._model(channel)
        numbers = {int(one) for one in model.presets} | set(range(1, _LISTED_PRESETS + 1))
        if "built-in-presets" in self._unit.quirks:
            numbers |= _BUILT_IN.keys()
        listed = Element("PTZPresetList")
        listed.extend(_preset_document(model, one) for one in sorted(numbers))
        return listed

    def _preset(self, _request: Request, channel: str, preset: str) -> Reply:
        return _preset_document(self._model(channel), _preset_number(preset, _REBOOT))

    def _set_preset(self, request: Request, channel: str, preset: str) -> Reply:
        model, one = self._model(channel), _preset_number(preset)
        document = read(request.body, "PTZPreset")
        if number(document, "id", 1, _LAST_PRESET) != one:
            raise BadDocument(6)
        name = document.findtext("presetName")
        if name is None:
            raise BadDocument(6)
        model.presets[str(one)] = (name, model.position)
        return None

    def _delete_preset(self, _request: Request, channel: str, preset: str) -> Reply:
        model, one = self._model(channel), _preset_number(preset)
        if model.presets.pop(str(one), None) is None:
            raise Refusal(4, "invalidOperation")
        return None

    def _go_to_preset(self, _request: Request, channel: str, preset: str) -> Reply:
        model, one = self._model(channel), _preset_number(preset, max(_BUILT_IN))
        self._cancel_end(int(channel))
        if one == _REBOOT:
            self._reboot()
        elif one == _BACK_TO_ORIGIN:
            model.go_home()
        elif one in _BUILT_IN:
            pass  # an action that nothing here shows
        elif str(one) in model.presets:
            model.goto(str(one))
        else:
            raise Refusal(4, "invalidOperation")
        return None

    def _set_home(self, _request: Request, channel: str) -> Reply:
        model = self._model(channel)
        model.home = model.position
        return None

    def _go_home(self, _request: Request, channel: str) -> Reply:
        model = self._model(channel)
        self._cancel_end(int(channel))
        model.go_home()
        return None


_AXES = ("pan", "tilt", "zoom")


def _range(bounds: tuple[int, int]) -> dict[str, int]:
    return {"Min": bounds[0], "Max": bounds[1]}


def _onto(value: float, bounds: tuple[int, int]) -> int:
    """Return where a value of -1 to 1 lies between bounds."""
    least, most = bounds
    return round(least + (value + 1) / 2 * (most - least))


def _from(value: int, bounds: tuple[int, int]) -> float:
    """Return the value of -1 to 1 that lies there between bounds."""
    least, most = bounds
    return (value - least) / (most - least) * 2 - 1


def _preset_number(text: str, last: int = _LAST_PRESET) -> int:
    if text.isdecimal() and 1 <= int(text) <= last:
        return int(text)
    raise Refusal(4, "invalidOperation")


def _preset_document(model: PtzModel, preset: int) -> Element:
    name = _BUILT_IN.get(preset) or model.presets.get(str(preset), (f"Preset {preset}",))[0]
    there = preset in _BUILT_IN or str(preset) in model.presets
    return element("PTZPreset", {"enabled": there, "id": preset, "presetName": name})
