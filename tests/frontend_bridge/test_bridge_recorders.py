"""A recorder's cameras over REST and WebSocket: shown, named, hidden, and what it reports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.frontend_bridge.conftest import Stage
from tests.frontend_bridge.test_bridge_cameras import call
from ucv.testing.clock import FakeClock, until

PLUGIN = """
import asyncio

from ucv import Channel, DeviceInfo, Integration, StorageFailure, Stream, fields, hookimpl

REPORTS = asyncio.Queue()


class Recorder(Integration):
    domain = "recorder"
    name = "Recorder"
    schema = {**fields.HOST, **fields.CREDENTIALS}

    async def probe(self, device):
        return DeviceInfo(unique_id="R", manufacturer="Box", model="N2", clock_offset=-42.0)

    async def channels(self, device):
        return [
            Channel(id="1", name="Door", model="C1", online=True),
            Channel(id="2", name="Yard", online=False),
        ]

    async def streams(self, device):
        url = device.url("rtsp", f"/{device.channel.id}")
        return [Stream("main", url, codec="h265", bit_rate=4_000_000, audio="aac")]

    async def events(self, device):
        while True:
            yield await REPORTS.get()


@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Recorder)
"""


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path / "config", FakeClock(epoch=1_795_000_000.0))
    (stage.path / "custom_integrations" / "recorder.py").write_text(PLUGIN)
    await stage.start()
    await stage.hub.entries.create(
        {"id": "nvr", "name": "Cellar", "integration": "recorder", "host": "192.0.2.1"}
    )
    await until(lambda: stage.hub.entries.status("nvr").state == "loaded")
    yield stage
    await stage.stop()


async def listed(stage: Stage) -> dict[str, Any]:
    _, body = await call(stage.client(stage.viewer), "GET", "/api/cameras")
    return {camera["id"]: camera for camera in body["cameras"]}


async def test_each_of_its_cameras_says_whose_it_is_and_what_it_declares(stage: Stage) -> None:
    cameras = await listed(stage)
    assert list(cameras) == ["nvr.1", "nvr.2"]
    door, yard = cameras.values()
    assert (door["channel"], door["entry"]["name"], door["model"]) == ("1", "Cellar", "C1")
    assert (door["online"], yard["online"]) == (True, False)
    assert door["clock_offset"] == -42.0
    (main,) = door["profiles"]
    assert (main["codec"], main["bit_rate"], main["audio"]) == ("h265", 4_000_000, "aac")


async def test_one_of_them_is_named_and_hidden_and_the_recorder_stays(stage: Stage) -> None:
    admin = stage.client(stage.admin)
    status, door = await call(admin, "POST", "/api/cameras/nvr.1/name", {"name": "Front door"})
    assert (status, door["name"]) == (200, "Front door")
    assert await call(admin, "DELETE", "/api/cameras/nvr.2") == (204, None)
    assert {one: camera["name"] for one, camera in (await listed(stage)).items()} == {
        "nvr.1": "Front door"
    }
    config = (await listed(stage))["nvr.1"]["config"]
    assert config["channels"] == [
        {"channel": "1", "name": "Front door"},
        {"channel": "2", "use": False},
    ]
    assert stage.hub.entries.status("nvr").state == "loaded"


async def test_a_name_that_is_none_is_refused(stage: Stage) -> None:
    admin = stage.client(stage.admin)
    for name in ("", "x" * 101, 7, None):
        status, body = await call(admin, "POST", "/api/cameras/nvr.1/name", {"name": name})
        assert (status, body["code"]) == (400, "VALIDATION_ERROR"), name
    viewer = stage.client(stage.viewer)
    status, _ = await call(viewer, "POST", "/api/cameras/nvr.1/name", {"name": "Mine"})
    assert status == 403


async def test_to_change_or_reload_one_is_to_change_or_reload_all(stage: Stage) -> None:
    admin = stage.client(stage.admin)
    config = (await listed(stage))["nvr.1"]["config"]
    status, _ = await call(admin, "PUT", "/api/cameras/nvr.1", {**config, "preload": True})
    assert status == 200
    await until(lambda: stage.hub.entries.status("nvr").state == "loaded")
    assert {camera["preload"] for camera in (await listed(stage)).values()} == {True}
    status, _ = await call(admin, "POST", "/api/cameras/nvr.2/reload", {})
    assert status == 200


async def test_what_a_recorder_reports_of_itself_names_its_entry(stage: Stage) -> None:
    socket = await stage.socket(stage.viewer)
    await socket.call("cameras/events/subscribe")
    assert await socket.event() == {"kind": "snapshot", "active": []}
    integration = stage.hub.plugins.integrations["recorder"]
    module = type(integration).probe.__globals__
    module["REPORTS"].put_nowait(module["StorageFailure"](active=True))
    event = await socket.event()
    assert (event["camera_id"], event["entry_id"]) == (None, "nvr")
    assert event["event"]["kind"] == "storage_failure"
