"""The current GOP, kept for new viewers."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.media.access_unit import HEADROOM, AccessUnit
from ucv.media.fmp4 import Fragment, Packager
from ucv.streams.ring import GopRing
from ucv.testing.streams import FORMAT

Make = Callable[..., Fragment]


def maker() -> Make:
    packager = Packager(FORMAT)
    count = 0

    def make(*, keyframe: bool = False, size: int = 1000) -> Fragment:
        nonlocal count
        count += 1
        return packager.package(
            AccessUnit(
                bytearray(HEADROOM + size), count * 3600, keyframe=keyframe, received=count / 25
            )
        )

    return make


@pytest.fixture
def make() -> Make:
    return maker()


def test_it_holds_everything_since_the_newest_keyframe(make: Make) -> None:
    ring = GopRing(10**6)
    for index in range(7):
        ring.append(make(keyframe=index in (0, 4)))
    assert (ring.start, ring.end, len(ring)) == (4, 7, 3)
    assert ring.keyframe is not None
    assert ring.keyframe.keyframe
    assert len(ring.since(5)) == 2


def test_before_the_first_keyframe_it_holds_nothing(make: Make) -> None:
    ring = GopRing(10**6)
    ring.append(make())
    ring.append(make())
    assert (ring.start, ring.end, len(ring), ring.keyframe) == (2, 2, 0, None)


def test_a_gop_beyond_the_bound_is_let_go_of_until_the_next_keyframe(make: Make) -> None:
    ring = GopRing(3500)
    for index in range(5):
        ring.append(make(keyframe=index == 0))
    assert (ring.start, ring.end, len(ring), ring.size) == (5, 5, 0, 0)
    ring.append(make(keyframe=True))
    ring.append(make())
    assert (ring.start, ring.end, len(ring)) == (5, 7, 2)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 3000)), max_size=60), st.integers(500, 10_000)
)
def test_whatever_comes_it_starts_with_a_keyframe_and_stays_within_its_bound(
    pictures: list[tuple[bool, int]], bound: int
) -> None:
    ring, make = GopRing(bound), maker()
    for keyframe, size in pictures:
        ring.append(make(keyframe=keyframe, size=size))
        assert ring.size <= bound
        assert ring.end - ring.start == len(ring)
        assert ring.size == sum(len(fragment.buffer) for fragment in ring.since(ring.start))
        if ring:
            assert ring.since(ring.start)[0] is ring.keyframe
            assert [f.keyframe for f in ring.since(ring.start)].count(True) == 1
    assert ring.end == len(pictures)
