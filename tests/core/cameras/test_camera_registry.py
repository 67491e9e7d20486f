from __future__ import annotations

from dataclasses import replace

import pytest

from ucv.bus import EventBus
from ucv.cameras.camera import Camera, CameraChanged, CameraRemoved
from ucv.cameras.registry import CameraRegistry
from ucv.errors import NotFoundError

FRONT = Camera(id="front", entry_id="one", name="Front", integration="toy")
BACK = Camera(id="back", entry_id="one", name="back", integration="toy")


class Rows:
    """Cameras in memory; ``broken`` refuses changes."""

    def __init__(self, *cameras: Camera) -> None:
        self.rows = {camera.id: camera for camera in cameras}
        self.broken = False

    async def list(self) -> list[Camera]:
        return list(self.rows.values())

    async def save(self, camera: Camera) -> None:
        if self.broken:
            raise OSError("disk full")
        self.rows[camera.id] = camera

    async def delete(self, camera_id: str) -> None:
        self.rows.pop(camera_id, None)


async def test_cameras_are_found_by_id_and_by_entry_in_the_order_of_their_names() -> None:
    registry = CameraRegistry(Rows(FRONT, BACK, replace(FRONT, id="x", entry_id="two")), EventBus())
    await registry.load()
    assert registry.of_entry("one") == [BACK, FRONT]
    assert [camera.id for camera in registry.list()] == ["back", "front", "x"]
    assert registry.get("front") == FRONT
    assert registry.of_entry("three") == []
    with pytest.raises(NotFoundError):
        registry.get("side")


async def test_a_camera_that_changes_its_entry_is_of_the_new_one_only() -> None:
    registry = CameraRegistry(Rows(), EventBus())
    await registry.put(FRONT)
    moved = replace(FRONT, entry_id="two")
    await registry.put(moved)
    assert registry.of_entry("one") == []
    assert registry.of_entry("two") == [moved]
    await registry.remove("front")
    await registry.remove("front")
    assert registry.of_entry("two") == registry.list() == []


async def test_only_what_was_stored_is_seen_and_published() -> None:
    bus, rows = EventBus(), Rows()
    registry = CameraRegistry(rows, bus)
    events: list[object] = []
    bus.subscribe(CameraChanged, lambda event: events.append(event.camera))
    bus.subscribe(CameraRemoved, lambda event: events.append(event.camera_id))
    rows.broken = True
    with pytest.raises(OSError, match="disk full"):
        await registry.put(FRONT)
    assert registry.list() == events == []
    rows.broken = False
    await registry.put(FRONT)
    await registry.put(replace(FRONT))
    await registry.remove("front")
    assert events == [FRONT, "front"]
