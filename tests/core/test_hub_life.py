"""A hub that is stopped in whatever moment leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest

from ucv import DeviceInfo, Integration, Stream, fields
from ucv.config.paths import ConfigDirectory
from ucv.hub import Hub
from ucv.hub_lock import running_pid
from ucv.plugins.device import Device
from ucv.testing import until
from ucv.testing.hub import candidate_of


class Silent(Integration):
    """Devices that never answer."""

    domain = "silent"
    name = "Silent"
    schema = {**fields.HOST}
    begun: ClassVar[int] = 0
    left: ClassVar[int] = 0

    async def setup(self, device: Device) -> None:
        Silent.begun += 1
        device.tasks.create(asyncio.Event().wait())

    async def probe(self, device: Device) -> DeviceInfo:
        await asyncio.Event().wait()
        return DeviceInfo()

    async def streams(self, device: Device) -> list[Stream]:
        return []

    async def unload(self, device: Device) -> None:
        Silent.left += 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Silent.begun = Silent.left = 0
    cameras = [
        f"  - {{id: c{n}, name: C {n}, integration: silent, host: 127.0.1.{n}}}\n"
        for n in range(1, 101)
    ]
    (tmp_path / "ucv.yaml").write_text("cameras:\n" + "".join(cameras))
    return tmp_path


async def test_a_hub_that_is_stopped_while_all_cameras_are_asked_lets_go_of_them(
    folder: Path,
) -> None:
    hub = Hub(folder, plugins=[candidate_of(Silent)])
    await hub.start()
    await until(lambda: Silent.begun)
    async with asyncio.timeout(5):
        await hub.stop()
    assert Silent.begun == Silent.left > 0
    assert running_pid(ConfigDirectory(folder)) is None


@pytest.mark.parametrize("passes", [1, 5, 20, 60, 150, 400])
async def test_a_start_that_is_given_up_leaves_nothing(folder: Path, passes: int) -> None:
    hub = Hub(folder, plugins=[candidate_of(Silent)])
    starting = asyncio.create_task(hub.start())
    for _ in range(passes):
        await asyncio.sleep(0.0005)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await hub.stop()
    assert Silent.begun == Silent.left
    assert running_pid(ConfigDirectory(folder)) is None
    assert hub.bus.listener_count == 0
