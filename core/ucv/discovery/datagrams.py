"""Devices that answer to a vendor's own question by UDP, such as SADP and DHIP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address
from typing import TypeGuard

from ucv.clock import Clock
from ucv.discovery.interfaces import Interface
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport, Report
from ucv.discovery.udp_finder import UdpFinder
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


class DatagramFinder(UdpFinder[DatagramHandler]):
    """Asks the question of the first handler of one kind, and gives answers to all of that kind."""

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
        name, port, groups, listen = kind
        super().__init__(
            name,
            port=port,
            groups=groups,
            listen=listen,
            interfaces=interfaces,
            on_report=on_report,
            rejections=rejections,
            clock=clock,
        )

    def _is_for_us(self, handler: DiscoveryHandler) -> TypeGuard[DatagramHandler]:
        return isinstance(handler, DatagramHandler) and kind_of(handler) == self.kind

    def _questions(self) -> Iterable[bytes]:
        domain = self._handlers[0].domain
        try:
            question = bytes(self._handlers[0].probe())
        except Exception:  # a plugin may raise anything
            _log.exception("The question of %s by %s failed", domain, self.name)
            self._rejections.note(self.name, "", f"the question of {domain} failed")
            return []
        if len(question) > MAX_PROBE:
            self._rejections.note(self.name, "", f"the question of {domain} is too long")
            return []
        return [question]

    def _take(self, datagram: Datagram, _asked: bool) -> None:
        host = datagram.host
        sightings = [(handler.domain, handler.parse(datagram)) for handler in self._handlers]
        if all(sighting is None for _, sighting in sightings):
            self._rejections.note(self.name, host, "not understood")
        for domain, sighting in sightings:
            if sighting is not None:
                self._on_report(Report(self.name, domain, host, _key(sighting), sighting))


def _key(sighting: Sighting) -> str | None:
    """Return what a device is known by, also at another address."""
    return sighting.mac or sighting.serial or sighting.unique_id or sighting.endpoint
