"""Brings an installation back from a backup, once everything in it has proved good."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ucv.backup.archive import Archive, open_archive
from ucv.backup.contents import item, items
from ucv.backup.database_copy import DatabaseBroken, check_database
from ucv.backup.disk import stamp, storage_errors
from ucv.backup.envelope import Envelope
from ucv.backup.errors import BackupDamaged
from ucv.backup.exchange import KEPT, STAGING, exchange, recover
from ucv.backup.manifest import DATABASE, KEY, Manifest
from ucv.config.paths import ConfigDirectory
from ucv.errors import AlreadyConfiguredError, SecretsError
from ucv.hub_lock import HubLock
from ucv.secrets import KeyRing, Redactor, SecretStore
from ucv.storage.database import Database
from ucv.storage.entries import EntryRepository
from ucv.storage.secrets import SecretRepository


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored; ``kept`` is where everything is that was there before, if anything was.

    ``has_key`` is whether the key of the secrets store was in the backup, ``needs_key`` whether
    there are secrets that only that key opens.
    """

    manifest: Manifest
    kept: Path | None
    has_key: bool
    needs_key: bool


def restore_backup(
    file: Path,
    directory: ConfigDirectory,
    passphrase: Callable[[], str],
    *,
    force: bool = False,
) -> Restored:
    """Replace an installation by what is in a backup; call it off the event loop.

    Everything is verified, unpacked beside what is there, and tried before anything is replaced;
    then all of it is, or nothing. ``passphrase`` is asked for once the file has proved whole. With
    ``force`` a directory in use is replaced, and kept.

    Raises `HubRunning`, `AlreadyConfiguredError` without ``force``, `NotFoundError`,
    `BackupDamaged`, `BackupTooNew`, `WrongPassphrase`, `StorageError`.
    """
    with storage_errors("The backup cannot be restored"), ExitStack() as stack:
        locked = directory.storage.is_dir()
        if locked:
            stack.enter_context(HubLock(directory.storage))
            recover(directory)
        if not force and items(directory):
            raise AlreadyConfiguredError(
                f"{directory.path} is in use already. With --force it is replaced, and what is in "
                f"it is kept in .storage/{KEPT}….",
            )
        archive = stack.enter_context(open_archive(file))
        archive.check()
        envelope = archive.unseal(passphrase())
        if not locked:
            directory.prepare()
            stack.enter_context(HubLock(directory.storage))
        return _restore(archive, envelope, directory)


def _restore(archive: Archive, envelope: Envelope, directory: ConfigDirectory) -> Restored:
    manifest = archive.manifest
    with _staging(directory) as staging:
        archive.extract(envelope, staging.path)
        needs_key = _try(staging, manifest)
        kept = _unused(directory.storage, f"{KEPT}{stamp(time.time())}")
        new = {item(stored.name) for stored in manifest.files}
        exchange(directory, staging.path.name, kept.name, items(directory), new)
    is_kept = kept if kept.exists() else None
    return Restored(manifest, is_kept, KEY in manifest.names, needs_key)


def _try(staging: ConfigDirectory, manifest: Manifest) -> bool:
    """Open the unpacked database as a hub would, and say whether it has secrets but no key.

    Migrates it to this version. Raises `BackupDamaged`, and `StorageError` for one from a newer
    version.
    """
    if DATABASE not in manifest.names:
        return False
    try:
        check_database(staging.database)
    except DatabaseBroken as broken:
        raise BackupDamaged(f"The backup is damaged, in its database: {broken}.") from None
    has_key = KEY in manifest.names
    try:
        needs_key = asyncio.run(_open(staging, has_key=has_key))
    except SecretsError as error:
        raise BackupDamaged(
            f"The backup is damaged: its key does not open its secrets ({error.message})"
        ) from None
    with closing(sqlite3.connect(staging.database)) as own:
        # One file: what SQLite keeps beside it would stay behind.
        own.execute("PRAGMA journal_mode = DELETE")
    return needs_key


async def _open(staging: ConfigDirectory, *, has_key: bool) -> bool:
    database = await Database.open(staging)
    try:
        await EntryRepository(database).list()
        rows = SecretRepository(database)
        if has_key:
            # The key in the backup, whatever the environment of this process names.
            await SecretStore(rows, KeyRing(staging.storage, {}), Redactor()).all_values()
            return False
        return bool(await rows.all())
    finally:
        await database.close()


@contextmanager
def _staging(directory: ConfigDirectory) -> Iterator[ConfigDirectory]:
    """Make a configuration directory beside the real one's data, and remove what is left of it."""
    staging = ConfigDirectory(directory.storage / f"{STAGING}{secrets.token_hex(8)}")
    staging.path.mkdir(mode=0o700)
    staging.storage.mkdir(mode=0o700)
    try:
        yield staging
    finally:
        shutil.rmtree(staging.path, ignore_errors=True)


def _unused(folder: Path, name: str) -> Path:
    number, path = 1, folder / name
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}"
    return path
