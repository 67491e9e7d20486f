"""The demo's devices of each brand, reached by their own integrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ucv import PtzVector
from ucv.cameras.camera_event import CameraReported
from ucv.cli.demo import ensure_demo
from ucv.entries.entry import EntryState
from ucv.hub import Hub
from ucv.streams.state import StreamState
from ucv.testing import until
from ucv.testing.streams import RecordingSink

MOVING = ("demo-dahua", "demo-hikvision", "demo-onvif")


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_each_brand_is_live_moves_its_picture_and_reports_the_motion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another demo may run on this machine.
    monkeypatch.setattr("ucv_demo.brands._HOST", "127.0.78.{}")
    reported: list[Any] = []
    hub = Hub(tmp_path / "config")
    hub.bus.subscribe(CameraReported, reported.append)
    await hub.start()
    try:
        await ensure_demo(hub)
        brands = (*MOVING, "demo-mjpeg")
        states = hub.entries
        await until(
            lambda: all(states.status(one).state is EntryState.LOADED for one in brands), 60
        )
        viewers = [hub.streams.get(one).attach(RecordingSink()) for one in brands]
        await until(
            lambda: all(hub.streams.status(one).state is StreamState.LIVE for one in brands), 30
        )
        for one in MOVING:
            await hub.control.ask(one, "ptz_move", PtzVector(pan=1))
        await until(lambda: {r.camera_id for r in reported if r.event.active} == set(MOVING), 15)
        for one in MOVING:
            await hub.control.ask(one, "ptz_stop")
        pictures = [await hub.control.snapshot(one) for one in brands]
        assert all(picture.data[:2] == b"\xff\xd8" for picture in pictures)
        for viewer in viewers:
            viewer.detach()
    finally:
        await hub.stop()
