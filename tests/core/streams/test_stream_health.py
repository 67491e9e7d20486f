"""What health says is what was seen."""

from dataclasses import replace

import pytest

from ucv.media.access_unit import HEADROOM, AccessUnit
from ucv.media.fmp4 import Packager
from ucv.streams.health import HealthMeter
from ucv.streams.state import StreamHealth
from ucv.testing.streams import FORMAT


class Meter(HealthMeter):
    """A meter fed by the second."""

    def __init__(self, declared_fps: float = 0.0) -> None:
        super().__init__(declared_fps, 0.0)
        self.now = 0.0
        self._packager = Packager(FORMAT)
        self._timestamp = 0

    def second(
        self,
        frames: int,
        *,
        latency: float = 0.001,
        step: int = 3600,
        keyframes: bool = True,
        live: bool | None = True,
    ) -> StreamHealth:
        for index in range(frames):
            self._timestamp += step
            received = self.now + index / frames
            unit = AccessUnit(
                bytearray(HEADROOM + 100),
                self._timestamp,
                keyframe=keyframes and index == 0,
                received=received,
            )
            self.sent(self._packager.package(unit), received + latency)
        self.now += 1.0
        return self.measure(self.now, viewers=0, skips=0, live=live)


def test_a_stream_at_its_declared_rate_scores_full() -> None:
    meter = Meter(25.0)
    health = [meter.second(25) for _ in range(6)][-1]
    assert (health.fps, health.average_fps, health.expected_fps) == (25, 25, 25)
    assert health.score == 100


def test_half_the_declared_rate_scores_half() -> None:
    meter = Meter(25.0)
    assert [meter.second(12, step=7200) for _ in range(6)][-1].score == 48


def test_the_rate_is_learnt_from_the_cameras_own_time_where_none_is_declared() -> None:
    meter = Meter()
    assert meter.second(5).expected_fps is None
    assert meter.second(15).expected_fps == 25
    # Fewer arrive than the time stamps say there should be.
    for _ in range(3):
        health = meter.second(10)
    assert health.expected_fps == 25
    assert health.score is not None
    assert health.score < 60


def test_the_declared_rate_of_the_profile_goes_before_that_of_the_stream() -> None:
    meter = Meter()
    meter.format(replace(FORMAT, frame_rate=50.0), 12.5)
    assert meter.expected_fps == 12.5
    meter.format(replace(FORMAT, frame_rate=50.0), 0.0)
    assert meter.expected_fps == 50.0


def test_a_dead_stream_scores_nothing_and_an_idle_one_has_no_score() -> None:
    meter = Meter(25.0)
    meter.second(25)
    assert meter.second(0, live=False).score == 0
    assert meter.second(0, live=None).score is None


def test_a_live_stream_without_pictures_sinks_to_nothing() -> None:
    meter = Meter(25.0)
    for _ in range(10):
        meter.second(25)
    scores = [meter.second(0).score for _ in range(5)]
    assert scores == [80, 60, 40, 20, 0]


def test_the_time_a_stream_was_idle_does_not_count_as_missing_pictures() -> None:
    meter = Meter(25.0)
    meter.second(0, live=None)
    meter.now += 600.0
    meter.resume(meter.now)
    health = meter.second(25)
    assert health.fps == 25
    assert health.score is not None
    assert health.score >= 50


def test_a_camera_of_one_picture_in_two_seconds_can_score_full() -> None:
    meter = Meter(0.5)
    for second in range(20):
        health = meter.second(second % 2, step=180_000)
    assert health.score == 100


def test_latencies_are_in_milliseconds_and_of_the_last_second() -> None:
    meter = Meter(25.0)
    meter.second(25, latency=0.2)
    health = meter.second(25, latency=0.004)
    assert health.latency_p50 == pytest.approx(4.0)
    assert health.latency_p99 == pytest.approx(4.0)
    assert meter.second(0).latency_p99 is None


def test_loss_latency_and_reconnects_cost_points_and_are_forgiven_after_a_minute() -> None:
    meter = Meter(25.0)
    for _ in range(5):
        meter.second(25)
    meter.lost_packets += 7
    health = meter.second(25)
    assert (health.lost_packets, health.score) == (7, 95)
    meter.reconnects += 1
    assert meter.second(25).score == 85
    assert meter.second(25, latency=0.1).score == 75
    for _ in range(60):
        health = meter.second(25)
    assert (health.score, health.lost_packets, health.reconnects) == (100, 7, 1)


def test_the_keyframe_interval_is_the_distance_of_the_last_two() -> None:
    meter = Meter(25.0)
    assert meter.second(25).keyframe_interval is None
    meter.second(25, keyframes=False)
    assert meter.second(25).keyframe_interval == pytest.approx(2.0)
    meter.disconnected()
    assert meter.second(25).keyframe_interval == pytest.approx(2.0)
