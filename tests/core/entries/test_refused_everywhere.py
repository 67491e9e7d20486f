"""A password that changes while everything talks to the device: two refusals, then silence."""

from __future__ import annotations

import asyncio
import importlib.util
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest

from ucv.entries.entry import EntryState
from ucv.errors import CameraViewerError, InvalidAuth
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


async def test_many_requests_of_two_entries_at_once_are_refused_twice_at_the_most() -> None:
    async with AcmeDevice() as device, running_hub(acme()) as kit:
        hub = kit.hub
        device.http.faults.delay = 0.05
        ids = ("one", "two")
        for entry_id in ids:
            await kit.add({"id": entry_id, "integration": "acme", **device.config})
            await kit.reaches(entry_id, EntryState.LOADED)
        device.set_password("changed")
        answers = await asyncio.gather(
            *(hub.control.ask(entry_id, "snapshot") for entry_id in ids * 8),
            return_exceptions=True,
        )
        assert {type(answer) for answer in answers} == {InvalidAuth}
        for entry_id in ids:
            await kit.reaches(entry_id, EntryState.AUTH_FAILED)
        assert device.refused == 2

        # What a person enters is tried, for each entry by itself.
        for entry_id in ids:
            await hub.entries.update(
                entry_id,
                {
                    **device.config,
                    "name": entry_id,
                    "integration": "acme",
                    "password": "changed",
                },
            )
            await kit.reaches(entry_id, EntryState.LOADED)
        assert device.refused == 2


async def test_a_wrong_password_of_many_entries_is_tried_once() -> None:
    async with AcmeDevice() as device, running_hub(acme()) as kit:
        mapping = {"integration": "acme", **device.config, "password": "wrong"}
        for number in range(4):
            await kit.hub.entries.create({"name": f"Camera {number}", **mapping})
        for number in range(4):
            await kit.reaches(f"camera-{number}", EntryState.AUTH_FAILED)
        assert 1 <= device.refused <= 2
        # Whoever asks again has it tried again.
        before = device.refused
        await kit.hub.entries.reload("camera-3")
        await until(lambda: device.refused > before)
        await kit.reaches("camera-3", EntryState.AUTH_FAILED)
        assert device.refused - before <= 2
