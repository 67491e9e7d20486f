"""Cameras and their stream profiles, stored."""

from __future__ import annotations

import builtins
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ucv.cameras.camera import Camera, StreamProfile
from ucv.storage.database import Database
from ucv.storage.tables import cameras, stream_profiles


class CameraRepository:
    """Reads and writes `Camera` with its profiles; raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> builtins.list[Camera]:
        """Return all of them, in the order of their ids."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(sa.select(cameras).order_by(cameras.c.id))).all()
            query = sa.select(stream_profiles).order_by(stream_profiles.c.position)
            profiles: dict[str, builtins.list[StreamProfile]] = {}
            for row in await connection.execute(query):
                profiles.setdefault(row.camera_id, []).append(_profile(row))
        return [_camera(row, profiles.get(row.id, [])) for row in rows]

    async def save(self, camera: Camera, *, connection: AsyncConnection | None = None) -> None:
        """Insert or replace one; its entry must be stored."""
        values = {
            "entry_id": camera.entry_id,
            "name": camera.name,
            "integration": camera.integration,
            "unique_id": camera.unique_id,
            "manufacturer": camera.manufacturer,
            "model": camera.model,
            "serial": camera.serial,
            "mac": camera.mac,
            "capabilities": builtins.list(camera.capabilities),
            "preload": camera.preload,
        }
        async with self._database.transaction(connection) as own:
            changed = await own.execute(
                sa.update(cameras).where(cameras.c.id == camera.id).values(values)
            )
            if not changed.rowcount:
                await own.execute(sa.insert(cameras).values(id=camera.id, **values))
            await own.execute(
                sa.delete(stream_profiles).where(stream_profiles.c.camera_id == camera.id)
            )
            if camera.profiles:
                rows = [
                    _columns(camera.id, position, profile)
                    for position, profile in enumerate(camera.profiles)
                ]
                await own.execute(sa.insert(stream_profiles), rows)

    async def delete(self, camera_id: str, *, connection: AsyncConnection | None = None) -> None:
        """Forget one; harmless when it is not there."""
        async with self._database.transaction(connection) as own:
            await own.execute(sa.delete(cameras).where(cameras.c.id == camera_id))


def _columns(camera_id: str, position: int, profile: StreamProfile) -> dict[str, Any]:
    return {
        "camera_id": camera_id,
        "position": position,
        "name": profile.name,
        "role": profile.role,
        "url": profile.url,
        "options": dict(profile.options),
        "codec": profile.codec,
        "width": profile.width,
        "height": profile.height,
        "frame_rate": profile.frame_rate,
    }


def _camera(row: sa.Row[Any], profiles: builtins.list[StreamProfile]) -> Camera:
    return Camera(
        id=row.id,
        entry_id=row.entry_id,
        name=row.name,
        integration=row.integration,
        unique_id=row.unique_id,
        manufacturer=row.manufacturer,
        model=row.model,
        serial=row.serial,
        mac=row.mac,
        profiles=tuple(profiles),
        capabilities=tuple(row.capabilities),
        preload=row.preload,
    )


def _profile(row: sa.Row[Any]) -> StreamProfile:
    return StreamProfile(
        name=row.name,
        role=row.role,
        url=row.url,
        options=row.options,
        codec=row.codec,
        width=row.width,
        height=row.height,
        frame_rate=row.frame_rate,
    )
