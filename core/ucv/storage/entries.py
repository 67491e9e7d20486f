"""Config entries, stored."""

from __future__ import annotations

import builtins
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ucv.entries.entry import EntryConfig, EntryOrigin
from ucv.storage.database import Database
from ucv.storage.tables import entries


class EntryRepository:
    """Reads and writes `EntryConfig`; raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> builtins.list[EntryConfig]:
        """Return all of them, in the order of their ids."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(sa.select(entries).order_by(entries.c.id))).all()
        return [_entry(row) for row in rows]

    async def get(self, entry_id: str) -> EntryConfig | None:
        """Return one, or None."""
        async with self._database.reading() as connection:
            query = sa.select(entries).where(entries.c.id == entry_id)
            row = (await connection.execute(query)).one_or_none()
        return _entry(row) if row is not None else None

    async def save(self, *some: EntryConfig, connection: AsyncConnection | None = None) -> None:
        """Insert or replace some, all in one transaction."""
        async with self._database.transaction(connection) as own:
            query = sa.select(entries.c.id).where(entries.c.id.in_([entry.id for entry in some]))
            known = set((await own.execute(query)).scalars())
            if new := [_values(entry) for entry in some if entry.id not in known]:
                await own.execute(sa.insert(entries), new)
            for entry in some:
                if entry.id in known:
                    await own.execute(
                        sa.update(entries).where(entries.c.id == entry.id).values(_values(entry))
                    )

    async def delete(self, entry_id: str, *, connection: AsyncConnection | None = None) -> None:
        """Forget one, with its cameras; harmless when it is not there."""
        async with self._database.transaction(connection) as own:
            await own.execute(sa.delete(entries).where(entries.c.id == entry_id))


def _values(entry: EntryConfig) -> dict[str, Any]:
    return {
        "id": entry.id,
        "integration": entry.integration,
        "name": entry.name,
        "origin": entry.origin.value,
        "data": dict(entry.data),
        "facts": dict(entry.facts),
        "secrets": sorted(entry.secrets),
        "preload": entry.preload,
        "disabled": entry.disabled,
        "unique_id": entry.unique_id,
        "version": entry.version,
    }


def _entry(row: sa.Row[Any]) -> EntryConfig:
    return EntryConfig(
        id=row.id,
        integration=row.integration,
        name=row.name,
        origin=EntryOrigin(row.origin),
        data=row.data,
        facts=row.facts,
        secrets=frozenset(row.secrets),
        preload=row.preload,
        disabled=row.disabled,
        unique_id=row.unique_id,
        version=row.version,
    )
