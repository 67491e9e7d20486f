"""The alert stream of a Hikvision device: what happens, told to whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

import orjson

from ucv.clock import TimerHandle
from ucv.testing.hikvision.documents import Content, element
from ucv.testing.hikvision.isapi_server import Refusal, Reply, Rule
from ucv.testing.hikvision.unit import Unit
from ucv.testing.http_message import Answer, Request

#: What each ``eventType`` is described as.
KINDS: Mapping[str, str] = {
    "VMD": "Motion alarm",
    "linedetection": "linedetection alarm",
    "fielddetection": "fielddetection alarm",
    "regionEntrance": "regionEntrance alarm",
    "regionExiting": "regionExiting alarm",
    "tamperdetection": "tamperdetection alarm",
    "shelteralarm": "shelteralarm alarm",
    "PIR": "PIR alarm",
    "IO": "IO alarm",
    "facedetection": "facedetection alarm",
    "scenechangedetection": "scenechangedetection alarm",
    "videoloss": "videoloss alarm",
    "diskfull": "diskfull alarm",
}
#: What a device has triggers for unless it is told otherwise.
USUAL_KINDS = (
    "VMD",
    "linedetection",
    "fielddetection",
    "tamperdetection",
    "videoloss",
    "IO",
    "diskfull",
)
#: Of the whole device, whichever channel they name.
_DEVICE_KINDS = ("IO", "diskfull")
#: Told whether there is a picture or not.
_UNSEEN = (*_DEVICE_KINDS, "videoloss")
_TARGETED = ("linedetection", "fielddetection", "regionEntrance", "regionExiting")
_TARGET_NAMES = {"detection-target": "detectionTarget", "target-type": "targetType"}
#: Parts that a listener may leave unread; what comes then is not told.
_MAX_UNREAD = 1000


@dataclass(frozen=True, slots=True)
class _Event:
    """``port`` is the alarm input's number."""

    kind: str
    channel: int
    port: int | None = None


@dataclass(slots=True)
class _Going:
    """``target`` is human or vehicle, ``told`` how often it was said to be active."""

    target: str | None
    told: int = 0


