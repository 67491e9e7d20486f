"""Whether what is said by two protocols, or at two moments, can be about one device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ucv.discovery.report import Report

if TYPE_CHECKING:
    from ucv.discovery.merging import FoundDevice, Observation

#: Seconds for which a device counts as being at an address after it answered from there.
AT_ADDRESS = 5.0
#: Rounds of questions after which a device that answered none of them is gone.
GONE_AFTER = 2


def macs_of(device: FoundDevice) -> set[str]:
    """Return all hardware addresses that a device has told."""
    return {mark[1] for mark in device.marks if mark[0] == "mac"}


def _serials_of(device: FoundDevice) -> set[str]:
    return {mark[1] for mark in device.marks if mark[0] == "serial"}


def tells_its_mac_at(device: FoundDevice, host: str) -> bool:
    """Say whether a device told its hardware address from an address."""
    return any(
        one.report.host == host
        and one.report.sighting.mac is not None
        and one.report.source != "scan"
        for one in device.observations.values()
    )


def _share_serial(some: Iterable[str], others: Iterable[str]) -> bool:
    """Say whether serial numbers agree: one protocol has the model in front, another has not."""
    others = list(others)
    return any(one in other or other in one for one in some for other in others)


def are_two(device: FoundDevice, other: FoundDevice) -> bool:
    """Say whether two devices cannot be one, for they say who they are."""
    if macs_of(device) and macs_of(other):
        return macs_of(device).isdisjoint(macs_of(other))
    serials = _serials_of(device), _serials_of(other)
    return all(serials) and not _share_serial(*serials)


def speaks_elsewhere(one: Observation, report: Report, now: float) -> bool:
    """Say whether an observation is of who has another name at another address at this moment.

    By mDNS one device may have some names: those of its services.
    """
    return (
        one.report.source == report.source != "mdns"
        and one.report.key != report.key
        and one.report.host != report.host
        and now - one.last_seen < AT_ADDRESS
    )


def contradicts(device: FoundDevice, report: Report, now: float, *, here: bool) -> bool:
    """Say whether a report cannot be about a device, for it says that it is another one.

    Cheap devices share serial numbers, and their endpoint references change with each answer: so a
    MAC address counts most, and an endpoint only together with another port at one address.
    """
    told = report.sighting
    macs = macs_of(device)
    if told.mac is not None and macs and report.source != "scan":
        return told.mac not in macs
    serials = _serials_of(device)
    if told.serial is not None and serials and not _share_serial([told.serial.casefold()], serials):
        return True
    if ("key", report.source, report.key or "") in device.marks:
        return False
    if any(speaks_elsewhere(one, report, now) for one in device.observations.values()):
        return True
    others = [
        one
        for one in device.observations.values()
        if one.report.source == report.source
        # By mDNS one device may have services for some integrations, each with a name and a port.
        and (one.report.domain == report.domain or report.source != "mdns")
        and one.report.key != report.key
    ]
    if not here or not others:
        return False
    if all(one.missed >= GONE_AFTER for one in others):
        # Silent under the name it had: its address has been given to another one.
        return True
    return told.http_port is not None and any(
        one.report.sighting.http_port not in (None, told.http_port) for one in others
    )
