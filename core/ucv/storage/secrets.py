"""Ciphertexts of secrets, stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from ucv.storage.database import Database
from ucv.storage.tables import secrets


class SecretRepository:
    """Keeps ciphertexts by owner and name; knows no key. Raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reads = database.gathering(self._read)

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
        owners = {owner for owner, _ in ciphertexts}
        async with self._database.transaction() as connection:
            query = sa.select(secrets.c.owner, secrets.c.name).where(secrets.c.owner.in_(owners))
            known = {(row.owner, row.name) for row in await connection.execute(query)}
            new = [
                {"owner": owner, "name": name, "ciphertext": ciphertext}
                for (owner, name), ciphertext in ciphertexts.items()
                if (owner, name) not in known
            ]
            if new:
                await connection.execute(sa.insert(secrets), new)
            for owner, name in known & ciphertexts.keys():
                await connection.execute(
                    sa.update(secrets)
                    .where((secrets.c.owner == owner) & (secrets.c.name == name))
                    .values(ciphertext=ciphertexts[owner, name])
                )

    async def delete(self, owner: str, name: str | None = None) -> None:
        """Forget one secret of an owner, or all of them."""
        where = secrets.c.owner == owner
        if name is not None:
            where &= secrets.c.name == name
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(secrets).where(where))

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
