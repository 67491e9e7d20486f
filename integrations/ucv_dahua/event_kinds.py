"""What Dahua's event codes mean, as the hub's events."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ucv import (
    CameraEvent,
    DigitalInput,
    Doorbell,
    FaceDetected,
    Intrusion,
    LineCrossing,
    Motion,
    ObjectDetected,
    OtherEvent,
    SoundDetected,
    StorageFailure,
    Tampering,
    VideoLoss,
)
from ucv_dahua.event_report import Action, Report
from ucv_dahua.keyvalue import Table

#: Seconds after which something that was seen in one moment is over, if the device does not say so:
#: some firmware tells of its beginning only. What is `POLLED` is asked about instead.
MOMENT = 60.0
#: Longest name of a rule, in characters.
_MAX_NAME = 64
#: Most beginnings that are remembered until their end.
_MAX_BEGUN = 2000

_OBJECTS = {"human": "person", "vehicle": "vehicle", "motorvehicle": "vehicle", "animal": "animal"}

#: What can be asked about, every channel in one answer: after each connection, and by polling.
POLLED: Mapping[str, type[CameraEvent]] = {
    "VideoMotion": Motion,
    "VideoLoss": VideoLoss,
    "VideoBlind": Tampering,
    "AlarmLocal": DigitalInput,
}

#: Makes an event of a report and of the fields that all have.
_Make = Callable[[Report, dict[str, Any]], CameraEvent]


def _line(report: Report, common: dict[str, Any]) -> CameraEvent:
    kind = _object_type(report.data)
    return LineCrossing(object_type=kind, source=_name(report.data), **common)


def _region(report: Report, common: dict[str, Any]) -> CameraEvent:
    return Intrusion(object_type=_object_type(report.data), source=_name(report.data), **common)


def _thing(report: Report, common: dict[str, Any]) -> CameraEvent:
    return OtherEvent(name=report.code, source=_name(report.data), **common)


def _input(report: Report, common: dict[str, Any]) -> CameraEvent:
    # The index is that of an input of the whole device.
    number = "" if report.index is None else str(report.index + 1)
    return DigitalInput(**{**common, "channel": None}, source=number)


def _storage(report: Report, common: dict[str, Any]) -> CameraEvent:
    return StorageFailure(**{**common, "channel": None}, source=report.code)


def _talk(report: Report, common: dict[str, Any]) -> CameraEvent:
    # A door station asks to talk when somebody rings; it says so without an end.
    told = str(report.data.get("Action", ""))[:_MAX_NAME]
    moment = {**common, "active": None}
    if told == "Invite":
        return Doorbell(**moment)
    return OtherEvent(name=f"{report.code} {told}".strip(), **moment)


#: States, which last until the device says that they are over.
_STATES: Mapping[str, _Make] = {
    "VideoMotion": lambda _report, common: Motion(**common),
    "VideoLoss": lambda _report, common: VideoLoss(**common),
    "VideoBlind": lambda _report, common: Tampering(**common),
    "AlarmLocal": _input,
    "StorageFailure": _storage,
    "StorageNotExist": _storage,
    "StorageLowSpace": _storage,
}
#: What is seen in a moment.
_MOMENTS: Mapping[str, _Make] = {
    "SmartMotionHuman": lambda _, common: ObjectDetected(object_type="person", **common),
    "SmartMotionVehicle": lambda _, common: ObjectDetected(object_type="vehicle", **common),
    "CrossLineDetection": _line,
    "CrossRegionDetection": _region,
    "AudioMutation": lambda _, common: SoundDetected(**common),
    "FaceDetection": lambda _, common: FaceDetected(**common),
    "LeftDetection": _thing,
    "TakenAwayDetection": _thing,
    "_DoTalkAction_": _talk,
}

#: Those that are asked for by name.
CODES = (*_STATES, *_MOMENTS)


class Translator:
    """Makes events of reports; an end is that of what began, whatever its report leaves out.

    ``by_channel`` is for recorders, whose events name their channel (from 1). With ``everything``,
    a code that has no meaning here becomes an `OtherEvent`.
    """

    def __init__(self, *, by_channel: bool, everything: bool = False) -> None:
        self._by_channel = by_channel
        self._everything = everything
        self._begun: OrderedDict[tuple[str, int | None, str], CameraEvent] = OrderedDict()

    def event(self, report: Report) -> CameraEvent | None:
        """Return the event of a report; None for one without a meaning here."""
        made = self._made(report)
        if made is None:
            return None
        key = report.code, report.index, _name(report.data)
        if made.active:
            self._begun[key] = made
            if len(self._begun) > _MAX_BEGUN:
                self._begun.popitem(last=False)
        elif made.active is False and (begun := self._begun.pop(key, None)) is not None:
            return replace(begun, active=False, expires=None, data=report.data)
        return made

    def current(self, code: str, told: Table) -> list[CameraEvent]:
        """Return what ``getEventIndexes`` says goes on under a code of `POLLED`."""
        indexes = {row.whole() for row in told.rows("channels").values()}
        known = sorted(index for index in indexes if index is not None and index >= 0)
        found = (self._made(Report(code, Action.START, index)) for index in known)
        return [event for event in found if event is not None]

    def _made(self, report: Report) -> CameraEvent | None:
        channel = None
        if self._by_channel and report.index is not None and report.index >= 0:
            channel = str(report.index + 1)
        common: dict[str, Any] = {"active": report.active, "channel": channel, "data": report.data}
        if (make := _STATES.get(report.code)) is not None:
            return make(report, common)
        if report.active:
            common["expires"] = MOMENT
        if (make := _MOMENTS.get(report.code)) is not None:
            return make(report, common)
        return OtherEvent(name=report.code, **common) if self._everything else None


def _object_type(data: Mapping[str, Any]) -> str:
    told = data.get("Object")
    if not isinstance(told, Mapping):
        objects = data.get("Objects")
        told = objects[0] if isinstance(objects, list) and objects else {}
    kind = told.get("ObjectType") if isinstance(told, Mapping) else None
    return _OBJECTS.get(kind.casefold(), "") if isinstance(kind, str) else ""


def _name(data: Mapping[str, Any]) -> str:
    """Return the name that a person gave the line or zone."""
    name = data.get("Name")
    return name[:_MAX_NAME] if isinstance(name, str) else ""
