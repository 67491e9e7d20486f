"""Makes backups, and tells which ones there are."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import ucv
from ucv.backup.archive import open_archive, write_archive
from ucv.backup.contents import Contents, collect
from ucv.backup.database_copy import DatabaseBroken, check_database, copy_database
from ucv.backup.disk import stamp, storage_errors, sync_folder
from ucv.backup.envelope import Envelope
from ucv.backup.exchange import is_interrupted
from ucv.backup.manifest import DATABASE, KEY, Manifest
from ucv.config.paths import ConfigDirectory
from ucv.errors import (
    AlreadyConfiguredError,
    CameraViewerError,
    NotFoundError,
    NotSupported,
    StorageError,
)

#: The folder for backups, in ``.storage``, and how their names end.
FOLDER = "backups"
SUFFIX = ".zip"


@dataclass(frozen=True, slots=True)
class Created:
    """A backup that was made; ``left_out`` says in sentences what is not in it."""

    path: Path
    size: int
    manifest: Manifest
    left_out: tuple[str, ...]

    @property
    def has_key(self) -> bool:
        """Whether the key of the secrets store is in it."""
        return KEY in self.manifest.names


@dataclass(frozen=True, slots=True)
class Found:
    """A backup that was found; ``problem`` says what is wrong with it, empty when it is whole.

    ``size`` is in bytes; ``manifest`` is None when it cannot be read.
    """

    path: Path
    size: int
    manifest: Manifest | None
    problem: str


def create_backup(
    directory: ConfigDirectory, passphrase: str, *, output: Path | None = None
) -> Created:
    """Write a backup of an installation, also beside its running hub; call it off the event loop.

    ``output`` is a file that is not there yet, or a folder; without it, ``.storage/backups``. The
    file appears when it is complete and was read back. Raises `NotFoundError` when there is nothing
    to back up, `NotSupported` for an external database, `AlreadyConfiguredError` for an output that
    exists, `ValidationError` for the passphrase, and `StorageError`.
    """
    with storage_errors("The backup cannot be written"):
        if is_interrupted(directory):
            raise StorageError(
                "A restore was interrupted, so that only half of everything is there; start the "
                "hub once, which puts back what was there before."
            )
        contents = collect(directory)
        if contents.external_database:
            raise NotSupported(
                "The configuration names a database of its own (the key database in ucv.yaml); "
                "back that one up with its own tools."
            )
        if not contents.files and not directory.database.exists():
            raise NotFoundError(f"There is nothing to back up in {directory.path}.")
        created = int(time.time())
        target = _target(directory, output, created)
        if target.exists():
            raise AlreadyConfiguredError(f"{target} exists already.")
        sealed = Envelope.seal(passphrase)
        directory.prepare()
        with TemporaryDirectory(dir=directory.storage, prefix="backup-") as folder:
            entries = _add_database(contents, directory, Path(folder) / "ucv.db")
            with _appearing(target) as temporary:
                with temporary.open("r+b") as file:
                    manifest = write_archive(
                        file,
                        contents.files,
                        sealed,
                        version=ucv.__version__,
                        created=created,
                        entries=entries,
                    )
                    file.flush()
                    os.fsync(file.fileno())
                with open_archive(temporary) as archive:
                    archive.check()
        return Created(target, target.stat().st_size, manifest, tuple(contents.left_out))


def list_backups(directory: ConfigDirectory) -> list[Found]:
    """Return the backups in ``.storage/backups``, the newest first, each read and checked.

    Whether their passphrase is known does not matter. Raises `StorageError`.
    """
    with storage_errors("The backups cannot be listed"):
        folder = directory.storage / FOLDER
        files = [path for path in folder.glob(f"*{SUFFIX}") if path.is_file()]
        found = [_inspect(path) for path in files if not path.name.startswith(".")]
    return sorted(found, key=_age, reverse=True)


def _target(directory: ConfigDirectory, output: Path | None, created: int) -> Path:
    name = f"ucv-{stamp(created)}{SUFFIX}"
    if output is None:
        return directory.storage / FOLDER / name
    return output / name if output.is_dir() else output


def _add_database(contents: Contents, directory: ConfigDirectory, copy: Path) -> int:
    """Put a copy of the database first and return how many entries it holds.

    The keys are read after it: a key that is rotated meanwhile still opens what the older copy
    holds, but an older key would not open a newer copy.
    """
    if not directory.database.exists():
        return 0
    copy.touch(mode=0o600)
    copy_database(directory.database, copy)
    try:
        entries = check_database(copy)
    except DatabaseBroken as broken:
        raise StorageError(f"The database is damaged, so it is not backed up: {broken}.") from None
    contents.files = {DATABASE: copy, **contents.files}
    return entries


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """Give a temporary file that becomes the target at the end, or is removed."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield temporary
        temporary.rename(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def _inspect(path: Path) -> Found:
    size = path.stat().st_size
    manifest: Manifest | None = None
    try:
        with open_archive(path) as archive:
            manifest = archive.manifest
            archive.check()
    except CameraViewerError as error:
        return Found(path, size, manifest, error.message)
    return Found(path, size, manifest, "")


def _age(found: Found) -> tuple[float, str]:
    created = found.manifest.created if found.manifest else found.path.stat().st_mtime
    return created, found.path.name
