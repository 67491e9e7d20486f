"""Delays between attempts."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ucv.streams.backoff import Backoff


def delays(count: int, seed: int = 1, **bounds: float) -> list[float]:
    backoff = Backoff(
        first=bounds.get("first", 1.0), cap=bounds.get("cap", 30.0), random=Random(seed)
    )
    return [backoff.next() for _ in range(count)]


def test_delays_stay_below_a_bound_that_doubles_up_to_the_cap() -> None:
    for seed in range(50):
        for delay, bound in zip(delays(8, seed), (1, 2, 4, 8, 16, 30, 30, 30), strict=True):
            assert 0.5 <= delay <= bound


def test_two_clients_that_failed_together_come_back_apart() -> None:
    firsts = {round(delays(4, seed)[3], 3) for seed in range(20)}
    assert len(firsts) == 20


def test_after_a_reset_delays_are_short_again() -> None:
    backoff = Backoff(first=1.0, cap=30.0, random=Random(1))
    for _ in range(10):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= 1.0


@given(failures=st.integers(0, 5000), first=st.floats(0.001, 10), cap=st.floats(0.001, 1000))
def test_no_number_of_failures_leaves_the_bounds(failures: int, first: float, cap: float) -> None:
    backoff = Backoff(first=first, cap=cap, random=Random(1))
    backoff.failures = failures
    assert 0 < backoff.next() <= cap
