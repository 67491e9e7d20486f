"""How much is measured, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: Told what is being done now.
Progress = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers of things, and ``seconds`` of each window; ``pairs`` are measured in turn."""

    cameras: int = 20
    viewers: int = 100
    pairs: int = 5
    seconds: float = 5.0
    #: Seconds from when all cameras are read until the window begins.
    warm_up: float = 2.0
    #: Pictures of the groups that a viewer of a warm stream is sent, and how often each is tried.
    gops: tuple[int, ...] = (25, 250, 2500)
    tries: int = 40
    width: int = 1920
    height: int = 1080
    bit_rate: int = 4_000_000
    events: int = 200_000
    #: Configured entries: few, half of many, and many.
    entries: tuple[int, int, int] = (10, 500, 1000)


FULL = Scale()
#: Shows that everything runs; its figures mean nothing.
TINY = Scale(
    cameras=2,
    viewers=4,
    pairs=1,
    seconds=1.0,
    warm_up=0.2,
    gops=(5, 10),
    tries=3,
    width=320,
    height=180,
    bit_rate=300_000,
    events=1_000,
    entries=(1, 2, 4),
)
