"""What a camera does about light: its infrared cut filter and its lamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ucv import DayNight
from ucv_hikvision.documents import elements, plain

#: ``IrcutFilterType`` of the modes that people choose; ``schedule`` is one of the device's own.
FILTER_TYPES = {DayNight.AUTO: "auto", DayNight.DAY: "day", DayNight.NIGHT: "night"}
#: Values of ``supplementLightMode``: off, and what switches a lamp on, the most visible first.
LIGHT_OFF = "close"
LIGHT_MODES = ("colorVuWhiteLight", "irLight", "eventIntelligence")


def filter_mode(root: Element) -> DayNight | None:
    """Return the mode of an ``IrcutFilter``, None if it has none; a schedule is automatic."""
    told = _value(root, "IrcutFilterType")
    if told is None:
        return None
    for mode, word in FILTER_TYPES.items():
        if told.casefold() == word:
            return mode
    return DayNight.AUTO


@dataclass(frozen=True, slots=True)
class Lamp:
    """A ``SupplementLight``: where it is, its mode, and the modes its document says it offers."""

    path: str
    mode: str
    offered: Sequence[str]

    @property
    def is_on(self) -> bool:
        """Whether it is allowed to be on."""
        return self.mode.casefold() != LIGHT_OFF


def lamp(path: str, root: Element) -> Lamp | None:
    """Return what a ``SupplementLight`` at a path says, None if it has no mode."""
    mode = _value(root, "supplementLightMode")
    return None if mode is None else Lamp(path, mode, light_modes(root))


def light_modes(root: Element) -> Sequence[str]:
    """Return which modes a document says are to be had (its ``opt``), maybe none."""
    for element in elements(root, "supplementLightMode"):
        return [mode for word in element.attrib.get("opt", "").split(",") if (mode := plain(word))]
    return ()


def mode_when_on(before: str | None, offered: Sequence[str]) -> str:
    """Return the mode that switches the lamp on: the one it last had, or the first it offers."""
    if before is not None and before.casefold() != LIGHT_OFF:
        return before
    by_name = {mode.casefold(): mode for mode in offered}
    known = (by_name[mode.casefold()] for mode in LIGHT_MODES if mode.casefold() in by_name)
    others = (mode for mode in offered if mode.casefold() != LIGHT_OFF)
    # Every camera with a lamp has the infrared one, but for those with white light alone.
    return next(known, None) or next(others, "irLight")


def _value(root: Element, name: str) -> str | None:
    for element in elements(root, name):
        return plain((element.text or "").strip()) or None
    return None


def output_document(*, on: bool) -> str:
    """Return the body that switches an alarm output."""
    return f"<IOPortData><outputState>{'high' if on else 'low'}</outputState></IOPortData>"


def output_is_on(root: Element) -> bool:
    """Return whether an ``IOPortStatus`` says that an alarm output is switched."""
    return (_value(root, "ioState") or "").casefold() == "active"
