"""A copy of the database as it is at one moment, beside whoever writes to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

#: Seconds to wait for a writer.
_PATIENCE = 10.0


class DatabaseBroken(Exception):
    """SQLite finds the database damaged; the text says how."""


def copy_database(source: Path, target: Path) -> None:
    """Copy a database in one transaction, without what SQLite keeps beside it.

    Raises `sqlite3.Error` and `OSError`, also for a full disk or when somebody keeps it locked.
    """
    with (
        # Not created when it is not there.
        closing(
            sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", _PATIENCE, uri=True)
        ) as own,
        closing(sqlite3.connect(target)) as copy,
    ):
        own.backup(copy, progress=_refuse_locked)
        # One file and no more: what is in a write-ahead log would not be in the backup.
        copy.execute("PRAGMA journal_mode = DELETE")


def _refuse_locked(status: int, _remaining: int, _pages: int) -> None:
    # SQLite has been patient by then; Python's module would begin anew for ever.
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise sqlite3.OperationalError("database is locked")


def check_database(path: Path) -> int:
    """Return how many entries a database holds; raises `DatabaseBroken`, `sqlite3.Error`."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", _PATIENCE, uri=True)) as own:
        try:
            verdict = own.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if verdict != "ok":
                raise DatabaseBroken(str(verdict).splitlines()[-1][:200])
            dangling = own.execute("PRAGMA foreign_key_check").fetchone()
            if dangling is not None:
                raise DatabaseBroken(f"a row of {dangling[0]} refers to one that is not there")
            return int(own.execute("SELECT count(*) FROM entries").fetchone()[0])
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "no such table" not in str(error):
                raise
            raise DatabaseBroken(str(error)) from None
