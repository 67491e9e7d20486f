"""Events per second through the bus to one listener, against a plain loop over callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.report import TIMES, Row
from benchmarks.scale import Progress, Scale
from ucv.bus import Event, EventBus

ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Moved(Event):
    """An event as small as the real ones."""

    camera_id: str
    position: int


def run(scale: Scale, progress: Progress) -> list[Row]:
    """Measure both in turn; the median of the pairs counts."""
    bus = EventBus()
    events = scale.events
    seen = 0

    def listener(_event: Event) -> None:
        nonlocal seen
        seen += 1

    bus.subscribe(Moved, listener)
    plain: list[Callable[[Event], None]] = [listener]

    def through_bus() -> None:
        for number in range(events):
            bus.publish(Moved("front", number))

    def through_loop() -> None:
        for number in range(events):
            event = Moved("front", number)
            for callback in plain:
                callback(event)

    rates, ratios = [], []
    progress("event bus")
    for _ in range(ROUNDS):
        with_bus, with_loop = _seconds(through_bus), _seconds(through_loop)
        rates.append(events / with_bus)
        ratios.append(with_bus / with_loop)
    assert seen == 2 * events * ROUNDS
    return [
        Row(
            "event bus, one listener",
            median(rates),
            "events/s",
            450_000,
            most=False,
            note="ten times the 45,000 of Home Assistant's bus; making the event included",
        ),
        Row(
            "event bus, time for an event",
            median(ratios),
            TIMES,
            5.0,
            baseline="a plain loop over callbacks",
            note=f"median of {ROUNDS} pairs",
        ),
    ]


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