class AlertStream:
    """Tells events, while they go on again and again, and signs of life in between.

    - ``heartbeat`` and ``repeat`` are seconds between signs of life, and between repetitions.
    - ``max_listeners`` is how many may listen at once.
    - ``unreported`` are the kinds without notification method ``center``, which are not told.
    - ``muted``: nothing comes any more, signs of life neither, and the connection stays.

    ``written`` writes a document as the device does, ``picture`` returns a channel's as JPEG.
    """

    def __init__(
        self,
        unit: Unit,
        kinds: tuple[str, ...],
        written: Callable[[Element], bytes],
        picture: Callable[[int], bytes],
        host: str,
    ) -> None:
        self.heartbeat = 10.0
        self.repeat = 1.0
        self.max_listeners = 8
        self.unreported: set[str] = set()
        self.muted = False
        self._unit = unit
        self._kinds = kinds
        self._written = written
        self._picture = picture
        self._host = host
        self._going: dict[_Event, _Going] = {}
        #: What each listener has not read, and the timer of its next sign of life.
        self._listeners: dict[asyncio.Queue[bytes], TimerHandle] = {}
        self._timer: TimerHandle | None = None

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    # --- events ---------------------------------------------------------------------------------

    def start(
        self, kind: str, channel: int = 1, *, target: str | None = None, port: int | None = None
    ) -> None:
        """Let something begin, if it does not go on already; raises `ValueError` for no kind."""
        event = self._event(kind, channel, port)
        if event not in self._going:
            self._going[event] = _Going(target)
            self._tell_active(event, self._going[event])
            self._repeat_later()

    def stop(self, kind: str, channel: int = 1, *, port: int | None = None) -> None:
        """Let it end, if it goes on."""
        event = self._event(kind, channel, port)
        going = self._going.pop(event, None)
        if going is not None and "alert-never-inactive" not in self._unit.quirks:
            self._tell(event, self._alert(event, "inactive", 0, going.target))

    def pulse(
        self, kind: str, channel: int = 1, *, target: str | None = None, port: int | None = None
    ) -> None:
        """Tell once that it is active, and never that it ended."""
        self._tell_active(self._event(kind, channel, port), _Going(target))

    def goes_on(self, kind: str, channel: int = 1, *, port: int | None = None) -> bool:
        """Whether that goes on now."""
        return self._event(kind, channel, port) in self._going

    def forget(self, channel: int) -> None:
        """Let end what goes on in a channel, without a word."""
        for event in [event for event in self._going if event.channel == channel]:
            del self._going[event]

    @staticmethod
    def _event(kind: str, channel: int, port: int | None) -> _Event:
        if kind not in KINDS:
            raise ValueError(f"There is no event {kind!r}; there are: {', '.join(KINDS)}.")
        return _Event(kind, channel, (port or 1) if kind == "IO" else None)

    def _repeat_later(self) -> None:
        if self._timer is None and self._going and self._listeners:
            self._timer = self._unit.clock.call_later(self.repeat, self._repeat)

    def _repeat(self) -> None:
        self._timer = None
        for event, going in self._going.items():
            self._tell_active(event, going)
        self._repeat_later()

    def _tell_active(self, event: _Event, going: _Going) -> None:
        going.told += 1
        self._tell(event, self._alert(event, "active", going.told, going.target))
        if going.told == 1 and "alert-jpeg-parts" in self._unit.quirks:
            self._tell(event, self._picture_part(event))

    def _tell(self, event: _Event, part: bytes) -> None:
        silent = "center-missing" in self._unit.quirks or event.kind in self.unreported
        if not silent and (event.kind in _UNSEEN or self._is_online(event.channel)):
            self._send(part)

    def _is_online(self, number: int) -> bool:
        channel = self._unit.channels.get(number)
        return channel is not None and channel.online

    def _send(self, part: bytes) -> None:
        for queue in self._listeners:
            self._put(queue, part)

    def _put(self, queue: asyncio.Queue[bytes], part: bytes) -> None:
        if not self.muted and not queue.full():
            queue.put_nowait(part)

    # --- parts ----------------------------------------------------------------------------------

    def _alert(self, event: _Event, state: str, count: int, target: str | None) -> bytes:
        content = self._content(event.kind, event.channel, state, count, KINDS[event.kind])
        if event.port is not None:
            content["inputIOPortID"] = event.port
        if event.kind in _TARGETED:
            for quirk, name in _TARGET_NAMES.items():
                if quirk in self._unit.quirks:
                    content[name] = target or "human"
        parts = self._document_part(content)
        if "alert-json-parts" in self._unit.quirks:
            body = orjson.dumps(content)
            parts += self._part('application/json; charset="UTF-8"', body)
        return parts

    def _content(
        self, kind: str, channel: int, state: str, count: int, description: str
    ) -> dict[str, Content]:
        unit = self._unit
        known = unit.channels.get(channel)
        number = "dynChannelID" if "dyn-channel-id" in unit.quirks else "channelID"
        return {
            "ipAddress": self._host,
            "portNo": unit.ports()["HTTP"],
            "protocol": "HTTP",
            "macAddress": unit.mac,
            number: channel,
            "dateTime": datetime.fromtimestamp(unit.time(), UTC).isoformat(timespec="seconds"),
            "activePostCount": count,
            "eventType": kind,
            "eventState": state,
            "eventDescription": description,
            "channelName": known.name if known else "",
        }

    def _sign_of_life(self) -> bytes:
        kind = "heartBeat" if "heart-beat" in self._unit.quirks else "videoloss"
        description = "Heartbeat" if kind == "heartBeat" else KINDS[kind]
        return self._document_part(self._content(kind, 1, "inactive", 0, description))

    def _document_part(self, content: Mapping[str, Content]) -> bytes:
        body = self._written(element("EventNotificationAlert", content))
        return self._part('application/xml; charset="UTF-8"', body)

    def _picture_part(self, event: _Event) -> bytes:
        name = f"{event.kind}Image"
        disposition = f'Content-Disposition: form-data; name="{name}"; filename="{name}.jpg"\r\n'
        return self._part("image/jpeg", self._picture(event.channel), disposition)

    def _part(self, content_type: str, body: bytes, disposition: str = "") -> bytes:
        other = "alert-other-boundary" in self._unit.quirks
        head = f"--{'MIME_boundary' if other else 'boundary'}\r\n{disposition}"
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body + b"\r\n"

    # --- what is asked --------------------------------------------------------------------------

    def rules(self) -> list[Rule]:
        """Return what it answers, under ``/Event``."""
        return [
            Rule("GET", "/Event/notification/alertStream", self._listen),
            Rule("GET", "/Event/triggers", self._triggers),
        ]

    def _listen(self, _request: Request) -> Reply:
        most = 1 if "one-listener" in self._unit.quirks else self.max_listeners
        if len(self._listeners) >= most:
            raise Refusal(2, "deployExceedMax")
        kind = "form-data" if "alert-form-data" in self._unit.quirks else "mixed"
        headers = {"Content-Type": f"multipart/{kind}; boundary=boundary"}
        return Answer(200, headers, self._parts(), chunked=False)

    async def _parts(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue(_MAX_UNREAD)
        self._listeners[queue] = self._beat_later(queue)
        self._repeat_later()
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.pop(queue).cancel()

    def _beat_later(self, queue: asyncio.Queue[bytes]) -> TimerHandle:
        return self._unit.clock.call_later(self.heartbeat, lambda: self._beat(queue))

    def _beat(self, queue: asyncio.Queue[bytes]) -> None:
        self._put(queue, self._sign_of_life())
        self._listeners[queue] = self._beat_later(queue)

    def _triggers(self, _request: Request) -> Reply:
        triggers = Element("EventTriggerList")
        for kind in self._kinds:
            if kind == "IO":
                for port in range(1, self._unit.inputs + 1):
                    triggers.append(self._trigger(kind, "inputIOPortID", port))
            elif kind in _DEVICE_KINDS:
                triggers.append(self._trigger(kind, None, 1))
            else:
                for number in sorted(self._unit.channels):
                    name = self._channel_name(number)
                    triggers.append(self._trigger(kind, name, number))
        if "triggers-wrapped" in self._unit.quirks:
            wrapper = Element("EventNotification")
            wrapper.append(triggers)
            return wrapper
        return triggers

    def _channel_name(self, number: int) -> str:
        remote = self._unit.recorder and not self._unit.channels[number].analogue
        return "dynVideoInputChannelID" if remote else "videoInputChannelID"

    def _trigger(self, kind: str, name: str | None, number: int) -> Element:
        silent = "center-missing" in self._unit.quirks or kind in self.unreported
        methods = ["record"] if silent else ["record", "center"]
        notifications = [
            {"id": method, "notificationMethod": method, "notificationRecurrence": "beginning"}
            for method in methods
        ]
        return element(
            "EventTrigger",
            {
                "id": f"{kind}-{number}" if name else kind,
                "eventType": kind,
                "eventDescription": f"{kind} Event trigger Information",
                **({name: number} if name else {}),
                "EventTriggerNotificationList": {"EventTriggerNotification": notifications},
            },
        )
