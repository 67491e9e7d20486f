"""Config entries, stored."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ucv.entries.entry import ChannelChoice, EntryConfig, EntryOrigin
from ucv.storage.database import Database
from ucv.storage.tables import entries


class EntryRepository:
    """Reads and writes `EntryConfig`; raises `StorageError`.

    What is changed at the same time is one transaction, in the order in which it was asked for.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changes = database.gathering(self._change)

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
        if connection is None:
            await self._changes(some)
        else:
            await _save(connection, some)

    async def delete(self, entry_id: str, *, connection: AsyncConnection | None = None) -> None:
        """Forget one, with its cameras; harmless when it is not there."""
        if connection is None:
            await self._changes(entry_id)
        else:
            await _delete(connection, [entry_id])

    async def _change(
        self, changes: Sequence[tuple[EntryConfig, ...] | str]
    ) -> builtins.list[None]:
        deleted = [change for change in changes if isinstance(change, str)]
        saved: dict[str, EntryConfig] = {}
        for change in changes:
            if isinstance(change, str):
                saved.pop(change, None)
            else:
                saved.update((entry.id, entry) for entry in change)
        async with self._database.transaction() as connection:
            if deleted:
                await _delete(connection, deleted)
            if saved:
                await _save(connection, builtins.list(saved.values()))
        return [None] * len(changes)


async def _save(connection: AsyncConnection, some: Sequence[EntryConfig]) -> None:
    query = sa.select(entries.c.id).where(entries.c.id.in_([entry.id for entry in some]))
    known = set((await connection.execute(query)).scalars())
    if new := [_values(entry) for entry in some if entry.id not in known]:
        await connection.execute(sa.insert(entries), new)
    if old := [_values(entry) | {"_id": entry.id} for entry in some if entry.id in known]:
        await connection.execute(sa.update(entries).where(entries.c.id == sa.bindparam("_id")), old)


async def _delete(connection: AsyncConnection, ids: Sequence[str]) -> None:
    await connection.execute(sa.delete(entries).where(entries.c.id.in_(ids)))


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
        "profiles": list(entry.profiles),
        "channels": [choice.to_mapping() for choice in entry.channels],
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
        profiles=tuple(row.profiles),
        channels=tuple(ChannelChoice(**choice) for choice in row.channels),
    )
