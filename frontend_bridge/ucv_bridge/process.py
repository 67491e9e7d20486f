"""Processor time and memory of this process."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import psutil


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """``cpu_percent`` of one core since the measurement before, ``memory_bytes`` resident."""

    cpu_percent: float
    memory_bytes: int


class ProcessMeter:
    """Measures this process; each `measure` covers the time since the one before."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()
        self._last: ProcessUse | None = None

    def measure(self) -> ProcessUse:
        """Measure now."""
        with self._process.oneshot():
            self._last = ProcessUse(self._process.cpu_percent(), self._process.memory_info().rss)
        return self._last

    def measured(self) -> dict[str, float]:
        """Return the last measurement, making one if there is none."""
        return asdict(self._last or self.measure())
