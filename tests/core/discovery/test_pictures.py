"""A picture of a device that nobody has added yet, where it lets anyone have one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ucv.discovery.report import Report
from ucv.errors import NotSupported
from ucv.plugins.sightings import Sighting
from ucv.testing import AcmeDevice, RtspServer, running_hub
from ucv.testing.clip import ClipRequest, encode

ACME = Path(__file__).parents[3] / "custom_integrations" / "acme.py"

pytestmark = pytest.mark.slow


async def test_an_open_camera_is_seen_before_it_is_added() -> None:
    async with RtspServer() as camera, running_hub() as kit:
        clip = await asyncio.to_thread(encode, ClipRequest("OPEN", 320, 180, 10, duration=2))
        camera.add("/live", clip)
        told = Sighting(0.3, rtsp_port=camera.port)
        kit.hub.discovery.report(Report("scan", "rtsp", "127.0.0.1", None, told))
        (device,) = kit.hub.discovery.list()
        assert device.snapshot
        picture = await kit.hub.discovery.snapshot(device.id)
        assert picture.startswith(b"\xff\xd8\xff")
        connections = camera.counters.connections
        # Asked again, it is the same picture: the camera has nothing to do with it.
        assert await kit.hub.discovery.snapshot(device.id) == picture
        assert camera.counters.connections == connections
        assert kit.hub.entries.list() == []


async def test_a_camera_that_wants_a_log_in_is_left_alone() -> None:
    async with AcmeDevice() as camera, running_hub(ACME) as kit:
        told = Sighting(0.9, unique_id=camera.serial, http_port=camera.http.port)
        kit.hub.discovery.report(Report("mdns", "acme", "127.0.0.1", "Acme", told))
        (device,) = kit.hub.discovery.list()
        with pytest.raises(NotSupported, match="without logging in"):
            await kit.hub.discovery.snapshot(device.id)
        assert (camera.http.counters.refused, camera.http.counters.challenged) == (0, 1)
        with pytest.raises(NotSupported):
            await kit.hub.discovery.snapshot(device.id)
        assert camera.http.counters.challenged == 1
