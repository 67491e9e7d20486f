"""Devices that answer to a vendor's own question by UDP, such as SADP and DHIP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from ucv.clock import Clock
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport, Report
from ucv.discovery.udp import UdpSockets
from ucv.plugins.discovery_handlers import DatagramHandler, DiscoveryHandler
from ucv.plugins.sightings import Datagram, Sighting

_log = logging.getLogger(__name__)

#: Longest question, in bytes: one that is not split into fragments.
MAX_PROBE = 1400

#: What handlers have in common that share sockets.
Kind = tuple[str, int, tuple[IPv4Address, ...], bool]


def kind_of(handler: DatagramHandler) -> Kind:
    """Return what a handler shares with others for which one `DatagramFinder` works."""
    return handler.source, handler.port, handler.groups, handler.listen


class DatagramFinder:
    """Asks the question of the first handler of one kind, and gives answers to all of that kind.

    ``interfaces`` is called for each round, for networks come and go.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        interfaces: Callable[[], Sequence[Interface]],
        on_report: OnReport,
        rejections: Rejections,
        clock: Clock,
    ) -> None:
        self.kind = kind
        self.name, port, groups, listen = kind
        self._on_report = on_report
        self._rejections = rejections
        self._handlers: tuple[DatagramHandler, ...] = ()
        self._lock = asyncio.Lock()
        self._stopped = False
        self._sockets = UdpSockets(
            self.name,
            port=port,
            groups=groups,
            listen=listen,
            interfaces=interfaces,
            on_datagram=self._take,
            rejections=rejections,
            clock=clock,
        )

    @property
    def listening(self) -> bool:
        """See `Finder.listening`."""
        return len(self._sockets) > 0

    @property
    def problem(self) -> str | None:
        """See `Finder.problem`."""
        return self._sockets.problem

    async def listen(self, handlers: Sequence[DiscoveryHandler]) -> None:
        """See `Finder.listen`."""
        async with self._lock:
            if self._stopped:
                return
            self._handlers = tuple(
                handler
                for handler in handlers
                if isinstance(handler, DatagramHandler) and kind_of(handler) == self.kind
            )
            if self._handlers:
                await self._sockets.open()
            else:
                self._sockets.close()

    async def ask(self) -> None:
        """See `Finder.ask`."""
        async with self._lock:
            if self._stopped or not self._handlers:
                return
            await self._sockets.open()
            question = self._question(self._handlers[0])
            if question is not None:
                self._sockets.send(question)

    async def stop(self) -> None:
        """See `Finder.stop`."""
        self._stopped = True
        async with self._lock:
            self._handlers = ()
            self._sockets.close()

    def _question(self, handler: DatagramHandler) -> bytes | None:
        try:
            question = bytes(handler.probe())
        except Exception:  # a plugin may raise anything
            _log.exception("The question of %s by %s failed", handler.domain, self.name)
            self._rejections.note(self.name, "", f"the question of {handler.domain} failed")
            return None
        if len(question) > MAX_PROBE:
            self._rejections.note(self.name, "", f"the question of {handler.domain} is too long")
            return None
        return question

    def _take(self, datagram: Datagram, _asked: bool) -> None:
        for handler in self._handlers:
            sighting = handler.parse(datagram)
            if sighting is not None:
                key = _key(sighting)
                self._on_report(Report(self.name, handler.domain, datagram.host, key, sighting))


def _key(sighting: Sighting) -> str | None:
    """Return what a device is known by, also at another address."""
    return sighting.mac or sighting.serial or sighting.unique_id or sighting.endpoint
