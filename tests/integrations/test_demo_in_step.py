"""The demo as it is started: every camera shows pictures, and none older than it should be."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import av
import pytest

from ucv.cameras.camera import Camera
from ucv.hub import Hub
from ucv.media.fmp4 import Fragment
from ucv.streams.state import StreamState
from ucv.testing import until
from ucv.testing.scene import read_counter
from ucv.testing.streams import RecordingSink
from ucv_demo.cameras import CAMERAS

SAMPLE = Path(__file__).parents[2] / "config" / "ucv.yaml"


class TimedSink(RecordingSink):
    """A viewer that notes the wall clock at each fragment."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.sent_at: list[float] = []
        self._hub = hub

    def send(self, fragments: Sequence[Fragment], *, burst: bool) -> None:
        """See `RecordingSink.send`."""
        super().send(fragments, burst=burst)
        self.sent_at += [self._hub.clock.time()] * len(fragments)

    def counters(self) -> list[int | None]:
        """Decode all that was sent; return the number in each picture."""
        fragments = b"".join(bytes(fragment.boxes) for fragment in self.fragments)
        with av.open(io.BytesIO(self.inits[0][0] + fragments), "r") as container:
            container.streams.video[0].thread_count = 1
            return [read_counter(frame) for frame in container.decode(video=0)]


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """A hub with the sample configuration, on a machine that never ran the demo."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = tmp_path / "config"
    config.mkdir()
    (tmp_path / "custom_integrations").mkdir()
    (config / "ucv.yaml").write_bytes(SAMPLE.read_bytes())
    hub = Hub(config)
    await hub.start()
    yield hub
    await hub.stop()


async def test_the_sample_configuration_shows_every_camera_in_step_with_the_clock(hub: Hub) -> None:
    def own() -> list[Camera]:
        return [camera for camera in hub.cameras.list() if camera.integration == "demo"]

    await until(
        lambda: (
            len({s.camera_id for s in hub.streams.streams()} & {c.id for c in own()})
            == len(CAMERAS)
        ),
        timeout=30,
    )
    sinks: dict[str, TimedSink] = {}
    viewers = []
    for camera in own():
        for profile in camera.profiles:
            sink = sinks[f"{camera.id}:{profile.name}"] = TimedSink(hub)
            viewers.append(hub.streams.get(camera.id, profile.name).attach(sink))
    await until(lambda: all(len(sink.fragments) >= 15 for sink in sinks.values()), timeout=20)
    for viewer in viewers:
        viewer.detach()

    assert len(sinks) == sum(len(camera.clips) for camera in CAMERAS.values())
    for variant, virtual in CAMERAS.items():
        for role, clip in virtual.clips.items():
            sink = sinks[f"demo-{variant}:{role}"]
            assert StreamState.LIVE in sink.states
            count = clip.rate * clip.duration
            counters = sink.counters()
            assert counters[0] is not None
            first = counters[0]
            assert counters == [(first + n) % count for n in range(len(sink.fragments))]
            for counter, sent in zip(counters, sink.sent_at, strict=True):
                assert counter is not None
                assert (sent - counter / clip.rate) % clip.duration < 1.0


async def test_the_hub_knows_when_a_picture_was_taken(hub: Hub) -> None:
    streams = hub.streams.streams
    await until(lambda: any(stream.camera_id == "demo-fog-bank" for stream in streams()), 30)
    clip = CAMERAS["fog-bank"].clips["main"]
    sink = TimedSink(hub)
    viewer = hub.streams.get("demo-fog-bank").attach(sink)
    await until(lambda: sink.fragments and sink.fragments[-1].wall > 0, timeout=15)
    viewer.detach()
    counter = sink.counters()[-1]
    assert counter is not None
    difference = (sink.fragments[-1].wall - counter / clip.rate) % clip.duration
    assert min(difference, clip.duration - difference) < 0.02
