"""The tables of Dahua's interface: lines of ``key=value``, read into a tree.

``table.Encode[0].MainFormat[0].Video.FPS=20`` is the value at ``("table", "Encode", "0",
"MainFormat", "0", "Video", "FPS")``: dots and brackets separate, and nothing else does, since some
keys hold colons (``uuid:System_CONFIG_NETCAMERA_INFO_0``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Longest table that is read, in characters, and most places it may have: a recorder of 64 channels
#: has about 1 MiB of Encode with 20,000 places.
MAX_CHARACTERS = 4 * 1024 * 1024
MAX_PLACES = 200_000
#: Most parts of a key; the deepest that is known has nine.
MAX_DEPTH = 16
#: Longest value, in characters; what is longer is cut.
MAX_VALUE = 4096

_LINE_END = re.compile(r"[\r\n]+")
_PART = re.compile(r"[^.\[\]]+")
_INDEX = re.compile(r"[0-9]{1,6}")
_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*")
_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off"})


@dataclass(slots=True)
class Table:
    """A place in a tree of values: its own ``value``, if it has one, and what is below it.

    What is not there is an empty table, so that a path need not be checked at each step.
    """

    value: str | None = None
    below: dict[str, Table] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return self.value is not None or bool(self.below)

    def at(self, *path: str | int) -> Table:
        """Return what is at a path, with keys in the device's own case."""
        place = self
        for part in path:
            found = place.below.get(str(part))
            if found is None:
                return Table()
            place = found
        return place

    def text(self, *path: str | int) -> str:
        """Return the text at a path without blanks around it, "" if there is none."""
        return (self.at(*path).value or "").strip()

    def number(self, *path: str | int) -> float | None:
        """Return the number at a path, None if there is none."""
        match = _NUMBER.fullmatch(self.text(*path))
        number = float(match[1]) if match else math.nan
        return number if math.isfinite(number) else None

    def whole(self, *path: str | int) -> int | None:
        """Return the whole number at a path, None if there is none; fractions are cut off."""
        number = self.number(*path)
        return None if number is None else int(number)

    def flag(self, *path: str | int) -> bool | None:
        """Return the truth value at a path, None if there is none."""
        word = self.text(*path).casefold()
        return True if word in _YES else False if word in _NO else None

    def rows(self, *path: str | int) -> Mapping[int, Table]:
        """Return what is below a path under an index, by index, in its order."""
        below = self.at(*path).below
        found = {int(key): row for key, row in below.items() if _INDEX.fullmatch(key)}
        return dict(sorted(found.items()))


def parse(text: str) -> Table:
    """Read a table; what is no such line is passed over. Never raises.

    Lines end in CRLF or LF, and are split at the first ``=``. The last of several values counts.
    """
    root = Table()
    # Where the values of a row stand, and how deep: they come one after another.
    rows: dict[str, tuple[Table, int]] = {}
    left = MAX_PLACES
    # Not splitlines(), to which some letters of other scripts are ends of lines.
    for line in _LINE_END.split(text[:MAX_CHARACTERS]):
        key, equals, value = line.partition("=")
        if not equals or left <= 0:
            continue
        row, _, name = key.strip().rpartition(".")
        if row not in rows:
            rows[row] = _place(root, 0, row, MAX_DEPTH - 1)
            left -= rows[row][1]
        place, depth = _place(*rows[row], name, MAX_DEPTH)
        if 0 < depth <= MAX_DEPTH:
            place.value = value[:MAX_VALUE]
            left -= depth - rows[row][1]
    return root


def _place(start: Table, depth: int, path: str, limit: int) -> tuple[Table, int]:
    """Return the place at a path below another, made where there is none, and how deep it is.

    What is deeper than ``limit`` is not made, and said to be deeper than any.
    """
    parts = _PART.findall(path)
    depth += len(parts)
    if depth > limit:
        return start, MAX_DEPTH + 1
    place = start
    for part in parts:
        if (found := place.below.get(part)) is None:
            found = place.below[part] = Table()
        place = found
    return place, depth
