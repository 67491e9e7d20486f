"""One report of the event stream: ``Code=VideoMotion;action=Start;index=0;data={…}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import orjson

#: Bytes of the JSON that a report may carry; what is longer is left out.
MAX_DATA = 64 * 1024
#: Longest name of an event, in characters.
MAX_CODE = 64

_START = re.compile(r"^[ \t]*(?=Code=)", re.MULTILINE)
_DATA = re.compile(r";\s*data=", re.IGNORECASE)
_INDEX = re.compile(r"\s*(-?[0-9]{1,6})\s*")


class Action(Enum):
    """What a report says of its event."""

    START = "start"
    STOP = "stop"
    PULSE = "pulse"
    """It has no duration."""
    STATE = "state"
    """A value is told, which neither begins nor ends."""


@dataclass(frozen=True, slots=True)
class Report:
    """``index`` is the channel or input from 0, None if there is none."""

    code: str
    action: Action
    index: int | None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool | None:
        """Whether it begins or ends; None for what does neither."""
        return {Action.START: True, Action.STOP: False}.get(self.action)


def reports(body: bytes) -> list[Report]:
    """Return what a part of the stream says; heartbeats, and what is no report, are nothing.

    Never raises. Where a length was wrong, a part may hold several reports.
    """
    text = body.decode("utf-8", "replace")
    found = (_report(piece) for piece in _START.split(text) if piece.startswith("Code="))
    return [report for report in found if report is not None]


def _report(text: str) -> Report | None:
    parts = _DATA.split(text, maxsplit=1)
    fields: dict[str, str] = {}
    for item in parts[0].split(";"):
        name, _, value = item.partition("=")
        fields.setdefault(name.strip().casefold(), value.strip())
    code = fields.get("code", "")
    try:
        action = Action(fields.get("action", "").casefold())
    except ValueError:
        return None
    if not code.isprintable() or not 0 < len(code) <= MAX_CODE:
        return None
    match = _INDEX.fullmatch(fields.get("index", ""))
    index = int(match[1]) if match else None
    return Report(code, action, index, _data(parts[1]) if len(parts) > 1 else {})


def _data(text: str) -> dict[str, Any]:
    """Return the JSON object that a report ends in, {} if there is none."""
    encoded = text.strip().encode()
    if len(encoded) > MAX_DATA:
        return {}
    try:
        told = orjson.loads(encoded)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
