"""What an alert says (``EventNotificationAlert``, as XML or JSON), and what it means here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from ucv import (
    CameraEvent,
    DigitalInput,
    FaceDetected,
    Intrusion,
    LineCrossing,
    Motion,
    OtherEvent,
    SoundDetected,
    StorageFailure,
    Tampering,
    VideoLoss,
)
from ucv.clock import Clock
from ucv.media import xml
from ucv.media.errors import MediaError
from ucv_hikvision.documents import plain, seconds_of, whole

#: Bytes of one alert.
MAX_ALERT = 256 * 1024
#: Seconds of silence after which what was detected is over: many types only repeat ``active``,
#: about once a second, and never say ``inactive``.
DETECTION_EXPIRES = 5.0
#: The same for conditions, which are repeated less often.
CONDITION_EXPIRES = 60.0
#: Seconds within which a video loss that goes on is told again.
LOSS_REPEATED = 3.0
#: Values taken of one alert, and levels of a JSON document that are looked into.
_MAX_FIELDS, _MAX_LEVELS = 500, 8
#: Events that go on at one device and are remembered for their end.
_MAX_OPEN = 1000


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; "" and None for what it does not say.

    ``kind`` is its type in lower case, ``word`` as it was written. ``channel`` is from 1, ``at``
    in seconds since the epoch. ``region`` is the number of a rule's line or zone, or of an input.
    """

    kind: str
    word: str
    active: bool | None
    channel: int | None
    at: float | None
    target: str
    region: str
    description: str

    @property
    def is_heartbeat(self) -> bool:
        """Whether it says nothing but that the stream is alive.

        Older firmware says so by a ``videoloss`` that is ``inactive``, about every 10 s, newer by
        a type of its own.
        """
        return self.kind == "heartbeat" or (self.kind == "videoloss" and self.active is False)


def alert(content_type: str, body: bytes) -> Alert | None:
    """Return what a part of the stream says, None for pictures and what is no alert."""
    if len(body) > MAX_ALERT:
        return None
    start = body.lstrip()[:1]
    if "json" in content_type.lower() or start == b"{":
        told = _from_json(body)
    elif start == b"<":
        told = _from_xml(body)
    else:
        return None
    word = told.get("eventtype", "")
    if not word:
        return None
    state = told.get("eventstate", "").casefold()
    return Alert(
        kind=word.casefold(),
        word=word,
        active={"active": True, "inactive": False}.get(state),
        channel=_first_whole(told, "channelid", "dynchannelid"),
        at=next(iter(seconds_of(told.get("datetime", ""))), None),
        target=_first(told, "detectiontarget", "targettype").casefold(),
        region=told.get("inputioportid")
        or told.get("dyninputioportid")
        or told.get("regionid", ""),
        description=told.get("eventdescription", ""),
    )


