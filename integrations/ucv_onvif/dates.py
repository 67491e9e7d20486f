"""Points in time as devices write them, right and wrong."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element

from ucv.wire import xml_text

#: Date and time with "T", "-", "T-" or a blank between them, and a zone.
_WRITTEN = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:T-?|-|\s)(\d{1,3}):(\d{1,3})(?::(\d{1,3})(?:[.,](\d+))?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
#: The zone of a POSIX TZ such as ``CST-8``, ``<+03>-3`` or ``EST5EDT,M3.2.0,M11.1.0``.
_POSIX = re.compile(r"(?:[A-Za-z]{3,}|<[^>]{1,16}>)([+-]?)(\d{1,2})(?::(\d{2}))?")
#: The zone as some devices write it: ``GMT+08:00``, ``UTC-5``.
_COMMON = re.compile(r"(?:GMT|UTC)\s*([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)


def timestamp(text: str) -> float | None:
    """Return what was written, in seconds since the epoch; None for what is no time.

    Takes ``2024-08-17-12:30:45Z`` and fields that overflow (``00:61:16``); a year 0 is no time.
    Without a zone it is UTC.
    """
    match = _WRITTEN.match(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    second = int(match[6] or 0)
    fraction = float(f"0.{match[7][:9]}") if match[7] else 0.0
    moment = _moment((year, month, day), hour, minute, second)
    if moment is None:
        return None
    return moment + fraction - _zone(match[8])


def _moment(date: tuple[int, int, int], hours: int, minutes: int, seconds: int) -> float | None:
    """Return a point in time in UTC, whose hours, minutes and seconds may overflow."""
    try:
        base = datetime(*date, tzinfo=UTC)
        whole = base + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):
        return None
    return whole.timestamp()


def _zone(text: str | None) -> float:
    if not text or text in "Zz":
        return 0.0
    sign = -1.0 if text[0] == "-" else 1.0
    return sign * (int(text[1:3]) * 3600 + int(text[-2:]) * 60)


def device_time(answer: Element) -> float | None:
    """Return the time in an answer to `GetSystemDateAndTime`, in seconds since the epoch.

    ``UTCDateTime`` may be missing: then it is ``LocalDateTime`` with the zone in ``TimeZone/TZ``.
    None if neither can be read.
    """
    system = answer.find("SystemDateAndTime")
    if system is None:
        return None
    utc = _fields(system.find("UTCDateTime"))
    if utc is not None:
        return utc
    local = _fields(system.find("LocalDateTime"))
    if local is None:
        return None
    summer = xml_text(system, "DaylightSavings").casefold() == "true"
    return local - zone_offset(xml_text(system, "TimeZone/TZ"), summer=summer)


def _fields(element: Element | None) -> float | None:
    if element is None:
        return None
    names = ("Date/Year", "Date/Month", "Date/Day", "Time/Hour", "Time/Minute", "Time/Second")
    try:
        year, month, day, hour, minute, second = (int(xml_text(element, name)) for name in names)
    except ValueError:
        return None
    if max(abs(hour), abs(minute), abs(second)) > 10_000:
        return None
    return _moment((year, month, day), hour, minute, second)


def zone_offset(zone: str, *, summer: bool = False) -> float:
    """Return how many seconds a zone is ahead of UTC, 0 for what cannot be read.

    POSIX counts the other way round: ``CST-8`` is ahead; ``GMT+08:00`` and ``UTC+8`` are meant as
    people say it when they have two digits or minutes, as the devices that write it do.
    """
    if (common := _COMMON.fullmatch(zone.strip())) and (len(common[2]) == 2 or common[3]):
        ahead = int(common[2]) * 3600 + int(common[3] or 0) * 60
        offset = float(ahead if common[1] == "+" else -ahead)
    elif posix := _POSIX.match(zone.strip()):
        behind = int(posix[2]) * 3600 + int(posix[3] or 0) * 60
        offset = float(behind if posix[1] == "-" else -behind)
        summer = summer and len(zone.strip()) > posix.end()
    else:
        return 0.0
    if summer:
        offset += 3600.0
    return offset if abs(offset) <= 15 * 3600 else 0.0


def xml_time(moment: float) -> str:
    """Return seconds since the epoch as devices like it: UTC, whole seconds, ``Z``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
