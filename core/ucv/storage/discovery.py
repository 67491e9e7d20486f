"""What was found on the network, and the scans that looked for it, stored."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Sequence
from contextlib import suppress

import sqlalchemy as sa

from ucv.discovery.scan.history import ScanRecord
from ucv.discovery.store import DeviceRecord
from ucv.storage.database import Database
from ucv.storage.tables import found_devices, scans


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


class ScanRepository:
    """Reads and writes `ScanRecord`; raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, record: ScanRecord) -> None:
        """Insert or replace the record of a scan."""
        row = {
            "id": record.view.id,
            "started": record.view.started,
            "data": record.to_json(),
        }
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(scans).where(scans.c.id == row["id"]))
            await connection.execute(sa.insert(scans), [row])

    async def load_all(self, limit: int) -> builtins.list[ScanRecord]:
        """Return the newest ones, the newest first."""
        query = sa.select(scans.c.data).order_by(scans.c.started.desc()).limit(limit)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).scalars().all()
        records = []
        for data in rows:
            # One that was written by a newer version is left out, and stays.
            with suppress(KeyError, TypeError, ValueError):
                records.append(ScanRecord.from_json(data))
        return records

    async def delete_oldest(self, keep: int) -> None:
        """Delete all but the newest ``keep``."""
        newest = sa.select(scans.c.id).order_by(scans.c.started.desc()).limit(keep)
        async with self._database.transaction() as connection:
            kept = (await connection.execute(newest)).scalars().all()
            await connection.execute(sa.delete(scans).where(scans.c.id.not_in(kept)))