class Translator:
    """Makes camera events of one device's alerts, over all its connections.

    It keeps which events an alert's end is to end: that often says neither the target nor the
    zone. ``by_channel``: events name their channel, as those of a recorder do.
    """

    def __init__(self, clock: Clock, *, by_channel: bool) -> None:
        self._clock = clock
        self._by_channel = by_channel
        #: When each video loss was last told to go on.
        self._lost: dict[int | None, float] = {}
        self._open: dict[tuple[str, int | None], dict[tuple[str, str], CameraEvent]] = {}

    def translate(self, told: Alert) -> list[CameraEvent]:
        """Return what an alert means; nothing for a heartbeat."""
        place = (told.kind, told.channel)
        if told.active is False:
            return [] if self._is_contradicted(told) else self._ended(told, place)
        if told.is_heartbeat:
            return []
        if told.kind == "videoloss":
            self._lost[told.channel] = self._clock.monotonic()
        event = self._event(told)
        if event.active:
            if len(self._open) >= _MAX_OPEN:
                self._open.clear()
                self._lost.clear()
            self._open.setdefault(place, {})[told.region, told.target] = event
        return [event]

    def _is_contradicted(self, told: Alert) -> bool:
        """Say whether an end of video loss is a mere heartbeat, which names the lost channel.

        While a picture is lost that is repeated; its end is believed once it is not.
        """
        lost_at = self._lost.get(told.channel) if told.kind == "videoloss" else None
        return lost_at is not None and self._clock.monotonic() - lost_at < LOSS_REPEATED

    def _ended(self, told: Alert, place: tuple[str, int | None]) -> list[CameraEvent]:
        began = self._open.get(place, {})
        over = [
            key
            for key in began
            if (not told.region or told.region == key[0])
            and (not told.target or told.target == key[1])
        ]
        ended = [
            replace(began.pop(key), active=False, at=told.at, expires=None, data={}) for key in over
        ]
        if not began:
            self._open.pop(place, None)
        return ended

    def _event(self, told: Alert) -> CameraEvent:
        meaning = _MEANINGS.get(told.kind)
        common: dict[str, Any] = {
            "active": told.active,
            "at": told.at,
            "data": {"description": told.description} if told.description else {},
        }
        if self._by_channel and told.channel and (meaning is None or not meaning.of_device):
            common["channel"] = str(told.channel)
        if told.active:
            common["expires"] = DETECTION_EXPIRES if meaning is None else meaning.expires
        if meaning is None:
            return OtherEvent(name=told.word, source=told.region, **common)
        if issubclass(meaning.kind, (LineCrossing, Intrusion)):
            common["object_type"] = _TARGETS.get(told.target, told.target)
        source = f"{told.word} {told.region}".strip() if meaning.says_word else told.region
        return meaning.kind(source=source, **common)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a type of alert is here.

    ``says_word``: its own word becomes part of the source, to tell it from others of the kind;
    ``of_device``: it is about the whole device, whatever channel it names.
    """

    kind: type[CameraEvent]
    says_word: bool = False
    of_device: bool = False
    expires: float = DETECTION_EXPIRES


_DISK = _Meaning(StorageFailure, says_word=True, of_device=True, expires=CONDITION_EXPIRES)
_MEANINGS: Mapping[str, _Meaning] = {
    "vmd": _Meaning(Motion),
    "motiondetection": _Meaning(Motion),
    "pir": _Meaning(Motion, says_word=True),
    "linedetection": _Meaning(LineCrossing),
    "fielddetection": _Meaning(Intrusion),
    # Somebody may enter and leave the same zone at once.
    "regionentrance": _Meaning(Intrusion, says_word=True),
    "regionexiting": _Meaning(Intrusion, says_word=True),
    "tamperdetection": _Meaning(Tampering),
    "shelteralarm": _Meaning(Tampering),
    "scenechangedetection": _Meaning(Tampering, says_word=True),
    "defocus": _Meaning(Tampering, says_word=True),
    "io": _Meaning(DigitalInput, expires=CONDITION_EXPIRES),
    "facedetection": _Meaning(FaceDetected),
    "facesnap": _Meaning(FaceDetected),
    "audioexception": _Meaning(SoundDetected),
    "videoloss": _Meaning(VideoLoss, expires=CONDITION_EXPIRES),
    "diskfull": _DISK,
    "diskerror": _DISK,
    "diskunformat": _DISK,
    "nodisk": _DISK,
}
_TARGETS: Mapping[str, str] = {"human": "person"}


def _from_xml(body: bytes) -> dict[str, str]:
    try:
        root = xml.parse(body, limit=MAX_ALERT)
    except MediaError:
        return {}
    if root.tag.casefold() != "eventnotificationalert":
        return {}
    told: dict[str, str] = {}
    # What stands at the top is about the alert, what is below about its regions.
    for element in (*root, *root.iter()):
        if len(element) == 0 and element.text and len(told) < _MAX_FIELDS:
            told.setdefault(element.tag.casefold(), plain(element.text.strip()))
    return told


def _from_json(body: bytes) -> dict[str, str]:
    try:
        level = [orjson.loads(body)]
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(level[0], Mapping):
        return {}
    told: dict[str, str] = {}
    for _ in range(_MAX_LEVELS):
        below: list[Any] = []
        for value in level:
            members = value.items() if isinstance(value, Mapping) else enumerate(value)
            for name, member in members:
                if isinstance(member, (Mapping, list)):
                    below.append(member)
                elif len(told) < _MAX_FIELDS and isinstance(member, (str, int)):
                    told.setdefault(str(name).casefold(), plain(str(member).strip()))
        level = below
    return told


def _first(told: Mapping[str, str], *names: str) -> str:
    return next((told[name] for name in names if told.get(name)), "")


def _first_whole(told: Mapping[str, str], *names: str) -> int | None:
    for name in names:
        if (number := whole(told.get(name, ""))) is not None and 0 <= number <= 9999:
            return number
    return None
