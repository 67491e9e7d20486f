"""Events by pull point: subscribed to, renewed in time, given up at the end."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import Element

from ucv import (
    CameraEvent,
    CameraViewerError,
    ConnectionClosed,
    Device,
    NotSupported,
    ProtocolError,
)
from ucv.wire import xml_text
from ucv_onvif import soap
from ucv_onvif.dates import timestamp, xml_time
from ucv_onvif.quirks import LifetimePolicy, RenewPolicy
from ucv_onvif.session import Session
from ucv_onvif.topics import Translator, notifications
from ucv_onvif.transport import TIMEOUT
from ucv_onvif.wsdl import Binding

#: Seconds for which events are asked to be kept, and the part of them after which this is renewed.
LIFETIME = 600.0
RENEW_AT = 0.8
#: Seconds for which a device may hold back its answer, and by which it may be late.
PULL_TIME, PULL_GRACE = 60.0, 15.0
#: Notifications of one answer.
MESSAGE_LIMIT = 100
#: Pulls in a row that may be cut off before the subscription is given up.
_MAX_CUT = 3
#: Seconds for taking leave.
_FAREWELL = 3.0
#: Seconds after which an answer without notifications is no sign of a device that answers at once.
_TOO_SOON = 1.0
_WSA = "http://www.w3.org/2005/08/addressing"
_MAX_PARAMETERS = 8


@dataclass(slots=True)
class Subscription:
    """Where events are pulled from.

    ``address`` is as the device gave it; ``parameters`` (elements of lxml) go into the head of
    each message to it. ``ends`` and ``renew`` are by our monotonic clock, in seconds.
    """

    address: str
    parameters: tuple[Any, ...]
    ends: float
    renew: float


class PullPoint:
    """The events of one device, for all its sources."""

    def __init__(self, device: Device, session: Session, translator: Translator) -> None:
        self._device = device
        self._session = session
        self.translator = translator
        #: Subscriptions made, renewals, answers to pulls, and notifications in them; for reports.
        self.counts = {"subscribed": 0, "renewed": 0, "pulled": 0, "notifications": 0, "cut": 0}

    async def events(self) -> AsyncGenerator[CameraEvent, None]:
        """Yield what happens until the device lets go of the subscription.

        After each connection the device is asked to tell its states: what began or ended in
        between is not missed, and what is told again the core knows already. Raises
        `NotSupported` for a device without pull points.
        """
        subscription = await self._subscribe()
        try:
            await self._synchronise(subscription)
            cut = 0
            while True:
                started = self._now()
                try:
                    answer = await self._pull(subscription)
                except ConnectionClosed:
                    # Nothing unusual during a pull; but what was in the answer is lost.
                    cut += 1
                    self.counts["cut"] += 1
                    if cut >= _MAX_CUT:
                        raise
                    await self._synchronise(subscription)
                    continue
                cut = 0
                count = 0
                for notification in notifications(answer):
                    count += 1
                    if (event := self.translator.event(notification)) is not None:
                        yield event
                self.counts["pulled"] += 1
                self.counts["notifications"] += count
                if self._now() >= subscription.renew:
                    subscription = await self._prolong(subscription)
                if not count and self._now() - started < _TOO_SOON:
                    # Some answer at once, whatever they were asked to wait.
                    await self._device.clock.sleep(_TOO_SOON)
        finally:
            await self._unsubscribe(subscription)

    def _now(self) -> float:
        return self._device.clock.monotonic()

    # --- the subscription -----------------------------------------------------------------------

    async def _subscribe(self) -> Subscription:
        policies = self._session.policies
        if policies.lifetime is LifetimePolicy.DURATION:
            try:
                made = await self._create()
            except soap.FaultError:
                policies.lifetime = LifetimePolicy.ABSOLUTE
            else:
                if made.ends - self._now() > 1.0:
                    return made
                # It was over before it began: the duration was ignored.
                policies.lifetime = LifetimePolicy.ABSOLUTE
                await self._unsubscribe(made)
        return await self._create()

    async def _create(self) -> Subscription:
        session = self._session
        address = session.address_of(Binding.EVENTS)
        arguments = {"InitialTerminationTime": self._lifetime()}
        envelope = await session.envelope(
            Binding.EVENTS, "CreatePullPointSubscription", arguments, address=address
        )
        answer = await session.send(address, envelope)
        self.counts["subscribed"] += 1
        given = xml_text(answer.body, "SubscriptionReference/Address") or address
        ends, renew = self._term(answer.body)
        return Subscription(given, _reference_parameters(answer.raw), ends, renew)

    def _lifetime(self) -> timedelta | str:
        if self._session.policies.lifetime is LifetimePolicy.DURATION:
            return "PT10M"
        offset = self._session.soap.clock_offset or 0.0
        return xml_time(self._device.clock.time() + offset + LIFETIME)

    def _term(self, answer: Element) -> tuple[float, float]:
        """Return when a subscription ends and is to be renewed, by our monotonic clock.

        From the device's own two times, whatever its clock shows; as asked for if they cannot be
        read.
        """
        now = self._now()
        current = timestamp(xml_text(answer, "CurrentTime"))
        end = timestamp(xml_text(answer, "TerminationTime"))
        if end is not None and current is None and self._session.soap.clock_offset is not None:
            current = self._device.clock.time() + self._session.soap.clock_offset
        life = LIFETIME if current is None or end is None else end - current
        # A device whose clock was set in between tells a life of years, or none.
        life = min(life, 24 * 3600.0)
        return now + life, now + max(life * RENEW_AT, 1.0)

    async def _prolong(self, subscription: Subscription) -> Subscription:
        if self._session.policies.renew is RenewPolicy.RENEW:
            try:
                answer = await self._call(
                    subscription,
                    Binding.SUBSCRIPTION,
                    "Renew",
                    {"TerminationTime": self._lifetime()},
                )
            except (soap.FaultError, NotSupported):
                self._session.policies.renew = RenewPolicy.RECREATE
            else:
                self.counts["renewed"] += 1
                subscription.ends, subscription.renew = self._term(answer)
                return subscription
        # Slots are few: the old one first.
        await self._unsubscribe(subscription)
        made = await self._subscribe()
        await self._synchronise(made)
        return made

    async def _unsubscribe(self, subscription: Subscription) -> None:
        with suppress(CameraViewerError, TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self._call(subscription, Binding.SUBSCRIPTION, "Unsubscribe")

    # --- what it tells --------------------------------------------------------------------------

    async def _synchronise(self, subscription: Subscription) -> None:
        """Ask for all states; devices that cannot do that tell them by themselves or never."""
        with suppress(ProtocolError, NotSupported):
            await self._call(subscription, Binding.PULL_POINT, "SetSynchronizationPoint")

    async def _pull(self, subscription: Subscription) -> Element:
        seconds = min(PULL_TIME, max(1.0, subscription.renew - self._now()))
        arguments = {"Timeout": f"PT{int(seconds)}S", "MessageLimit": MESSAGE_LIMIT}
        return await self._call(
            subscription,
            Binding.PULL_POINT,
            "PullMessages",
            arguments,
            timeout=seconds + PULL_GRACE,
        )

    async def _call(
        self,
        subscription: Subscription,
        binding: Binding,
        operation: str,
        arguments: dict[str, Any] | None = None,
        *,
        timeout: float = TIMEOUT,  # noqa: ASYNC109
    ) -> Element:
        envelope = await self._session.envelope(
            binding,
            operation,
            arguments,
            address=subscription.address,
            headers=[copy.deepcopy(one) for one in subscription.parameters],
        )
        answer = await self._session.send(subscription.address, envelope, timeout=timeout)
        return answer.body


def _reference_parameters(raw: bytes) -> tuple[Any, ...]:
    """Return the elements by which a device knows a subscription, with their namespaces.

    Axis has one, ``SubscriptionId``. What comes was read by the safe parser before.
    """
    # Known to be there: messages are made with it.
    from lxml import etree  # noqa: PLC0415

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, recover=True, remove_comments=True
    )
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError:
        return ()
    if root is None:
        return ()
    found = root.findall(".//{*}SubscriptionReference/{*}ReferenceParameters/*")
    result = []
    for element in found[:_MAX_PARAMETERS]:
        own = copy.deepcopy(element)
        own.tail = None
        own.set(f"{{{_WSA}}}IsReferenceParameter", "true")
        result.append(own)
    return tuple(result)
