"""What the documents of the interface have in common: text, numbers, truth, time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from xml.etree.ElementTree import Element

from ucv import ProtocolError
from ucv.media import xml
from ucv.media.errors import MediaError

#: Longest text that is taken over from a device, in characters.
MAX_TEXT = 200

_WHOLE = re.compile(r"[+-]?[0-9]{1,10}")
_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d{1,9})?\s*"
    r"(Z|[+-]\d{1,2}:?\d{2})?",
    re.IGNORECASE | re.ASCII,
)
_ZONE = re.compile(r"[A-Za-z]{1,8}([+-]?)(\d{1,2})(?::(\d{2}))?(?::\d{2})?(.*)", re.ASCII)


def document(body: bytes, what: str) -> Element:
    """Return the root of an answer; raises `ProtocolError`, which names ``what`` was asked for."""
    try:
        return xml.parse(body)
    except MediaError as error:
        raise ProtocolError(
            f"The camera's answer to {what} cannot be read: {error}", details={"path": what}
        ) from None


def text(element: Element, path: str) -> str:
    """Return the text at a path in one line, "" if there is none."""
    return plain(xml.text_at(element, path))


def plain(words: str) -> str:
    """Return a device's words as one short line of printable characters."""
    return "".join(c if c.isprintable() else " " for c in words[:MAX_TEXT]).strip()


def whole(words: str) -> int | None:
    """Return a whole number; None if it is none, or one of more than ten digits."""
    return int(words) if _WHOLE.fullmatch(words) else None


def number_at(element: Element, path: str) -> int | None:
    """Return the whole number at a path, or None."""
    return whole(text(element, path))


def truth_at(element: Element, path: str) -> bool | None:
    """Return whether a device says true at a path; None if it says nothing."""
    words = text(element, path).casefold()
    return words in ("true", "1", "yes", "on") if words else None


def elements(root: Element, *names: str) -> list[Element]:
    """Return all elements with one of these names, in any case, wherever they are."""
    wanted = {name.casefold() for name in names}
    return [element for element in root.iter() if element.tag.casefold() in wanted]


def path_of(root: Element, name: str) -> str | None:
    """Return the path below the root of the first element of that name, in any case, or None."""
    wanted = name.casefold()
    for child in root:
        if child.tag.casefold() == wanted:
            return child.tag
        if (below := path_of(child, name)) is not None:
            return f"{child.tag}/{below}"
    return None


def seconds_of(words: str, zone: str = "") -> tuple[float, ...]:
    """Return when a time is, in seconds since the epoch: what it can mean, the likeliest first.

    ``words`` are as in ``2024-01-31T12:00:00+08:00`` (ISO 8601). Without an offset of its own,
    ``zone`` is the device's (POSIX, as in ``CST-8:00:00``); where that has daylight saving time,
    there are two answers. Nothing for what is no time, or cannot be placed.
    """
    match = _TIME.fullmatch(words.strip())
    if match is None:
        return ()
    try:
        year, month, day, hour, minute, second = (int(match.group(i)) for i in range(1, 7))
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return ()
    own = _offset(match.group(7))
    offsets = (own,) if own is not None else _zone_offsets(zone)
    return tuple(
        moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).timestamp()
        for minutes in offsets
    )


def _offset(suffix: str | None) -> int | None:
    """Return an offset to the east in minutes."""
    if not suffix:
        return None
    if suffix in "Zz":
        return 0
    digits = suffix[1:].replace(":", "")
    minutes = int(digits[:-2]) * 60 + int(digits[-2:])
    return (-minutes if suffix[0] == "-" else minutes) if minutes < 24 * 60 else None


def _zone_offsets(zone: str) -> tuple[int, ...]:
    match = _ZONE.fullmatch(zone.strip())
    if match is None:
        return ()
    sign, hours, minutes, rest = match.groups()
    behind = int(hours) * 60 + int(minutes or 0)
    if behind >= 23 * 60:
        return ()
    # POSIX counts what has to be added to local time: west is positive.
    standard = behind if sign == "-" else -behind
    return (standard, standard + 60) if rest else (standard,)
