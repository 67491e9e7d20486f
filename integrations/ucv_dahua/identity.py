"""Who a device says it is, how many pictures it has, and what its clock shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from ucv import ProtocolError
from ucv_dahua.keyvalue import Table
from ucv_dahua.quirks import GENERIC_MODELS, RECORDERS

_VERSION = re.compile(r"(\S+?)(?:\s*,\s*|\s+)build\s*:\s*(\S+)", re.IGNORECASE)
_TIME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})[ T](\d{1,2}):(\d{1,2}):(\d{1,2})")
#: Seconds between two time zones, nearly everywhere.
_ZONE_STEP = 1800.0
#: Seconds between the zones that are farthest apart (UTC-12 and UTC+14), and some drift.
_ZONES = 27 * 3600.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device says it is; None for what is not told. ``kind`` is "IPC", "NVR" …."""

    manufacturer: str
    model: str | None
    serial: str | None
    firmware: str | None
    kind: str

    @property
    def says_recorder(self) -> bool:
        """Whether it calls itself a recorder."""
        return any(RECORDERS.match(word) for word in (self.kind, self.model or "") if word)


def identity(
    system: Table, *, device_type: str = "", serial: str = "", version: str, vendor: str, kind: str
) -> Identity:
    """Return who a device is, by ``getSystemInfo`` and what the other actions answered.

    ``device_type`` and ``serial`` are those of actions of their own, for firmware without
    ``getSystemInfo``. Raises `ProtocolError` if it says neither what nor who it is.
    """
    told = [system.text("deviceType"), system.text("updateSerial"), device_type]
    models = [model for model in told if not GENERIC_MODELS.fullmatch(model)]
    number = system.text("serialNumber") or serial
    model = next(iter(models), "") or next(filter(None, told), "")
    if not model and not number:
        raise ProtocolError("The camera does not say what it is.")
    return Identity(
        manufacturer=vendor if vendor and vendor.casefold() != "general" else "Dahua",
        model=model or None,
        serial=number or None,
        firmware=firmware(version) or None,
        kind=kind,
    )


def names_itself(system: Table) -> bool:
    """Say whether ``getSystemInfo`` told both a model by its name and a serial number."""
    models = (system.text("deviceType"), system.text("updateSerial"))
    named = any(not GENERIC_MODELS.fullmatch(model) for model in models)
    return named and bool(system.text("serialNumber"))


def firmware(version: str) -> str:
    """Return ``getSoftwareVersion``'s value as one text, however its parts are separated."""
    match = _VERSION.match(version)
    return f"{match[1]}, build {match[2]}" if match else version[:200]


def mac_address(network: Table) -> str | None:
    """Return the first interface's address in the ``Network`` table."""
    usual = network.text("DefaultInterface")
    for name in (usual, "eth0", *network.below):
        if address := network.text(name, "PhysicalAddress"):
            return address
    return None


def clock_offset(told: str, now: float) -> float | None:
    """Return how far the device's clock is ahead of ours, in seconds; None if it does not tell.

    ``getCurrentTime`` answers local time and no zone. It is taken to be in our zone where that
    makes less than half an hour of difference, or else in the one which makes least; a clock that
    no zone explains is as wrong as it looks. ``now`` is our time, in seconds since the epoch.
    """
    match = _TIME.search(told)
    if match is None:
        return None
    try:
        year, month, day, hour, minute, second = map(int, match.groups())
        shown = datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
        zone = datetime.fromtimestamp(now, UTC).astimezone().utcoffset()
    except (ValueError, OverflowError, OSError):
        return None
    ahead = shown - now
    in_our_zone = ahead - (zone.total_seconds() if zone is not None else 0.0)
    if abs(in_our_zone) < _ZONE_STEP:
        return in_our_zone
    if abs(ahead) > _ZONES:
        return in_our_zone
    return ahead - _ZONE_STEP * round(ahead / _ZONE_STEP)
