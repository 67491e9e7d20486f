"""The cameras that are configured, kept across restarts."""

from __future__ import annotations

import builtins
from typing import Protocol

from ucv.bus import EventBus
from ucv.cameras.camera import Camera, CameraChanged, CameraRemoved
from ucv.errors import NotFoundError


class CameraStore(Protocol):
    """Where the registry keeps cameras."""

    async def list(self) -> builtins.list[Camera]:
        """Return all of them."""

    async def save(self, camera: Camera) -> object:
        """Insert or replace one."""

    async def delete(self, camera_id: str) -> object:
        """Forget one; harmless when it is not there."""


class CameraRegistry:
    """All cameras by id. A change is stored first, then seen by readers, then published."""

    def __init__(self, store: CameraStore, bus: EventBus) -> None:
        self._store = store
        self._bus = bus
        self._cameras: dict[str, Camera] = {}
        # The ids of each entry's cameras: entries are asked about much more often than all of them.
        self._of_entry: dict[str, set[str]] = {}

    async def load(self) -> None:
        """Read what is stored, so that cameras are known before their entries are set up."""
        cameras = await self._store.list()
        self._cameras, self._of_entry = {}, {}
        for camera in cameras:
            self._set(camera)

    def list(self) -> builtins.list[Camera]:
        """Return the cameras in the order of their names."""
        return sorted(self._cameras.values(), key=_by_name)

    def find(self, camera_id: str) -> Camera | None:
        """Return the camera of that id, or None."""
        return self._cameras.get(camera_id)

    def get(self, camera_id: str) -> Camera:
        """Return the camera of that id; raises `NotFoundError`."""
        if (camera := self._cameras.get(camera_id)) is None:
            raise NotFoundError("There is no such camera.", details={"camera": camera_id[:64]})
        return camera

    def of_entry(self, entry_id: str) -> builtins.list[Camera]:
        """Return the cameras that an entry brought, in the order of their names."""
        ids = self._of_entry.get(entry_id, ())
        return sorted((self._cameras[camera_id] for camera_id in ids), key=_by_name)

    async def put(self, camera: Camera) -> None:
        """Add or replace a camera; an equal one changes nothing."""
        if self._cameras.get(camera.id) == camera:
            return
        await self._store.save(camera)
        self._unset(camera.id)
        self._set(camera)
        self._bus.publish(CameraChanged(camera))

    async def remove(self, camera_id: str) -> None:
        """Forget a camera; harmless when it is not there."""
        if camera_id not in self._cameras:
            return
        await self._store.delete(camera_id)
        if self._unset(camera_id):
            self._bus.publish(CameraRemoved(camera_id))

    def _set(self, camera: Camera) -> None:
        self._cameras[camera.id] = camera
        self._of_entry.setdefault(camera.entry_id, set()).add(camera.id)

    def _unset(self, camera_id: str) -> bool:
        """Say whether it was there."""
        if (camera := self._cameras.pop(camera_id, None)) is None:
            return False
        siblings = self._of_entry[camera.entry_id]
        siblings.discard(camera_id)
        if not siblings:
            del self._of_entry[camera.entry_id]
        return True


def _by_name(camera: Camera) -> tuple[str, str]:
    return (camera.name.casefold(), camera.id)
