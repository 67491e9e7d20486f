"""Ciphertexts of secrets, stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from ucv.storage.database import Database
from ucv.storage.tables import secrets


class SecretRepository:
    """Keeps ciphertexts by owner and name; knows no key. Raises `StorageError`.

    What is changed at the same time is one transaction, in the order in which it was asked for.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reads = database.gathering(self._read)
        self._changes = database.gathering(self._change)

    async def all(self) -> dict[tuple[str, str], bytes]:
        """Return every ciphertext by (owner, name)."""
        async with self._database.reading() as connection:
            rows = await connection.execute(sa.select(secrets))
            return {(row.owner, row.name): row.ciphertext for row in rows}

    async def get(self, owner: str, name: str) -> bytes | None:
        """Return one ciphertext, or None."""
        return await self._reads((owner, name))

    async def _read(self, keys: Sequence[tuple[str, str]]) -> list[bytes | None]:
        # By owner alone: nearly all secrets of an owner are asked for.
        query = sa.select(secrets).where(secrets.c.owner.in_({owner for owner, _ in keys}))
        async with self._database.reading() as connection:
            rows = await connection.execute(query)
            found = {(row.owner, row.name): row.ciphertext for row in rows}
        return [found.get(key) for key in keys]

    async def set(self, ciphertexts: Mapping[tuple[str, str], bytes]) -> None:
        """Insert or replace some by (owner, name), all in one transaction."""
        await self._changes(ciphertexts)

    async def delete(self, owner: str, name: str | None = None) -> None:
        """Forget one secret of an owner, or all of them."""
        await self._changes((owner, name))

    async def _change(
        self, changes: Sequence[Mapping[tuple[str, str], bytes] | tuple[str, str | None]]
    ) -> list[None]:
        gone: set[str] = set()
        last: dict[tuple[str, str], bytes | None] = {}
        for change in changes:
            if isinstance(change, Mapping):
                last.update(change)
                continue
            owner, name = change
            if name is not None:
                last[owner, name] = None
                continue
            gone.add(owner)
            last = {key: ciphertext for key, ciphertext in last.items() if key[0] != owner}
        async with self._database.transaction() as connection:
            if gone:
                await connection.execute(sa.delete(secrets).where(secrets.c.owner.in_(gone)))
            if last:
                one = (secrets.c.owner == sa.bindparam("_owner")) & (
                    secrets.c.name == sa.bindparam("_name")
                )
                keys = [{"_owner": owner, "_name": name} for owner, name in last]
                await connection.execute(sa.delete(secrets).where(one), keys)
            rows = [
                {"owner": owner, "name": name, "ciphertext": ciphertext}
                for (owner, name), ciphertext in last.items()
                if ciphertext is not None
            ]
            if rows:
                await connection.execute(sa.insert(secrets), rows)
        return [None] * len(changes)

    async def replace_all(self, change: Callable[[bytes], bytes]) -> int:
        """Rewrite every ciphertext in one transaction, or none; returns how many there are."""
        async with self._database.transaction() as connection:
            rows = (await connection.execute(sa.select(secrets))).all()
            for row in rows:
                await connection.execute(
                    sa.update(secrets)
                    .where((secrets.c.owner == row.owner) & (secrets.c.name == row.name))
                    .values(ciphertext=change(row.ciphertext))
                )
            return len(rows)
