"""The event service: states that are told to pull points (ONVIF Core, 9; WS-BaseNotification)."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ucv.clock import Clock, TimerHandle
from ucv.media.xml import escaped
from ucv.testing.onvif.soap import Call, Operation, SoapFault
from ucv.testing.onvif.views import Identity

#: What may be started by a short word: the topic, and the item that says whether it goes on.
KINDS = {
    "motion": ("tns1:RuleEngine/CellMotionDetector/Motion", "IsMotion"),
    "alarm": ("tns1:VideoSource/MotionAlarm", "State"),
    "tamper": ("tns1:RuleEngine/TamperDetector/Tamper", "IsTamper"),
    "intrusion": ("tns1:RuleEngine/FieldDetector/ObjectsInside", "IsInside"),
    "line": ("tns1:RuleEngine/LineDetector/Crossed", "IsCrossed"),
    "person": ("tns1:RuleEngine/MyRuleDetector/PeopleDetect", "State"),
    "input": ("tns1:Device/Trigger/DigitalInput", "LogicalState"),
    "sound": ("tns1:AudioAnalytics/Audio/DetectedSound", "IsSoundDetected"),
}
#: Most messages that wait for one subscriber.
_MAX_WAITING = 1000
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")
_PATH = "/onvif/event_service"


@dataclass(slots=True)
class Subscription:
    """One pull point."""

    number: int
    ends: float
    timer: TimerHandle | None = None
    waiting: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_WAITING))
    news: asyncio.Event = field(default_factory=asyncio.Event)
    pulls: int = 0

    def put(self, message: str) -> None:
        """Let a message wait to be pulled."""
        self.waiting.append(message)
        self.news.set()


class Disconnect(Exception):
    """The connection is to be closed without an answer."""


class EventService:
    """Tells what goes on. ``subscriptions`` are those there are, ``made`` counts all there were."""

    def __init__(
        self,
        identity: Identity,
        clock: Clock,
        now: Callable[[], float],
        quirks: Collection[str],
    ) -> None:
        self.subscriptions: dict[int, Subscription] = {}
        self.made = self.renewed = self.given_back = 0
        self._identity = identity
        self._clock = clock
        self._now = now
        self._quirks = quirks
        self._states: dict[tuple[str, int], bool] = {}

    def operations(self) -> dict[str, Operation]:
        """Return those of the service itself."""
        if "reference-parameters" in self._quirks:
            return {**self.of_subscription(), "CreatePullPointSubscription": self._create}
        return {"CreatePullPointSubscription": self._create}

    def of_subscription(self) -> dict[str, Operation]:
        """Return those of a subscription."""
        return {
            "PullMessages": self._pull,
            "SetSynchronizationPoint": self._synchronize,
            "Renew": self._renew,
            "Unsubscribe": self._unsubscribe,
        }

    # --- what happens ---------------------------------------------------------------------------

    def report(self, kind: str, channel: int, *, active: bool) -> None:
        """Tell all subscribers that something begins or ends; raises `KeyError` for the kind."""
        self._states[kind, channel] = active
        message = self._message(kind, channel, active=active, operation="Changed")
        for one in self.subscriptions.values():
            one.put(message)

    def forget(self) -> None:
        """Give up all subscriptions, as after a reboot."""
        for one in list(self.subscriptions.values()):
            self._end(one)

    def _end(self, one: Subscription) -> None:
        self.subscriptions.pop(one.number, None)
        if one.timer is not None:
            one.timer.cancel()
        one.news.set()

    # --- subscriptions --------------------------------------------------------------------------

    def _create(self, call: Call) -> str:
        places = 2 if "two-subscriptions" in self._quirks else 16
        if len(self.subscriptions) >= places:
            raise SoapFault("Action", "SubscribeCreationFailed", status=500)
        life = self._life(call.text("InitialTerminationTime"))
        self.made += 1
        one = self.subscriptions[self.made] = Subscription(self.made, 0.0)
        self._live(one, life)
        for (kind, channel), active in self._states.items():
            one.put(self._message(kind, channel, active=active, operation="Initialized"))
        if "reference-parameters" in self._quirks:
            address = self._identity.address("http", _PATH)
            more = (
                "<wsa:ReferenceParameters><dom0:SubscriptionId "
                f'xmlns:dom0="http://www.axis.com/2009/event">{one.number}</dom0:SubscriptionId>'
                "</wsa:ReferenceParameters>"
            )
        else:
            address, more = self._identity.address("http", f"{_PATH}/{one.number}"), ""
        return (
            "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
            f"<wsa:Address>{escaped(address)}</wsa:Address>{more}</tev:SubscriptionReference>"
            f"{self._times(one)}</tev:CreatePullPointSubscriptionResponse>"
        )

    def _times(self, one: Subscription) -> str:
        return (
            f"<wsnt:CurrentTime>{self._written(self._now())}</wsnt:CurrentTime>"
            f"<wsnt:TerminationTime>{self._written(one.ends)}</wsnt:TerminationTime>"
        )

    def _written(self, moment: float) -> str:
        time = datetime.fromtimestamp(moment, UTC)
        if "bad-dates" in self._quirks:
            return time.strftime("%Y-%m-%d-%H:%M:%SZ")
        return time.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _life(self, text: str) -> float:
        """Return for how many seconds a subscription is asked."""
        match = _DURATION.fullmatch(text)
        if match is not None and text != "PT":
            if "absolute-termination" in self._quirks:
                raise SoapFault("InvalidArgVal", "UnacceptableInitialTerminationTime")
            hours, minutes, seconds = (int(part or 0) for part in match.groups())
            return float(hours * 3600 + minutes * 60 + seconds)
        try:
            return datetime.fromisoformat(text).timestamp() - self._now()
        except ValueError:
            raise SoapFault("InvalidArgVal", "UnacceptableTerminationTime") from None

    def _live(self, one: Subscription, life: float) -> None:
        if life <= 0:
            raise SoapFault("InvalidArgVal", "UnacceptableTerminationTime")
        if one.timer is not None:
            one.timer.cancel()
        one.ends = self._now() + life
        one.timer = self._clock.call_later(life, lambda: self._end(one))

    def _found(self, call: Call) -> Subscription:
        if "reference-parameters" in self._quirks:
            header = call.header
            text = "" if header is None else (header.findtext("SubscriptionId") or "")
        else:
            text = call.request.path.rpartition("/")[2]
        one = self.subscriptions.get(int(text)) if text.strip().isdigit() else None
        if one is None:
            raise SoapFault("InvalidArgVal", "ResourceUnknown", status=500)
        return one

    async def _pull(self, call: Call) -> str:
        one = self._found(call)
        one.pulls += 1
        match = _DURATION.fullmatch(call.text("Timeout"))
        hours, minutes, seconds = (int(p or 0) for p in match.groups()) if match else (0, 0, 10)
        limit = int(call.text("MessageLimit") or 1)
        if not one.waiting:
            one.news.clear()
            timer = self._clock.call_later(hours * 3600 + minutes * 60 + seconds, one.news.set)
            try:
                await one.news.wait()
            finally:
                timer.cancel()
            if not one.waiting and "disconnects-while-pulling" in self._quirks and one.pulls % 2:
                raise Disconnect
        if one.number not in self.subscriptions:
            raise SoapFault("InvalidArgVal", "ResourceUnknown", status=500)
        told = "".join(one.waiting.popleft() for _ in range(min(limit, len(one.waiting))))
        times = self._times(one).replace("wsnt:", "tev:")
        return f"<tev:PullMessagesResponse>{times}{told}</tev:PullMessagesResponse>"

    def _synchronize(self, call: Call) -> str:
        one = self._found(call)
        for (kind, channel), active in self._states.items():
            one.put(self._message(kind, channel, active=active, operation="Initialized"))
        return "<tev:SetSynchronizationPointResponse/>"

    def _renew(self, call: Call) -> str:
        one = self._found(call)
        if "renew-refused" in self._quirks:
            raise SoapFault("ActionNotSupported", status=500)
        self._live(one, self._life(call.text("TerminationTime")))
        self.renewed += 1
        # TerminationTime comes first here (WS-BaseNotification, 6.1.1).
        ends, now = self._written(one.ends), self._written(self._now())
        return (
            f"<wsnt:RenewResponse><wsnt:TerminationTime>{ends}</wsnt:TerminationTime>"
            f"<wsnt:CurrentTime>{now}</wsnt:CurrentTime></wsnt:RenewResponse>"
        )

    def _unsubscribe(self, call: Call) -> str:
        self._end(self._found(call))
        self.given_back += 1
        return "<wsnt:UnsubscribeResponse/>"

    # --- messages -------------------------------------------------------------------------------

    def _message(self, kind: str, channel: int, *, active: bool, operation: str) -> str:
        topic, item = KINDS[kind]
        if "topics-with-tail" in self._quirks:
            topic += "/." if channel % 2 else "/"
        when = self._written(self._now())
        if "bad-dates" in self._quirks and kind == "tamper":
            when = "0000-00-00T00:00:00Z"
        value = str(active).lower()
        if "numeric-states" in self._quirks:
            value = "1" if active else "0"
        data = f'<tt:SimpleItem Name="{item}" Value="{value}"/>'
        if "no-simple-item" in self._quirks and kind == "tamper":
            data = ""
        source = f"VideoSource_{channel}"
        return (
            "<wsnt:NotificationMessage><wsnt:Topic "
            'Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">'
            f"{topic}</wsnt:Topic><wsnt:Message>"
            f'<tt:Message UtcTime="{when}" PropertyOperation="{operation}"><tt:Source>'
            f'<tt:SimpleItem Name="VideoSourceConfigurationToken" Value="{source}"/>'
            '<tt:SimpleItem Name="Rule" Value="Rule 1"/></tt:Source>'
            f"<tt:Data>{data}</tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>"
        )
