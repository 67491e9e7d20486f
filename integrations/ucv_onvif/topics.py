"""Notifications as typed events: what the topics of the standard and of vendors mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

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
from ucv.wire import xml_text
from ucv_onvif.dates import timestamp
from ucv_onvif.soap import flag

#: Seconds after which something ends that a device reports without saying whether it goes on.
SILENCE = 5.0
#: Notifications that are read of one answer; devices are asked for 100.
MAX_MESSAGES = 1000
#: Items that are read of one notification.
_MAX_ITEMS = 64
_MAX_TEXT = 256

#: Names of the item that says whether it goes on, best first. Vendors write their own.
_STATES = (
    "State",
    "IsMotion",
    "IsInside",
    "IsTamper",
    "IsPeople",
    "IsVehicle",
    "IsPet",
    "IsSoundDetected",
    "IsLineCross",
    "IsIntrusion",
    "IsTPSmartEvent",
    "IsDetected",
    "LogicalState",
    "Failed",
    "Value",
)
#: Items of a source that name the video source or its configuration.
_SOURCES = ("VideoSourceToken", "VideoSource", "Source", "VideoSourceConfigurationToken")
#: Items that tell several events of a kind apart.
_PARTS = ("Rule", "InputToken", "RelayToken", "Token", "AudioSourceConfigurationToken")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a topic means: the event's type, and what it is of where the type wants to know."""

    make: Callable[..., CameraEvent]
    object_type: str | None = None
    #: It has no end: a line is crossed at one moment.
    momentary: bool = False


#: By topic, without prefixes of namespaces.
TOPICS: Mapping[str, Meaning] = {
    "VideoSource/MotionAlarm": Meaning(Motion),
    "RuleEngine/CellMotionDetector/Motion": Meaning(Motion),
    "RuleEngine/MotionRegionDetector/Motion": Meaning(Motion),
    "RuleEngine/FieldDetector/ObjectsInside": Meaning(Intrusion),
    "RuleEngine/LineDetector/Crossed": Meaning(LineCrossing, momentary=True),
    "RuleEngine/TamperDetector/Tamper": Meaning(Tampering),
    "VideoSource/GlobalSceneChange/ImagingService": Meaning(Tampering),
    "VideoSource/GlobalSceneChange/AnalyticsService": Meaning(Tampering),
    "VideoSource/SignalLoss": Meaning(VideoLoss),
    "RuleEngine/MyRuleDetector/PeopleDetect": Meaning(ObjectDetected, "person"),
    "RuleEngine/MyRuleDetector/VehicleDetect": Meaning(ObjectDetected, "vehicle"),
    "RuleEngine/MyRuleDetector/DogCatDetect": Meaning(ObjectDetected, "animal"),
    "RuleEngine/MyRuleDetector/FaceDetect": Meaning(FaceDetected),
    "RuleEngine/MyRuleDetector/Visitor": Meaning(Doorbell, momentary=True),
    "RuleEngine/MyRuleDetector/Package": Meaning(ObjectDetected, "package"),
    "RuleEngine/CellMotionDetector/People": Meaning(ObjectDetected, "person"),
    "RuleEngine/CellMotionDetector/Intrusion": Meaning(Intrusion),
    "RuleEngine/CellMotionDetector/LineCross": Meaning(LineCrossing),
    "RuleEngine/CellMotionDetector/TpSmartEvent": Meaning(ObjectDetected),
    "RuleEngine/PeopleDetector/People": Meaning(ObjectDetected, "person"),
    "AudioAnalytics/Audio/DetectedSound": Meaning(SoundDetected),
    "Device/Trigger/DigitalInput": Meaning(DigitalInput),
    "Device/HardwareFailure/StorageFailure": Meaning(StorageFailure),
}


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification, with its topic without prefixes, and its items by name.

    ``operation`` is "Initialized", "Changed", "Deleted" or "" for what is no property.
    """

    topic: str
    at: float | None
    operation: str
    source: Mapping[str, str]
    data: Mapping[str, str]


def notifications(answer: Element) -> Iterator[Notification]:
    """Yield what an answer to `PullMessages` holds; what has no topic is passed over."""
    for holder in answer.findall("NotificationMessage")[:MAX_MESSAGES]:
        topic = normal_topic(xml_text(holder, "Topic"))
        message = holder.find("Message/Message")
        if not topic or message is None:
            continue
        source = {**_items(message, "Source"), **_items(message, "Key")}
        yield Notification(
            topic,
            timestamp(message.get("UtcTime", "")),
            message.get("PropertyOperation", "").strip(),
            source,
            _items(message, "Data"),
        )


def normal_topic(text: str) -> str:
    """Return a topic without prefixes, and without the ``/`` and ``.`` at its end of some."""
    parts = (part.rpartition(":")[2].strip() for part in text.strip()[:_MAX_TEXT].split("/"))
    return "/".join(part for part in parts if part).rstrip("/.")


def _items(message: Element, name: str) -> dict[str, str]:
    found = {}
    for item in message.findall(f"{name}/SimpleItem")[:_MAX_ITEMS]:
        if key := item.get("Name", "")[:_MAX_TEXT]:
            found[key] = item.get("Value", "")[:_MAX_TEXT]
    return found


class Translator:
    """Makes events of notifications.

    ``channels`` are ids of channels by the tokens of video sources and of their configurations;
    empty for a camera. ``everything``: report also what has no type here.
    """

    def __init__(self, channels: Mapping[str, str], *, everything: bool) -> None:
        self.channels = channels
        self._everything = everything

    def event(self, notification: Notification) -> CameraEvent | None:
        """Return the event; None for what has no meaning here."""
        meaning = TOPICS.get(notification.topic)
        if meaning is None and not self._everything:
            return None
        values: dict[str, Any] = {
            "at": notification.at,
            "channel": self._channel(notification.source),
            "source": part_of(notification.source),
            "data": {"topic": notification.topic, **notification.data},
        }
        state = _state(notification)
        if notification.operation == "Deleted":
            if state is None:
                return None
            state = False
        if meaning is None:
            return OtherEvent(name=notification.topic, active=state, **values)
        if meaning.object_type is not None:
            values["object_type"] = meaning.object_type
        if meaning.momentary:
            # What is repeated at a synchronisation point did not happen again.
            if state is False or notification.operation == "Initialized":
                return None
            return meaning.make(active=None, **values)
        if state is None:
            if notification.operation == "Initialized":
                return None
            return meaning.make(active=True, expires=SILENCE, **values)
        return meaning.make(active=state, **values)

    def _channel(self, source: Mapping[str, str]) -> str | None:
        tokens = (source[name] for name in _SOURCES if name in source)
        return next((self.channels[token] for token in tokens if token in self.channels), None)


def part_of(source: Mapping[str, str]) -> str:
    """Return what tells events of a kind apart: the rule, or the input; "" if nothing does."""
    return next((source[name] for name in _PARTS if source.get(name)), "")


def _state(notification: Notification) -> bool | None:
    for name in _STATES:
        if name in notification.data:
            return flag(notification.data[name])
    # One item alone can only be the state, whatever it is called.
    if len(notification.data) == 1:
        value = next(iter(notification.data.values()))
        if value.strip().casefold() in ("true", "false", "0", "1", "active", "inactive"):
            return flag(value)
    return None
