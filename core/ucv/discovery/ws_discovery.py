"""Devices that answer to WS-Discovery, as all ONVIF devices do, or say hello by it."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address
from typing import TypeGuard
from uuid import uuid4

from ucv.clock import Clock
from ucv.discovery.interfaces import Interface
from ucv.discovery.presence import Presence
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport
from ucv.discovery.udp_finder import UdpFinder
from ucv.discovery.ws_messages import TYPES, WsMessage, identifier, probe, read
from ucv.media.errors import MediaError
from ucv.plugins.discovery_handlers import DiscoveryHandler, WsDiscoveryHandler
from ucv.plugins.sightings import Datagram, WsDiscoveryTarget

GROUP, PORT = IPv4Address("239.255.255.250"), 3702

#: Our questions to which answers are taken: those of the last few rounds.
_MAX_QUESTIONS = 8 * len(TYPES)
#: Seconds in which a message that came before is one that was sent twice, and how many are
#: remembered. Not for longer: there are devices that give all messages the same id.
_REPEATED_WITHIN, _MAX_ANSWERS = 10.0, 4096


class WsDiscoveryFinder(UdpFinder[WsDiscoveryHandler]):
    """Asks for ONVIF devices, and hears those that say hello and good-bye."""

    def __init__(
        self,
        *,
        interfaces: Callable[[], Sequence[Interface]],
        on_report: OnReport,
        rejections: Rejections,
        clock: Clock,
        port: int = PORT,
    ) -> None:
        super().__init__(
            "ws-discovery",
            port=port,
            groups=(GROUP,),
            listen=True,
            interfaces=interfaces,
            on_report=on_report,
            rejections=rejections,
            clock=clock,
        )
        self._presence = Presence(self.name, on_report=on_report, rejections=rejections)
        self._questions_asked: OrderedDict[str, None] = OrderedDict()
        self._answers: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def _is_for_us(self, handler: DiscoveryHandler) -> TypeGuard[WsDiscoveryHandler]:
        return isinstance(handler, WsDiscoveryHandler)

    def _questions(self) -> Iterable[bytes]:
        for types in TYPES:
            message_id = f"urn:uuid:{uuid4()}"
            self._questions_asked[identifier(message_id)] = None
            if len(self._questions_asked) > _MAX_QUESTIONS:
                self._questions_asked.popitem(last=False)
            yield probe(message_id, types)

    def _take(self, datagram: Datagram, _asked: bool) -> None:
        host = datagram.host
        try:
            message = read(datagram.data, host)
        except MediaError:
            self._rejections.note(self.name, host, "no message that can be read")
            return
        if message.kind == "ProbeMatches":
            if message.relates_to not in self._questions_asked:
                self._rejections.note(self.name, host, "answered what was not asked")
                return
            self._report(message, host)
        elif message.kind == "Hello":
            self._report(message, host)
        elif message.kind == "Bye":
            for target in message.targets:
                if target.endpoint:
                    self._presence.leave(target.endpoint, host)
        # What is left are others' questions, and answers to those.

    def _report(self, message: WsMessage, host: str) -> None:
        if message.elsewhere:
            self._rejections.note(self.name, host, "told addresses of other hosts, not used")
        for target in message.targets:
            if not self._is_repeated(message, target):
                self._presence.report(
                    target.endpoint or None,
                    host,
                    [(handler.domain, handler.parse(target)) for handler in self._handlers],
                )

    def _is_repeated(self, message: WsMessage, target: WsDiscoveryTarget) -> bool:
        """Say whether a device sent the same before, as SOAP-over-UDP (section 3) has it do."""
        if not message.message_id:
            return False
        answer = (target.host, target.endpoint, message.message_id, message.relates_to)
        now = self._clock.monotonic()
        repeated = now - self._answers.pop(answer, -math.inf) < _REPEATED_WITHIN
        self._answers[answer] = now
        if len(self._answers) > _MAX_ANSWERS:
            self._answers.popitem(last=False)
        return repeated
