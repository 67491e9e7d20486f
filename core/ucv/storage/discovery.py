"""Devices that were found on the network, stored."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from ucv.discovery.store import DeviceRecord
from ucv.storage.database import Database
from ucv.storage.tables import found_devices


class FoundDeviceRepository:
    """Reads and writes `DeviceRecord`; raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> builtins.list[DeviceRecord]:
        """Return all of them, the one that was seen longest ago first."""
        query = sa.select(found_devices).order_by(found_devices.c.last_seen)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [DeviceRecord(row.id, row.last_seen, row.data) for row in rows]

    async def save(self, records: Sequence[DeviceRecord], *, deleted: Collection[str]) -> None:
        """Insert or replace some and delete others, in one transaction."""
        gone = {*deleted, *(record.id for record in records)}
        async with self._database.transaction() as connection:
            if gone:
                await connection.execute(
                    sa.delete(found_devices).where(found_devices.c.id.in_(sorted(gone)))
                )
            if records:
                rows = [
                    {"id": one.id, "last_seen": one.last_seen, "data": dict(one.data)}
                    for one in records
                ]
                await connection.execute(sa.insert(found_devices), rows)
