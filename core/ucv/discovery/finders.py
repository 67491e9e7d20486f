"""All ways of finding devices together, for the handlers of all plugins."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence

from ucv.clock import Clock
from ucv.config.configuration import DiscoverySettings
from ucv.discovery.datagrams import DatagramFinder, Kind, kind_of
from ucv.discovery.handlers import HandlerGuard, OnFault, source_of
from ucv.discovery.interfaces import Interface, interfaces
from ucv.discovery.mdns import MdnsFinder
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Finder, OnReport, Report
from ucv.discovery.ssdp import SsdpFinder
from ucv.discovery.view import InterfaceStatus, MethodStatus
from ucv.discovery.ws_discovery import WsDiscoveryFinder
from ucv.plugins.discovery_handlers import DatagramHandler, DiscoveryHandler

_log = logging.getLogger(__name__)


class Finders:
    """Owns the finders; each report of theirs goes to ``on_report``.

    Handlers are guarded: what they raise is given to ``on_fault``, with the domain and what it was.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        settings: DiscoverySettings,
        on_report: OnReport,
        rejections: Rejections,
        on_fault: OnFault = lambda _domain, _what, _error: None,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._on_report = on_report
        self._rejections = rejections
        self._guard = HandlerGuard(clock, rejections, on_fault)
        self._reports: Counter[str] = Counter()
        self._core: tuple[Finder, ...] = (
            MdnsFinder(
                interfaces=settings.interfaces,
                on_report=self._report,
                rejections=rejections,
                clock=clock,
            ),
            WsDiscoveryFinder(
                interfaces=self.interfaces,
                on_report=self._report,
                rejections=rejections,
                clock=clock,
            ),
            SsdpFinder(
                interfaces=self.interfaces,
                on_report=self._report,
                rejections=rejections,
                clock=clock,
            ),
        )
        self._datagrams: dict[Kind, Finder] = {}
        self._handlers: list[DiscoveryHandler] = []
        self._lock = asyncio.Lock()
        self._stopped = False

    def interfaces(self) -> tuple[Interface, ...]:
        """Return the addresses of this machine that devices are looked for from, as of now."""
        return interfaces(self._settings.interfaces)

    async def listen(self, handlers: Sequence[DiscoveryHandler]) -> None:
        """Work for these handlers from now on, as far as their methods are wanted."""
        async with self._lock:
            if self._stopped:
                return
            wanted = [
                self._guard.guarded(handler)
                for handler in handlers
                if not self._settings.methods or source_of(handler) in self._settings.methods
            ]
            self._handlers = wanted
            kinds = {kind_of(one) for one in wanted if isinstance(one, DatagramHandler)}
            for gone in self._datagrams.keys() - kinds:
                await self._datagrams.pop(gone).stop()
            for kind in kinds - self._datagrams.keys():
                self._datagrams[kind] = self._datagram_finder(kind)
            for finder in self.all():
                await finder.listen(wanted)

    def all(self) -> list[Finder]:
        """Return the finders."""
        return [*self._core, *self._datagrams.values()]

    async def ask(self) -> None:
        """Ask all devices once, by all protocols at the same time."""
        async with self._lock:
            asked = [finder.ask() for finder in self.all()]
            for problem in await asyncio.gather(*asked, return_exceptions=True):
                if isinstance(problem, Exception):  # one protocol's trouble is not the others'
                    _log.warning("A question to the network failed", exc_info=problem)

    async def stop(self) -> None:
        """Close all sockets, and open none any more."""
        async with self._lock:
            self._stopped = True
            for finder in self.all():
                await finder.stop()

    def methods(self) -> tuple[MethodStatus, ...]:
        """Return how each protocol does for which there is a handler."""
        used = {source_of(handler) for handler in self._handlers}
        return tuple(
            MethodStatus(
                finder.name,
                finder.listening,
                finder.problem,
                self._reports[finder.name],
                self._rejections.count(finder.name),
            )
            for finder in self.all()
            if finder.name in used
        )

    def networks(self) -> tuple[InterfaceStatus, ...]:
        """Return the networks that devices are looked for in.

        Loopback is everybody's own: it is left out unless somebody has named it.
        """
        return tuple(
            InterfaceStatus(one.name, str(one.address), str(one.network))
            for one in self.interfaces()
            if self._settings.interfaces or not one.address.is_loopback
        )

    def _report(self, report: Report) -> None:
        self._reports[report.source] += 1
        self._on_report(report)

    def _datagram_finder(self, kind: Kind) -> Finder:
        return DatagramFinder(
            kind,
            interfaces=self.interfaces,
            on_report=self._report,
            rejections=self._rejections,
            clock=self._clock,
        )
