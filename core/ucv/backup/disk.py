"""What backups do with the disk beyond reading and writing."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ucv.errors import StorageError


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn errors of the disk and of SQLite into a `StorageError` that says what went wrong."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise StorageError(f"{what}: {error.strerror or error}{where}.") from error
    except sqlite3.Error as error:
        raise StorageError(f"{what}: {error}.") from error


def stamp(seconds: float) -> str:
    """Return a moment as it stands in names of files, in UTC."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(seconds))


def sync_folder(folder: Path) -> None:
    """Write to the disk which files are in a folder; raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
