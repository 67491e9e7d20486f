"""Makes one device of all that is said about it, by whom and over whatever protocol."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ucv.discovery.likeness import (
    AT_ADDRESS,
    are_two,
    contradicts,
    macs_of,
    speaks_elsewhere,
    tells_its_mac_at,
)
from ucv.discovery.rejections import Rejections
from ucv.discovery.report import Report
from ucv.discovery.view import AddressSpan
from ucv.plugins.sightings import Sighting

#: Devices that are kept; evidence and addresses of each.
MAX_DEVICES, MAX_EVIDENCE, MAX_ADDRESSES = 1000, 32, 32
#: Marks of a device from which on those are dropped that none of its evidence tells.
MAX_MARKS = 64

#: Seconds within which two addresses with one neighbour are two devices, not one that has moved.
SAME_SCAN = 60.0

#: Something that is the same wherever a device is: ("mac", "44:19:b6:…"), ("key", "mdns", "…").
Mark = tuple[str, ...]


@dataclass(slots=True)
class Observation:
    """The latest report of one source about a device; times are seconds since the epoch."""

    report: Report
    first_seen: float
    last_seen: float
    #: Rounds of questions that it did not answer since.
    missed: int = 0


@dataclass(slots=True)
class FoundDevice:
    """All that is known of one device. ``entry_id`` is the entry that it was last known to have."""

    id: str
    host: str
    first_seen: float
    last_seen: float
    observations: dict[tuple[str, str, str | None], Observation] = field(default_factory=dict)
    marks: set[Mark] = field(default_factory=set)
    addresses: dict[str, AddressSpan] = field(default_factory=dict)
    ignored: bool = False
    entry_id: str | None = None
    #: Since when it answers from another address than ``host``, without a pause.
    away_since: float = 0.0
    #: What was known of it when the hub last ran, for as long as it says nothing itself.
    remembered: Mapping[str, Any] = field(default_factory=dict)

    def alive(self) -> list[Observation]:
        """Return what is known now, the surest first."""
        return sorted(
            self.observations.values(),
            key=lambda one: (-one.report.sighting.confidence, -one.last_seen),
        )

    def told(self, name: str) -> Any:
        """Return the surest value of a field of `Sighting`; None if nobody told it."""
        for one in self.alive():
            value = getattr(one.report.sighting, name)
            if value is not None:
                return value
        return self.remembered.get(name)

    def details(self) -> dict[str, str]:
        """Return the details of all sources, the surest first."""
        merged: dict[str, str] = {}
        for one in self.alive():
            for key, value in one.report.sighting.details.items():
                merged.setdefault(key, value)
        return merged

    def domains(self) -> dict[str, float]:
        """Return how sure each integration's claim is: sources that agree make it surer."""
        doubt: dict[str, dict[str, float]] = {}
        for one in self.observations.values():
            report = one.report
            of = doubt.setdefault(report.domain, {})
            left = 1.0 - report.sighting.confidence
            of[report.source] = min(of.get(report.source, 1.0), left)
        sure = {domain: 1.0 - _product(of.values()) for domain, of in doubt.items()}
        return dict(sorted(sure.items(), key=lambda pair: (-pair[1], pair[0])))

    def unique_ids(self, domain: str) -> list[str]:
        """Return what a handler of an integration says its unique id is, the surest first."""
        told = [
            one.report.sighting.unique_id
            for one in self.alive()
            if one.report.domain == domain and one.report.sighting.unique_id is not None
        ]
        return list(dict.fromkeys(told))

    def ports(self, name: str) -> set[int]:
        """Return all that was told as ``http_port`` or ``rtsp_port``."""
        told = (getattr(one.report.sighting, name) for one in self.observations.values())
        return {port for port in told if port is not None}

    def settle(self, now: float) -> bool:
        """Take the newest address for the device's, if it has left its old one; says if it may yet.

        It may have both: so the old one counts for some seconds, and where it has had both, until
        it answers without it. Addresses that a device gives itself (RFC 3927) are the last choice.
        """
        newest = self.newest()
        if newest == self.host or (is_self_given(newest) and not is_self_given(self.host)):
            return False
        span = self.addresses.get(self.host)
        if span is not None and not is_self_given(self.host):
            other = self.addresses[newest]
            silent_for = now - span.last_seen
            if span.last_seen >= other.first_seen:
                if other.last_seen - span.last_seen <= AT_ADDRESS:
                    return False
                silent_for = now - self.away_since
            if silent_for <= AT_ADDRESS:
                return True
        self.host = newest
        return False

    def newest(self) -> str:
        """Return the address from which the device answered last."""
        return next(reversed(self.addresses), self.host)


