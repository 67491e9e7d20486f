"""Opens the registry's database: SQLite in WAL mode, migrated to this version's tables."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ucv.config.paths import ConfigDirectory
from ucv.errors import StorageError
from ucv.storage.gathering import Answer, Asked, Gathering

_log = logging.getLogger(__name__)

_MIGRATIONS = Path(__file__).parent / "migrations"
#: Seconds a writer waits for another process (`ucv token create` beside a running hub).
_BUSY_TIMEOUT = 10.0
#: Seconds between two looks at whether another process still migrates.
_LOOK = 0.05
#: Copies made before migrations that are kept.
_BACKUPS_KEPT = 5


class Database:
    """A database that is open and has this version's tables. Made by `open`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._gatherings: list[Gathering[Any, Any]] = []

    @classmethod
    async def open(cls, directory: ConfigDirectory, url: str | None = None) -> Database:
        """Open the directory's database, or the one ``url`` names, and migrate it.

        ``url`` is SQLAlchemy's with an asyncio driver (``postgresql+asyncpg://…``). Two processes
        may open at once. Raises `StorageError`; then nothing was changed.
        """
        engine = create_async_engine(url or f"sqlite+aiosqlite:///{directory.database}")
        if engine.dialect.name == "sqlite":
            _set_up_sqlite(engine)
        database = cls(engine)
        try:
            await database._migrate(directory)
        except BaseException as error:
            await engine.dispose()
            if isinstance(error, (SQLAlchemyError, sqlite3.Error, OSError)):
                raise StorageError(f"The database cannot be opened: {_cause(error)}") from error
            raise
        return database

    async def close(self) -> None:
        """Close all connections, once what was gathered is done."""
        for gathering in self._gatherings:
            await gathering.finish()
        await self._engine.dispose()

    def gathering(
        self, work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]
    ) -> Gathering[Asked, Answer]:
        """Return what does together what many ask for at the same time, see `Gathering`."""
        gathering = Gathering(work)
        self._gatherings.append(gathering)
        return gathering

    @asynccontextmanager
    async def transaction(
        self, connection: AsyncConnection | None = None
    ) -> AsyncIterator[AsyncConnection]:
        """Write: commits at the end, or nothing at all. Joins the given transaction, if any."""
        if connection is not None:
            yield connection
            return
        try:
            async with self._engine.begin() as own:
                yield own
        except SQLAlchemyError as error:
            raise StorageError(f"The database refused a change: {_cause(error)}") from error

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Read one consistent state, beside writers."""
        try:
            async with self._engine.connect() as own:
                await own.execution_options(reading=True)
                async with own.begin():
                    yield own
        except SQLAlchemyError as error:
            raise StorageError(f"The database cannot be read: {_cause(error)}") from error

    async def _migrate(self, directory: ConfigDirectory) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        head = ScriptDirectory.from_config(config).get_current_head()
        # A thread that waits for it could not be called back when the start is given up.
        path = directory.storage / "migrate.lock"
        while (lock := _lock(path)) is None:  # noqa: ASYNC110 - another process tells no event
            await asyncio.sleep(_LOOK)
        try:
            async with self._engine.connect() as connection:
                current = await connection.run_sync(_revision)
                await connection.rollback()
            if current == head:
                return
            if current is not None and directory.database.exists():
                await asyncio.to_thread(_back_up, directory, current)
            async with self._engine.begin() as connection:
                await connection.run_sync(_upgrade, config, current, head)
        finally:
            lock.close()


def _set_up_sqlite(engine: AsyncEngine) -> None:
    @sa.event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # Transactions begin where we say, not where the driver guesses.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # Changes are few and made by people: what was answered with success survives power loss.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A writer that began by reading cannot wait for another one, so it says so at once.
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(
    connection: sa.Connection, config: Config, current: str | None, head: str | None
) -> None:
    if current is not None:
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if current not in known:
            raise StorageError(
                "The database was written by a newer version of UCV; update UCV, or restore an "
                "older copy of it."
            )
    _log.info("Migrating the database from %s to %s", current or "nothing", head)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _lock(path: Path) -> IO[str] | None:
    """Return the file that is locked until it is closed, or None while another process has it.

    The system lets go of it if we are killed.
    """
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except BaseException:
        file.close()
        raise
    return file


def _back_up(directory: ConfigDirectory, revision: str) -> None:
    folder = directory.storage / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    target = folder / f"ucv-{stamp}-before-{revision}.db"
    with _closing_sqlite(directory.database) as source, _closing_sqlite(target) as copy:
        source.backup(copy)
    target.chmod(0o600)
    for old in sorted(folder.glob("ucv-*.db"))[:-_BACKUPS_KEPT]:
        old.unlink()
    _log.info("The database was copied to %s before its migration", target.name)


@contextmanager
def _closing_sqlite(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path)
    try:
        yield connection
    finally:
        connection.close()


def _cause(error: BaseException) -> str:
    # The driver's own sentence: SQLAlchemy's adds the statement with its values.
    original = getattr(error, "orig", None) or error
    return str(original).splitlines()[0] if str(original) else type(original).__name__
