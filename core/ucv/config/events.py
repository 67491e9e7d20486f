"""What is told when the configuration was read again."""

from __future__ import annotations

from dataclasses import dataclass

from ucv.bus import Event
from ucv.config.problem import Problem


@dataclass(frozen=True, slots=True)
class ConfigurationChanged(Event):
    """``ucv.yaml`` was read again.

    ``entries`` are the ids of the entries that were added, changed or removed. With ``problems``
    nothing was applied: the last good configuration goes on. ``restart_needed`` names what was
    changed and counts from the next start on.
    """

    entries: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    restart_needed: tuple[str, ...] = ()