class Merger:
    """Holds the devices; reports go in. Bounded whatever arrives."""

    def __init__(self, rejections: Rejections) -> None:
        self.devices: dict[str, FoundDevice] = {}
        self._rejections = rejections
        self._by_mark: dict[Mark, list[FoundDevice]] = {}
        self._by_host: dict[str, list[FoundDevice]] = {}

    def restore(self, device: FoundDevice) -> None:
        """Take in a device that was known when the hub last ran."""
        self.devices[device.id] = device
        self._index(device, device.marks)
        for host in device.addresses:
            self._place(device, host)

    def take(self, report: Report, now: float) -> tuple[FoundDevice, list[FoundDevice]] | None:
        """Return the device of a report, and those that turned out to be the same one.

        None for a good-bye of a device that nobody knows or from where it never was, and where
        there is no room for another.
        """
        marks = _marks(report)
        same = self._same(report, marks, now)
        if report.gone:
            same = [one for one in same if report.host in ("", *one.addresses)]
            if same:
                self._say_good_bye(same[0], report)
            return (same[0], []) if same else None
        if same:
            device = same[0]
            absorbed = [other for other in same[1:] if not are_two(device, other)]
            for other in absorbed:
                self._absorb(device, other)
        elif len(self.devices) >= MAX_DEVICES:
            self._rejections.note(report.source, report.host, "too many devices")
            return None
        else:
            device, absorbed = FoundDevice(uuid4().hex, report.host, now, now), []
            self.devices[device.id] = device
        self._add(device, report, marks, now)
        return device, absorbed

    def forget(self, device: FoundDevice) -> None:
        """Drop a device."""
        self.devices.pop(device.id, None)
        for mark in device.marks:
            _drop(self._by_mark, mark, device)
        for host in device.addresses:
            _drop(self._by_host, host, device)

    # ------------------------------------------------------------------------------------------

    def _same(self, report: Report, marks: Iterable[Mark], now: float) -> list[FoundDevice]:
        """Return the devices that a report is about, the best first."""
        here = self._by_host.get(report.host, ())
        # Who told its hardware address from where the report comes from.
        known_here = {device.id for device in here if tells_its_mac_at(device, report.host)}
        told_mac = report.sighting.mac
        found: dict[str, FoundDevice] = {}
        for mark in marks:
            for device in self._by_mark.get(mark, ()):
                elsewhere = report.host not in device.addresses
                if mark[0] == "neighbour" and elsewhere and now - device.last_seen < SAME_SCAN:
                    continue  # both are there, behind one repeater
                known = known_here and told_mac is None and macs_of(device)
                if known and device.id not in known_here:
                    continue  # it had this address, or has the same serial number
                if not contradicts(device, report, now, here=report.host in device.addresses):
                    found.setdefault(device.id, device)
        if not found:
            here = [
                device
                for device in here
                if (device.host == report.host or device.id in known_here)
                and not contradicts(device, report, now, here=True)
            ]
            # Several behind one address: the one with that port, if any of them has it.
            port = report.sighting.http_port
            here.sort(key=lambda one: port is None or port not in one.ports("http_port"))
            found = {device.id: device for device in here[:1]}
        return sorted(found.values(), key=lambda one: (one.entry_id is None, one.first_seen))

    def _add(self, device: FoundDevice, report: Report, marks: set[Mark], now: float) -> None:
        self._take_back(device, report, now)
        key = (report.source, report.domain, report.key)
        before = device.observations.pop(key, None)
        first = now if before is None else before.first_seen
        device.observations[key] = Observation(report, first, now)
        while len(device.observations) > MAX_EVIDENCE:
            del device.observations[next(iter(device.observations))]
        device.last_seen = now
        self._index(device, marks)
        self._bound_marks(device)
        span = device.addresses.pop(report.host, None)
        began = now if span is None else span.first_seen
        if report.host != device.host and (span is None or now - span.last_seen > AT_ADDRESS):
            device.away_since = now
        device.addresses[report.host] = AddressSpan(report.host, began, now)
        self._place(device, report.host)
        while len(device.addresses) > MAX_ADDRESSES:
            oldest = next(iter(device.addresses))
            del device.addresses[oldest]
            _drop(self._by_host, oldest, device)
        device.settle(now)

    def _take_back(self, device: FoundDevice, report: Report, now: float) -> None:
        """Let only one device be known by a key, and no device have what another one said.

        Who gets an address that another device had is taken for that one, until that speaks from
        elsewhere.
        """
        if report.key is None:
            return
        mark = ("key", report.source, report.key)
        for other in [one for one in self._by_mark.get(mark, ()) if one is not device]:
            self._let_go(other, report.source, report.key)
        for one in list(device.observations.values()):
            if one.report.key is not None and speaks_elsewhere(one, report, now):
                self._let_go(device, report.source, one.report.key)

    def _let_go(self, device: FoundDevice, source: str, key: str) -> None:
        """Forget what a device said under a key, and that it is known by it."""
        said = [one for one in device.observations if (one[0], one[2]) == (source, key)]
        marks: set[Mark] = {("key", source, key)}
        for one in said:
            endpoint = device.observations.pop(one).report.sighting.endpoint
            marks |= set() if endpoint is None else {("endpoint", endpoint)}
        for mark in marks & device.marks:
            device.marks.discard(mark)
            _drop(self._by_mark, mark, device)

    def _absorb(self, device: FoundDevice, other: FoundDevice) -> None:
        self.forget(other)
        for key, one in other.observations.items():
            device.observations.setdefault(key, one)
        for host, span in other.addresses.items():
            device.addresses.setdefault(host, span)
            self._place(device, host)
        self._index(device, other.marks)
        device.first_seen = min(device.first_seen, other.first_seen)
        device.ignored = device.ignored or other.ignored
        device.entry_id = device.entry_id or other.entry_id

    def _say_good_bye(self, device: FoundDevice, report: Report) -> None:
        """Forget what the source said: under its key, or all of it for that address."""
        for key, one in list(device.observations.items()):
            source, _, known_as = key
            if source != report.source:
                continue
            if known_as == report.key or (report.key is None and one.report.host == report.host):
                del device.observations[key]

    def _index(self, device: FoundDevice, marks: Iterable[Mark]) -> None:
        for mark in marks:
            device.marks.add(mark)
            known = self._by_mark.setdefault(mark, [])
            if device not in known:
                known.append(device)

    def _bound_marks(self, device: FoundDevice) -> None:
        """Drop what a device is not known by any more, of one that has ever new names."""
        if len(device.marks) > MAX_MARKS:
            told = {mark for one in device.observations.values() for mark in _marks(one.report)}
            for mark in device.marks - told:
                device.marks.discard(mark)
                _drop(self._by_mark, mark, device)

    def _place(self, device: FoundDevice, host: str) -> None:
        known = self._by_host.setdefault(host, [])
        if device not in known:
            known.append(device)


