"""A password that changes while everything talks to the device: two refusals, then silence."""

from __future__ import annotations

import asyncio
import importlib.util
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest

from ucv.entries.entry import EntryState
from ucv.errors import CameraViewerError
from ucv.streams.state import StreamState
from ucv.testing import AcmeDevice, running_hub, until
from ucv.testing.streams import RecordingSink


def acme() -> ModuleType:
    file = Path(__file__).parents[3] / "custom_integrations" / "acme.py"
    spec = importlib.util.spec_from_file_location("acme_under_test", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.5])
async def test_http_and_both_streams_together_are_refused_twice_at_the_most(wait: float) -> None:
    async with AcmeDevice() as device, running_hub(acme()) as kit:
        hub = kit.hub
        await kit.add({"id": "one", "integration": "acme", **device.config})
        await kit.reaches("one", EntryState.LOADED)
        streams = [hub.streams.get("one", profile) for profile in ("main", "sub")]
        viewers = [stream.attach(RecordingSink()) for stream in streams]
        await until(lambda: all(s.status.state is StreamState.LIVE for s in streams), 15)
        await hub.control.ask("one", "snapshot")

        device.set_password("changed")
        device.rtsp.drop_connections()
        await asyncio.sleep(wait)
        with suppress(CameraViewerError):
            await hub.control.ask("one", "snapshot")
        await kit.reaches("one", EntryState.AUTH_FAILED)
        await asyncio.sleep(3)
        refused = device.refused
        assert refused <= 2
        with pytest.raises(CameraViewerError):
            await hub.control.ask("one", "snapshot")
        assert device.refused == refused
        for viewer in viewers:
            viewer.detach()
