"""Viewers as cursors: who is slow falls behind alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.media.access_unit import HEADROOM, AccessUnit
from ucv.media.fmp4 import Fragment, Packager
from ucv.streams.fanout import BLOCKED, Fanout
from ucv.streams.viewer import Viewer
from ucv.testing.clock import FakeClock
from ucv.testing.streams import FORMAT, RecordingSink


class Stage:
    """A fan-out with pictures made by hand."""

    def __init__(self, max_bytes: int = 10**6) -> None:
        self.clock = FakeClock()
        self.fanout = Fanout(self.clock, max_bytes)
        self.fanout.set_format(b"init", "video/mp4")
        self.published: list[Fragment] = []
        self.left = 0
        self._packager = Packager(FORMAT)

    def attach(self, sink: RecordingSink) -> Viewer:
        return self.fanout.attach(sink, self._left)

    def _left(self) -> None:
        self.left += 1

    def publish(self, count: int = 1, *, keyframe: bool = False, size: int = 1000) -> None:
        for index in range(count):
            unit = AccessUnit(
                bytearray(HEADROOM + size),
                len(self.published) * 3600,
                keyframe=keyframe and index == 0,
                received=len(self.published) / 25,
            )
            self.published.append(self._packager.package(unit))
            self.fanout.publish(self.published[-1])


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_viewer_of_a_warm_stream_has_init_and_gop_when_attach_returns(stage: Stage) -> None:
    stage.publish(250, keyframe=True)
    sink = RecordingSink()
    stage.attach(sink)
    assert sink.inits == [(b"init", "video/mp4")]
    assert sink.fragments == sink.bursts == stage.published


def test_a_viewer_of_a_cold_stream_starts_with_the_first_keyframe(stage: Stage) -> None:
    sink = RecordingSink()
    stage.attach(sink)
    stage.publish(2)
    assert not sink.fragments
    assert not sink.inits
    stage.publish(3, keyframe=True)
    assert sink.fragments == stage.published[2:]


def test_a_viewer_who_keeps_up_gets_each_fragment_live(stage: Stage) -> None:
    stage.publish(keyframe=True)
    sink = RecordingSink()
    viewer = stage.attach(sink)
    stage.publish(10)
    assert sink.fragments == stage.published
    assert sink.bursts == stage.published[:1]
    assert (viewer.sent, viewer.skips) == (11, 0)


def test_a_viewer_who_is_slow_for_less_than_a_gop_misses_nothing(stage: Stage) -> None:
    stage.publish(keyframe=True)
    sink = RecordingSink()
    viewer = stage.attach(sink)
    sink.room = False
    stage.publish(5)
    assert len(sink.fragments) == 1
    sink.room = True
    stage.publish()
    assert sink.fragments == stage.published
    assert viewer.skips == 0


def test_a_viewer_who_stops_reading_goes_on_from_a_keyframe_and_its_skips_are_counted(
    stage: Stage,
) -> None:
    stage.publish(keyframe=True)
    slow, quick = RecordingSink(), RecordingSink()
    viewer, _other = stage.attach(slow), stage.attach(quick)
    slow.room = False
    for _ in range(4):
        stage.publish(5)
        stage.publish(keyframe=True)
    slow.room = True
    stage.publish()
    assert quick.fragments == stage.published
    assert slow.fragments == [stage.published[0], *stage.published[-2:]]
    assert slow.fragments[1].keyframe
    assert viewer.skips == len(stage.published) - 3
    assert viewer.sent == 3
    assert stage.fanout.skips == viewer.skips


def test_skips_are_counted_while_the_viewer_is_still_stuck(stage: Stage) -> None:
    stage.publish(keyframe=True)
    sink = RecordingSink()
    viewer = stage.attach(sink)
    sink.room = False
    stage.publish(4)
    stage.publish(keyframe=True)
    assert viewer.skips == 4


def test_skips_of_viewers_that_left_still_count(stage: Stage) -> None:
    test_skips_are_counted_while_the_viewer_is_still_stuck(stage)
    for viewer in list(stage.fanout._viewers):
        viewer.detach()
    assert stage.fanout.skips == 4


def test_a_large_gop_is_given_only_as_fast_as_the_viewer_takes_it(stage: Stage) -> None:
    stage = Stage(max_bytes=64 * 10**6)
    stage.publish(100, keyframe=True, size=100_000)

    class Narrow(RecordingSink):
        taken = 0

        def writable(self) -> bool:
            return len(self.fragments) - self.taken < 10

    sink = Narrow()
    viewer = stage.attach(sink)
    assert 10 <= len(sink.fragments) < 20
    assert sink.fragments[0].keyframe
    while len(sink.fragments) < 100:
        sink.taken = len(sink.fragments)
        stage.fanout.tick(30)
    assert sink.fragments == stage.published
    assert viewer.skips == 0


def test_no_viewer_is_let_into_the_middle_of_a_gop_that_outgrew_the_ring() -> None:
    stage = Stage(max_bytes=5000)
    following = RecordingSink()
    stage.attach(following)
    stage.publish(10, keyframe=True)
    late = RecordingSink()
    stage.attach(late)
    stage.publish(5)
    assert following.fragments == stage.published
    assert not late.fragments
    stage.publish(2, keyframe=True)
    assert late.fragments == stage.published[15:]


def test_a_new_format_reaches_each_viewer_before_its_next_keyframe(stage: Stage) -> None:
    stage.publish(3, keyframe=True)
    quick, slow = RecordingSink(), RecordingSink()
    stage.attach(quick)
    viewer = stage.attach(slow)
    slow.room = False
    stage.publish(2)
    stage.fanout.set_format(b"other", "video/mp4; other")
    stage.publish(2, keyframe=True)
    assert [init for init, _ in quick.inits] == [b"init", b"other"]
    assert [init for init, _ in slow.inits] == [b"init"]
    slow.room = True
    stage.publish()
    assert [init for init, _ in slow.inits] == [b"init", b"other"]
    assert slow.fragments == stage.published[:3] + stage.published[5:]
    assert viewer.skips == 2


def test_a_viewer_who_fails_is_closed_and_nobody_else_notices(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    first, broken, last = RecordingSink(), RecordingSink(), RecordingSink()
    for sink in (first, broken, last):
        stage.attach(sink)
    stage.publish(keyframe=True)
    broken.broken = RuntimeError("socket gone")
    stage.publish(2)
    assert first.fragments == last.fragments == stage.published
    assert broken.closed is not None
    assert len(stage.fanout) == 2
    assert stage.left == 1
    assert "socket gone" in caplog.text


def test_a_viewer_may_leave_while_it_is_being_given_a_fragment(stage: Stage) -> None:
    class Leaving(RecordingSink):
        viewer: Viewer | None = None

        def send(self, fragments: object, *, burst: bool) -> None:
            if self.viewer is not None:
                self.viewer.detach()

    leaving, other = Leaving(), RecordingSink()
    leaving.viewer = stage.attach(leaving)
    stage.attach(other)
    stage.publish(3, keyframe=True)
    assert other.fragments == stage.published
    assert (len(stage.fanout), stage.left) == (1, 1)


async def test_a_viewer_who_cannot_be_written_to_for_the_limit_is_closed(stage: Stage) -> None:
    stage.publish(keyframe=True)
    stuck, fine = RecordingSink(), RecordingSink()
    stage.attach(stuck)
    stage.attach(fine)
    stuck.room = False
    for _ in range(29):
        stage.publish()
        stage.fanout.tick(30)
        await stage.clock.advance(1)
    early = stuck.closed
    for _ in range(2):
        stage.fanout.tick(30)
        await stage.clock.advance(1)
    assert (early, stuck.closed) == (None, BLOCKED)
    assert fine.closed is None
    assert len(stage.fanout) == 1


async def test_a_viewer_who_reads_now_and_then_stays(stage: Stage) -> None:
    stage.publish(keyframe=True)
    sink = RecordingSink()
    stage.attach(sink)
    for second in range(120):
        sink.room = second % 20 == 0
        stage.publish(keyframe=True)
        stage.fanout.tick(30)
        await stage.clock.advance(1)
    assert sink.closed is None


class Reader(RecordingSink):
    """Checks what a decoder needs: after each gap in what was published, a keyframe."""

    def decodable(self, published: list[Fragment]) -> bool:
        numbers = {id(fragment): number for number, fragment in enumerate(published)}
        order = [numbers[id(fragment)] for fragment in self.fragments]
        return all(
            after == before + 1 or (after > before and published[after].keyframe)
            for before, after in zip([-2, *order], order, strict=False)
        )


@given(
    st.lists(
        st.tuples(st.sampled_from(["key", "delta", "block", "room", "format", "tick", "big"])),
        max_size=80,
    )
)
def test_whatever_happens_a_viewer_can_decode_what_it_gets(steps: list[tuple[str]]) -> None:
    stage = Stage(max_bytes=8000)
    sink = Reader()
    viewer = stage.attach(sink)
    for (step,) in steps:
        match step:
            case "key":
                stage.publish(keyframe=True)
            case "delta":
                stage.publish()
            case "big":
                stage.publish(size=9000)
            case "block":
                sink.room = False
            case "room":
                sink.room = True
            case "tick":
                stage.fanout.tick(1000)
            case "format":
                stage.fanout.set_format(b"again", "video/mp4")
                stage.publish(keyframe=True)
    assert sink.decodable(stage.published)
    assert viewer.sent == len(sink.fragments)
    if sink.fragments:
        first = next(n for n, f in enumerate(stage.published) if f is sink.fragments[0])
        sink.room = True
        stage.publish(keyframe=True)
        assert viewer.sent + viewer.skips == len(stage.published) - first
