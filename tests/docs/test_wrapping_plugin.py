"""The documented plugin that wraps every camera, in a hub beside the plugin that brings one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ucv.testing import AcmeDevice, FakeClock, running_hub

ROOT = Path(__file__).resolve().parents[2]
ACME = ROOT / "custom_integrations" / "acme.py"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return the file of the snapshot cache, as its page has it."""
    page = (ROOT / "docs" / "plugins" / "hooks.md").read_text()
    section = page.partition("\n## ucv_register_wrappers")[2]
    (code,) = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    file = tmp_path / "snapshot_cache.py"
    file.write_text(code)
    return file


async def test_the_snapshot_cache_asks_each_camera_of_another_plugin_once_in_two_seconds(
    cache: Path,
) -> None:
    clock = FakeClock()
    async with (
        AcmeDevice(serial="1") as left,
        AcmeDevice(serial="2") as right,
        running_hub(cache, ACME, clock=clock) as kit,
    ):
        for name, device in (("left", left), ("right", right)):
            await kit.add({"integration": "acme", "id": name, **device.config})
        first = await kit.hub.control.snapshot("left")
        for _ in range(4):
            assert await kit.hub.control.snapshot("left") == first
        await kit.hub.control.snapshot("right")
        assert [asked(left), asked(right)] == [1, 1]

        await clock.advance(2.1)
        await kit.hub.control.snapshot("left")
        assert [asked(left), asked(right)] == [2, 1]
        owner = kit.hub.plugins.owner_of("acme")
        assert [kit.hub.faults.of(name) for name in ("snapshot_cache", owner)] == [[], []]


async def test_without_the_cache_a_camera_is_asked_each_time() -> None:
    async with AcmeDevice() as device, running_hub(ACME) as kit:
        await kit.add({"integration": "acme", "id": "left", **device.config})
        for _ in range(3):
            await kit.hub.control.snapshot("left")
        assert asked(device) == 3


async def test_taking_the_cache_out_of_a_running_hub_leaves_the_cameras_own_pictures(
    cache: Path,
) -> None:
    async with AcmeDevice() as device, running_hub(cache, ACME, clock=FakeClock()) as kit:
        await kit.add({"integration": "acme", "id": "left", **device.config})
        for _ in range(2):
            await kit.hub.control.snapshot("left")
        assert asked(device) == 1
        await kit.hub.plugin_runtime.unload("snapshot_cache")
        for _ in range(2):
            await kit.hub.control.snapshot("left")
        assert asked(device) == 3


def asked(device: AcmeDevice) -> int:
    """Return how often a device was asked for a picture with its credentials accepted."""
    return sum(
        request.path == "/snap.jpg" and "authorization" in request.headers
        for request in device.http.requests
    )
