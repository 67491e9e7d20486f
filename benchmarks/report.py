"""One row for each measurement, and the table of them."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """A measured figure with the bound it is held to.

    ``value`` and ``bound`` are in ``unit``; "×" is a ratio against ``baseline``, measured in the
    same run. ``most`` says whether the bound is the most it may be, or the least.
    """

    name: str
    value: float
    unit: str
    bound: float
    baseline: str = ""
    most: bool = True
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure keeps to its bound."""
        return self.value <= self.bound if self.most else self.value >= self.bound

    def cells(self) -> tuple[str, ...]:
        """Return the row as text."""
        sign = "≤" if self.most else "≥"
        return (
            self.name,
            f"{_figure(self.value)} {self.unit}",
            f"{sign} {_figure(self.bound)} {self.unit}",
            "yes" if self.met else "**no**",
            "; ".join(part for part in (self.baseline, self.note) if part),
        )


#: The unit of a ratio.
TIMES = "×"  # noqa: RUF001 - it is one

HEADINGS = ("what", "measured", "bound", "met", "against, and how")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"


def machine() -> str:
    """Describe the machine without naming it."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} "
        f"{'.'.join(platform.release().split('.')[:2])}, Python {platform.python_version()}"
    )


def markdown(rows: list[Row]) -> str:
    """Return the table, with the machine it was measured on."""
    lines = [
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
        *("| " + " | ".join(row.cells()) + " |" for row in rows),
    ]
    return f"Measured on {machine()}.\n\n" + "\n".join(lines) + "\n"
