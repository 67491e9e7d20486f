"""People, programs, their sessions, what they did; times are seconds since the epoch."""

from __future__ import annotations

import builtins
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ucv.errors import AlreadyConfiguredError
from ucv.storage.database import Database
from ucv.storage.tables import audit_log, sessions, tokens, users


@dataclass(frozen=True, slots=True)
class User:
    """A person's account; ``name`` is unique, ``role`` is "admin" or "viewer"."""

    id: str
    name: str
    password_hash: str = field(repr=False)
    role: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Token:
    """A program's token; ``hash`` is the SHA-256 of it, in hexadecimal."""

    id: str
    name: str
    hash: str = field(repr=False)
    role: str
    created_at: float
    last_used_at: float | None = None
    revoked_at: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is logged in; ``id_hash`` is the SHA-256 of its cookie, in hexadecimal."""

    id_hash: str = field(repr=False)
    user_id: str
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, from where, and how it ended."""

    at: float
    actor: str
    action: str
    target: str = ""
    address: str = ""
    outcome: str = "ok"


class UserRepository:
    """Reads and writes `User`; raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> int:
        """Return how many accounts there are."""
        async with self._database.reading() as connection:
            query = sa.select(sa.func.count()).select_from(users)
            return int((await connection.execute(query)).scalar_one())

    async def list(self) -> builtins.list[User]:
        """Return all of them, in the order of their names."""
        async with self._database.reading() as connection:
            rows = await connection.execute(sa.select(users).order_by(users.c.name))
            return [User(**row._mapping) for row in rows]

    async def get(self, user_id: str) -> User | None:
        """Return one by id, or None."""
        return await self._one(users.c.id == user_id)

    async def by_name(self, name: str) -> User | None:
        """Return one by name, or None."""
        return await self._one(users.c.name == name)

    async def add(self, user: User, *, only_if_first: bool = False) -> bool:
        """Insert one; raises `AlreadyConfiguredError` for a name in use.

        ``only_if_first``: return False, and change nothing, when there is an account already.
        """
        try:
            async with self._database.transaction() as connection:
                query = sa.select(sa.func.count()).select_from(users)
                if only_if_first and (await connection.execute(query)).scalar_one():
                    return False
                await connection.execute(sa.insert(users).values(asdict(user)))
        except Exception as error:
            if isinstance(error.__cause__, IntegrityError):
                raise AlreadyConfiguredError("There is an account of that name.") from None
            raise
        return True

    async def set_password_hash(self, user_id: str, password_hash: str) -> None:
        """Replace the password of an account."""
        async with self._database.transaction() as connection:
            await connection.execute(
                sa.update(users).where(users.c.id == user_id).values(password_hash=password_hash)
            )

    async def _one(self, where: sa.ColumnElement[bool]) -> User | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(sa.select(users).where(where))).one_or_none()
        return User(**row._mapping) if row is not None else None


class TokenRepository:
    """Reads and writes `Token`; raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: Token) -> None:
        """Insert one."""
        async with self._database.transaction() as connection:
            await connection.execute(sa.insert(tokens).values(asdict(token)))

    async def list(self) -> builtins.list[Token]:
        """Return all of them, the oldest first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(sa.select(tokens).order_by(tokens.c.created_at))
            return [Token(**row._mapping) for row in rows]

    async def by_hash(self, token_hash: str) -> Token | None:
        """Return the token of that hash, revoked or not, or None."""
        async with self._database.reading() as connection:
            query = sa.select(tokens).where(tokens.c.hash == token_hash)
            row = (await connection.execute(query)).one_or_none()
        return Token(**row._mapping) if row is not None else None

    async def touch(self, token_id: str, at: float) -> None:
        """Note when it was used last."""
        await self._set(token_id, last_used_at=at)

    async def revoke(self, token_id: str, at: float) -> None:
        """Make it useless from now on."""
        await self._set(token_id, revoked_at=at)

    async def _set(self, token_id: str, **values: Any) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(
                sa.update(tokens).where(tokens.c.id == token_id).values(**values)
            )


class SessionRepository:
    """Reads and writes `Session`; raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, session: Session) -> None:
        """Insert one."""
        async with self._database.transaction() as connection:
            await connection.execute(sa.insert(sessions).values(asdict(session)))

    async def get(self, id_hash: str) -> Session | None:
        """Return one, expired or not, or None."""
        async with self._database.reading() as connection:
            query = sa.select(sessions).where(sessions.c.id_hash == id_hash)
            row = (await connection.execute(query)).one_or_none()
        return Session(**row._mapping) if row is not None else None

    async def extend(self, id_hash: str, expires_at: float) -> None:
        """Move its end."""
        async with self._database.transaction() as connection:
            await connection.execute(
                sa.update(sessions)
                .where(sessions.c.id_hash == id_hash)
                .values(expires_at=expires_at)
            )

    async def delete(self, id_hash: str) -> None:
        """End one; harmless when it is not there."""
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(sessions).where(sessions.c.id_hash == id_hash))

    async def delete_of_user(self, user_id: str) -> None:
        """End all of an account's sessions."""
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(sessions).where(sessions.c.user_id == user_id))

    async def delete_expired(self, now: float) -> None:
        """Forget those that are over."""
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(sessions).where(sessions.c.expires_at <= now))


class AuditLog:
    """What was done, the newest `KEPT` entries of it; raises `StorageError`."""

    KEPT = 10_000

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        """Append one, and forget the oldest beyond the bound."""
        async with self._database.transaction() as connection:
            result = await connection.execute(sa.insert(audit_log).values(asdict(entry)))
            newest = result.inserted_primary_key
            if newest is not None:
                await connection.execute(
                    sa.delete(audit_log).where(audit_log.c.id <= newest[0] - self.KEPT)
                )

    async def list(self, limit: int = 100) -> builtins.list[AuditEntry]:
        """Return the newest entries, the newest first."""
        async with self._database.reading() as connection:
            columns = [column for column in audit_log.c if column.name != "id"]
            query = sa.select(*columns).order_by(audit_log.c.id.desc()).limit(limit)
            rows = await connection.execute(query)
            return [AuditEntry(**row._mapping) for row in rows]
