from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import pytest

from ucv.bus import HISTORY, Event, EventBus


@dataclass(frozen=True, slots=True)
class Opened(Event):
    name: str


@dataclass(frozen=True, slots=True)
class OpenedWide(Opened):
    width: int


@dataclass(frozen=True, slots=True)
class Closed(Event):
    name: str


@dataclass(frozen=True, slots=True)
class Measured(Event):
    kept: ClassVar[bool] = False


def test_a_listener_gets_its_type_and_subclasses_in_order() -> None:
    bus = EventBus()
    seen: list[Event] = []
    bus.subscribe(Opened, seen.append)
    bus.publish(Opened("a"))
    bus.publish(Closed("b"))
    bus.publish(OpenedWide("c", 3))
    assert seen == [Opened("a"), OpenedWide("c", 3)]


def test_sequence_numbers_have_no_gaps_over_all_types() -> None:
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(Event, lambda event: seen.append(event.sequence))
    assert [bus.publish(Opened("a")), bus.publish(Closed("b"))] == [1, 2]
    assert seen == [1, 2]


def test_a_failing_listener_keeps_the_event_from_nobody(caplog: pytest.LogCaptureFixture) -> None:
    bus = EventBus()
    seen: list[Event] = []

    def fail(event: Opened) -> None:
        raise RuntimeError("broken listener")

    bus.subscribe(Opened, fail)
    bus.subscribe(Opened, seen.append)
    bus.publish(Opened("a"))
    assert seen == [Opened("a")]
    assert "broken listener" in caplog.text


def test_unsubscribing_twice_is_harmless_and_leaves_no_listener() -> None:
    bus = EventBus()
    seen: list[Event] = []
    unsubscribe = bus.subscribe(Opened, seen.append)
    bus.publish(Opened("a"))
    unsubscribe()
    unsubscribe()
    bus.publish(Opened("b"))
    assert seen == [Opened("a")]
    assert bus.listener_count == 0


def test_a_listener_may_unsubscribe_while_it_is_called() -> None:
    bus = EventBus()
    seen: list[str] = []

    def once(event: Opened) -> None:
        seen.append(event.name)
        unsubscribe()

    unsubscribe = bus.subscribe(Opened, once)
    bus.subscribe(Opened, lambda event: seen.append(event.name.upper()))
    bus.publish(Opened("a"))
    bus.publish(Opened("b"))
    assert seen == ["a", "A", "B"]


async def test_watching_waits_for_events_and_ends_with_its_block() -> None:
    bus = EventBus()
    with bus.watch(Opened) as events:
        asyncio.get_running_loop().call_soon(bus.publish, Opened("a"))
        assert await anext(aiter(events)) == Opened("a")
    assert bus.listener_count == 0


async def test_a_slow_watcher_drops_the_oldest_and_counts_them() -> None:
    bus = EventBus()
    with bus.watch(Opened, maxsize=2) as events:
        for name in "abcd":
            bus.publish(Opened(name))
        assert [(await anext(events)).name, (await anext(events)).name] == ["c", "d"]
        assert events.dropped == 2


def test_what_was_missed_can_be_asked_for_while_it_is_kept() -> None:
    bus = EventBus()
    for number in range(10):
        bus.publish(Opened(str(number)))
    missed = bus.since(7)
    assert missed is not None
    assert [event.sequence for event in missed] == [8, 9, 10]
    assert bus.since(10) == []
    assert bus.since(11) is None, "a sequence of another run"
    for _ in range(2 * HISTORY):
        bus.publish(Measured())
    missed = bus.since(7)
    assert missed is not None
    assert len(missed) == 3, "measurements push nothing out"
    for _ in range(HISTORY):
        bus.publish(Closed("x"))
    assert bus.since(7) is None
