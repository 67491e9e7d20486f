"""Decode times: growing, honest about reordering, undisturbed by cameras' clocks."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from ucv.media.timeline import MAX_GAP, Timeline

RATE = 90_000
FRAME = RATE // 25


def place(timeline: Timeline, frames: list[int], *, start: float = 50.0) -> list[tuple[int, int]]:
    """Place pictures whose times are given in frames and arrive evenly; (decoded, shown)."""
    placed = []
    for number, shown in enumerate(frames):
        decoded, offset, duration = timeline.place(shown * FRAME, start + number / 25)
        assert duration > 0
        placed.append((decoded, decoded + offset))
    return placed


def test_pictures_in_order_are_decoded_when_they_are_shown() -> None:
    placed = place(Timeline(RATE), [1000, 1001, 1002, 1003])
    assert placed == [(n * FRAME, n * FRAME) for n in range(4)]


def never_too_far(timeline: Timeline, times: list[int]) -> None:
    """No picture is decoded two durations after the one before, which browsers take for a cut."""
    placed = [timeline.place(time, time / RATE) for time in times]
    for (decoded, _, duration), (following, _, _) in pairwise(placed):
        assert following - decoded < 2 * duration
    shown = [decoded + offset for decoded, offset, _ in placed]
    assert [time - shown[0] for time in shown] == [time - times[0] for time in times]


def test_lost_pictures_and_lower_rates_are_no_cut() -> None:
    frames = [*range(20), *range(21, 30), *range(33, 40), *range(45, 100, 12), *range(100, 110)]
    never_too_far(Timeline(RATE), [n * FRAME for n in frames])


@given(st.lists(st.integers(1, RATE), min_size=1, max_size=100))
def test_no_jitter_of_the_camera_is_a_cut(steps: list[int]) -> None:
    never_too_far(Timeline(RATE, reorder_depth=0), list(accumulate(steps)))


def test_durations_are_exact_when_the_camera_is_steady() -> None:
    timeline = Timeline(RATE, frame_rate=50.0)
    placed = [timeline.place(n * FRAME, n / 25) for n in (0, 1, 2, 4, *range(5, 30))]
    assert [duration for *_, duration in placed[1:4]] == [FRAME, FRAME, 2 * FRAME]
    assert [duration for *_, duration in placed[-10:]] == [FRAME] * 10


def test_reordered_pictures_are_decoded_one_by_one_and_shown_in_their_order() -> None:
    #     I  P  B  B  P  B  B
    shown = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    placed = place(Timeline(RATE, reorder_depth=1, frame_rate=25.0), shown)
    assert [decoded for decoded, _ in placed] == [n * FRAME for n in range(10)]
    assert [time - placed[0][1] for _, time in placed] == [n * FRAME for n in shown]


def test_undeclared_reordering_is_learnt_without_a_restart() -> None:
    shown = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11, 15, 13, 14]
    timeline = Timeline(RATE)
    placed = place(timeline, shown)
    assert timeline.restarts == 0
    assert [time for _, time in placed] == [n * FRAME for n in shown]
    decoded = [time for time, _ in placed]
    assert all(a < b for a, b in pairwise(decoded))
    steady = decoded[7:]
    assert {b - a for a, b in pairwise(steady)} == {FRAME}


def test_a_gap_goes_on_after_the_time_that_really_passed() -> None:
    timeline = Timeline(RATE)
    place(timeline, [0, 1, 2])
    decoded, offset, _ = timeline.place(999_999_999, 50.0 + 2 / 25 + 7.0)
    assert (decoded, offset) == (2 * FRAME + 7 * RATE, 0)
    assert timeline.restarts == 1
    decoded, _, _ = timeline.place(999_999_999 + FRAME, 60.0)
    assert decoded == 3 * FRAME + 7 * RATE


def test_a_clock_that_goes_backwards_does_not_take_the_viewer_back() -> None:
    timeline = Timeline(RATE, reorder_depth=0)
    place(timeline, [100, 101, 102])
    decoded, offset, _ = timeline.place(90 * FRAME, 50.0 + 3 / 25)
    assert (decoded, offset) == (3 * FRAME, 0)


def test_a_short_pause_is_kept_as_it_was() -> None:
    placed = place(Timeline(RATE), [0, 1, 41])
    assert placed[2][1] == 41 * FRAME


def test_a_lost_part_of_a_reordered_stream_is_no_cut() -> None:
    frames = [0, 2, 1, 4, 3, 34, 36, 35, 38, 37, 40, 39]
    never_too_far(Timeline(RATE, reorder_depth=1, frame_rate=25.0), [n * FRAME for n in frames])


def test_pictures_of_the_same_time_are_still_decoded_one_after_the_other() -> None:
    decoded = [time for time, _ in place(Timeline(RATE), [5, 5, 5, 6])]
    assert all(a < b for a, b in pairwise(decoded))
    assert decoded[-1] == FRAME


@given(
    st.sampled_from([None, 0, 1, 2, 16]),
    st.sampled_from([0.0, 0.001, 25.0, 240.0]),
    st.sampled_from([1, 1000, 90_000, 10_000_000]),
    st.lists(st.tuples(st.integers(-(2**33), 2**40), st.floats(0, 1e7)), max_size=60),
)
def test_whatever_the_camera_says_the_numbers_fit_their_fields(
    depth: int | None, frame_rate: float, rate: int, pictures: list[tuple[int, float]]
) -> None:
    timeline = Timeline(rate, reorder_depth=depth, frame_rate=frame_rate)
    last = -1
    for timestamp, received in pictures:
        decoded, offset, duration = timeline.place(timestamp, received)
        assert decoded > last
        assert -(2**31) <= offset < 2**31
        assert 0 <= duration < 2**32
        assert duration >= 1 or rate < 10
        last = decoded
    assert last < 2**63


@given(st.lists(st.integers(-3, 60), min_size=2, max_size=80))
def test_small_steps_in_any_order_keep_the_decode_times_near(steps: list[int]) -> None:
    timeline = Timeline(RATE)
    timestamp, received = 10**6, 0.0
    for step in steps:
        timestamp += step * FRAME // 2
        received += max(0, step) / 50
        decoded, _, _ = timeline.place(timestamp, received)
    assert decoded <= (sum(max(1, abs(s)) for s in steps) + MAX_GAP * 25 * len(steps)) * FRAME