def _marks(report: Report) -> set[Mark]:
    """Return what a device can be recognised by, of what it says."""
    told = report.sighting
    marks: set[Mark] = set()
    if report.key is not None:
        marks.add(("key", report.source, report.key))
    if told.mac is not None:
        # A scan has it of the neighbour table: that of a repeater or a router may stand in between.
        marks.add(("neighbour" if report.source == "scan" else "mac", told.mac))
    if told.serial is not None:
        marks.add(("serial", told.serial.casefold()))
    if told.endpoint is not None:
        marks.add(("endpoint", told.endpoint))
    if told.unique_id is not None:
        marks.add(("unique", report.domain, told.unique_id))
    return marks


def neutral(sighting: Sighting) -> list[str]:
    """Return what a sighting tells, as short texts that need no translation."""
    told = [sighting.manufacturer, sighting.model]
    parts = [" ".join(part for part in told if part), sighting.name or ""]
    parts.append(f"SN {sighting.serial}" if sighting.serial else "")
    parts.append(f"MAC {sighting.mac}" if sighting.mac else "")
    parts += [f"{key}: {value}" for key, value in sighting.details.items()]
    return list(dict.fromkeys(part for part in parts if part))


def _product(values: Iterable[float]) -> float:
    product = 1.0
    for value in values:
        product *= value
    return product


def _drop(index: dict[Any, list[FoundDevice]], key: object, device: FoundDevice) -> None:
    known = index.get(key)
    if known is not None and device in known:
        known.remove(device)
        if not known:
            del index[key]


def is_self_given(host: str) -> bool:
    """Say whether an address is one that devices give themselves for want of another."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_link_local
    except ValueError:
        return False
