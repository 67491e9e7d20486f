"""What goes on at a device's cameras is told once, and ends, whatever the device forgets to say."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv import CameraEvent, CurrentEvents, Doorbell, Intrusion, Motion, OtherEvent
from ucv.entries.event_states import MAX_STATES, UNCONFIRMED_LIMIT, EventStates
from ucv.testing import FakeClock


@dataclass
class Told:
    clock: FakeClock = field(default_factory=FakeClock)
    events: list[CameraEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states = EventStates(self.clock, self.events.append)

    @property
    def news(self) -> list[tuple[str | None, str, bool | None]]:
        return [(event.channel, event.kind, event.active) for event in self.events]


@pytest.fixture
def told() -> Told:
    return Told()


async def test_a_state_that_is_repeated_is_told_once(told: Told) -> None:
    for active in (True, True, True, False, False):
        told.states.report(Motion(active=active))
    assert told.news == [(None, "motion", True), (None, "motion", False)]


async def test_what_has_no_duration_is_told_each_time(told: Told) -> None:
    told.states.report(Doorbell())
    told.states.report(Doorbell())
    assert told.news == [(None, "doorbell", None)] * 2


async def test_channels_rules_and_objects_are_told_apart(told: Told) -> None:
    told.states.report(Motion(active=True, channel="1"))
    told.states.report(Motion(active=True, channel="2"))
    told.states.report(Motion(active=True, channel="1", source="zone"))
    told.states.report(Intrusion(active=True, channel="1", object_type="person"))
    told.states.report(Intrusion(active=True, channel="1", object_type="vehicle"))
    told.states.report(OtherEvent(active=True, channel="1", name="Smoke"))
    assert len(told.events) == 6


async def test_what_never_says_stop_ends_some_time_after_it_was_last_reported(told: Told) -> None:
    told.states.report(Motion(active=True, expires=5))
    await told.clock.advance(4)
    told.states.report(Motion(active=True, expires=5))
    await told.clock.advance(4)
    assert told.news == [(None, "motion", True)]
    await told.clock.advance(1)
    assert told.news == [(None, "motion", True), (None, "motion", False)]


async def test_an_end_without_a_beginning_is_no_news(told: Told) -> None:
    told.states.report(Motion(active=False))
    assert told.news == []


async def test_what_ended_while_nobody_listened_is_told_when_the_camera_is_asked(
    told: Told,
) -> None:
    told.states.report(Motion(active=True, channel="1"))
    told.states.report(Motion(active=True, channel="2"))
    told.states.report(Intrusion(active=True, channel="1"))
    told.states.disconnected()
    still = Motion(active=True, channel="2")
    told.states.current(CurrentEvents((still, Motion(channel="3")), (Motion,)))
    assert told.news[3:] == [("3", "motion", True), ("1", "motion", False)]


async def test_what_nobody_confirms_after_a_connection_was_lost_is_over_in_the_end(
    told: Told,
) -> None:
    told.states.report(Motion(active=True, channel="1"))
    told.states.report(Motion(active=True, channel="2"))
    told.states.disconnected()
    await told.clock.advance(UNCONFIRMED_LIMIT - 1)
    told.states.report(Motion(active=True, channel="2"))
    await told.clock.advance(UNCONFIRMED_LIMIT)
    assert told.news[2:] == [("1", "motion", False)]


async def test_what_goes_on_is_over_when_the_device_is_let_go_of(told: Told) -> None:
    told.states.report(Motion(active=True, expires=5))
    told.states.close()
    assert told.news == [(None, "motion", True), (None, "motion", False)]
    await told.clock.advance(60)
    assert len(told.events) == 2


async def test_states_that_a_broken_device_makes_up_are_bounded(told: Told) -> None:
    for number in range(MAX_STATES + 50):
        told.states.report(Motion(active=True, source=str(number)))
    active = told.states.active(lambda channel: "camera", "camera")
    assert len(active) == MAX_STATES


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "2", None]),
            st.sampled_from([True, False, "lost", "asked"]),
            st.sampled_from([None, 5.0]),
        ),
        max_size=40,
    )
)
def test_beginnings_and_ends_alternate_whatever_is_reported(
    steps: list[tuple[str | None, bool | str, float | None]],
) -> None:
    told = Told()
    for channel, what, expires in steps:
        if what == "lost":
            told.states.disconnected()
        elif what == "asked":
            told.states.current(CurrentEvents((Motion(channel=channel),), (Motion,)))
        else:
            told.states.report(Motion(active=bool(what), channel=channel, expires=expires))
    told.states.close()
    for channel in ("1", "2", None):
        states = [event.active for event in told.events if event.channel == channel]
        assert states == [index % 2 == 0 for index in range(len(states))]
        assert len(states) % 2 == 0
