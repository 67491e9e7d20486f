"""Who is where, by what they said: a good-bye counts only from there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from ucv.discovery.rejections import Rejections
from ucv.discovery.report import OnReport, Report
from ucv.plugins.sightings import Sighting

#: Devices that are remembered by each protocol.
MAX_KNOWN = 2000


class Presence:
    """Remembers from where each device was last reported by one protocol, and for whom."""

    def __init__(self, source: str, *, on_report: OnReport, rejections: Rejections) -> None:
        self._source = source
        self._on_report = on_report
        self._rejections = rejections
        self._known: OrderedDict[str, tuple[str, frozenset[str]]] = OrderedDict()

    def report(
        self, key: str | None, host: str, sightings: Iterable[tuple[str, Sighting | None]]
    ) -> None:
        """Report what handlers, given by their domains, make of one device."""
        seen = {domain: one for domain, one in sightings if one is not None}
        if not seen:
            return
        if key is not None:
            self._known[key] = (host, frozenset(seen))
            self._known.move_to_end(key)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        for domain, sighting in seen.items():
            self._on_report(Report(self._source, domain, host, key, sighting))

    def leave(self, key: str, host: str) -> None:
        """Report that a device is gone, if it says so from where it was; others are refused."""
        known, domains = self._known.get(key, (host, frozenset[str]()))
        if known != host:
            self._rejections.note(self._source, host, "said good-bye for another device")
            return
        self._known.pop(key, None)
        for domain in domains:
            self._on_report(Report(self._source, domain, host, key, Sighting(0.0), gone=True))
