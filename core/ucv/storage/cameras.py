"""Cameras and their stream profiles, stored."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ucv.cameras.camera import Camera, StreamProfile
from ucv.storage.database import Database
from ucv.storage.tables import cameras, stream_profiles


class CameraRepository:
    """Reads and writes `Camera` with its profiles; raises `StorageError`.

    What is changed at the same time is one transaction, in the order in which it was asked for.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changes = database.gathering(self._change)

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
        if connection is None:
            await self._changes(camera)
        else:
            await _save(connection, [camera])

    async def delete(self, camera_id: str, *, connection: AsyncConnection | None = None) -> None:
        """Forget one; harmless when it is not there."""
        if connection is None:
            await self._changes(camera_id)
        else:
            await _delete(connection, [camera_id])

    async def _change(self, changes: Sequence[Camera | str]) -> builtins.list[None]:
        last = {change if isinstance(change, str) else change.id: change for change in changes}
        async with self._database.transaction() as connection:
            if deleted := [change for change in last.values() if isinstance(change, str)]:
                await _delete(connection, deleted)
            if saved := [change for change in last.values() if not isinstance(change, str)]:
                await _save(connection, saved)
        return [None] * len(changes)


async def _save(connection: AsyncConnection, some: Sequence[Camera]) -> None:
    # Nothing refers to a camera but its profiles, which go with it.
    await _delete(connection, [camera.id for camera in some])
    await connection.execute(sa.insert(cameras), [_values(camera) for camera in some])
    rows = [
        _columns(camera.id, position, profile)
        for camera in some
        for position, profile in enumerate(camera.profiles)
    ]
    if rows:
        await connection.execute(sa.insert(stream_profiles), rows)


async def _delete(connection: AsyncConnection, ids: Sequence[str]) -> None:
    await connection.execute(sa.delete(cameras).where(cameras.c.id.in_(ids)))


def _values(camera: Camera) -> dict[str, Any]:
    return {
        "id": camera.id,
        "entry_id": camera.entry_id,
        "name": camera.name,
        "integration": camera.integration,
        "unique_id": camera.unique_id,
        "manufacturer": camera.manufacturer,
        "model": camera.model,
        "serial": camera.serial,
        "mac": camera.mac,
        "firmware": camera.firmware,
        "channel": camera.channel,
        "online": camera.online,
        "clock_offset": camera.clock_offset,
        "capabilities": list(camera.capabilities),
        "preload": camera.preload,
    }


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
        "bit_rate": profile.bit_rate,
        "audio": profile.audio,
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
        firmware=row.firmware,
        channel=row.channel,
        online=row.online,
        clock_offset=row.clock_offset,
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
        bit_rate=row.bit_rate,
        audio=row.audio,
    )
