"""The file of a backup: a ZIP archive with a manifest in plain, and everything else encrypted.

The members are ``manifest.json``, ``manifest.sig``, and ``000001`` … for the files in the order of
the manifest: no name of a member is ever a path.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ucv.backup.contents import place
from ucv.backup.envelope import CHUNK, TAG, Envelope, WrappedKey, encrypted_size
from ucv.backup.errors import BackupDamaged
from ucv.backup.manifest import (
    CONFIG,
    MAX_FILES,
    MAX_MANIFEST,
    MAX_TOTAL,
    Manifest,
    StoredFile,
    parse,
)
from ucv.errors import NotFoundError, StorageError, ValidationError

_MANIFEST = "manifest.json"
_SIGNATURE = "manifest.sig"
#: The most that is ever read at once: zipfile reads, and keeps, a list of members of any length.
_MAX_READ = MAX_MANIFEST
#: What zipfile raises for archives that it cannot read, beside its own exception.
_UNREADABLE = (
    zipfile.BadZipFile,
    EOFError,
    KeyError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


def write_archive(
    target: IO[bytes],
    files: Mapping[str, Path],
    sealed: tuple[Envelope, WrappedKey],
    *,
    version: str,
    created: int,
    entries: int,
) -> Manifest:
    """Write a backup of these files; raises `OSError`, and `ValidationError` for too much."""
    envelope, wrapped = sealed
    if len(files) > MAX_FILES:
        raise ValidationError(f"A backup holds at most {MAX_FILES} files, not {len(files)}.")
    stored: list[StoredFile] = []
    with zipfile.ZipFile(target, "w") as archive:
        for number, (name, path) in enumerate(files.items(), 1):
            with path.open("rb") as source:
                room = MAX_TOTAL - sum(file.size for file in stored)
                size, sha256 = _write(
                    archive, envelope.encrypted(source, number, name), number, room
                )
                mode = os.fstat(source.fileno()).st_mode & 0o777
            stored.append(StoredFile(name, size, mode, sha256))
        manifest = Manifest(version, created, entries, wrapped, tuple(stored))
        text = manifest.to_json()
        archive.writestr(_member_info(_MANIFEST), text)
        archive.writestr(_member_info(_SIGNATURE), envelope.signature(text))
    return manifest


class Archive:
    """A backup that is open for reading. Made by `open_archive`."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest, text: bytes) -> None:
        self.manifest = manifest
        self._archive = archive
        self._text = text

    def check(self) -> None:
        """Compare all checksums; needs no passphrase. Raises `BackupDamaged`."""
        for number, file in enumerate(self.manifest.files, 1):
            digest = hashlib.sha256()
            with _understood(file.name), self._archive.open(_member(number)) as member:
                while chunk := member.read(CHUNK):
                    digest.update(chunk)
            if digest.hexdigest() != file.sha256:
                raise BackupDamaged(f"The backup is damaged: {file.name} was changed.")

    def unseal(self, passphrase: str) -> Envelope:
        """Open the envelope; raises `WrongPassphrase`, or `BackupDamaged` for another manifest."""
        envelope = Envelope.unseal(self.manifest.key, passphrase)
        with _understood("manifest"), self._archive.open(_SIGNATURE) as member:
            signature = member.read(TAG + 1)
        envelope.check(self._text, signature)
        return envelope

    def extract(self, envelope: Envelope, folder: Path) -> None:
        """Write all files where they belong below a new folder; the hub's own for its owner only.

        Raises `BackupDamaged`, `OSError`.
        """
        for number, file in enumerate(self.manifest.files, 1):
            target = folder / place(file.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                with _understood(file.name), self._archive.open(_member(number)) as member:
                    chunks = envelope.decrypted(member, number, file.name)
                    size = sum(out.write(chunk) for chunk in chunks)
                if size != file.size:
                    raise BackupDamaged(f"The backup is damaged: {file.name} has the wrong size.")
                if file.name.startswith(f"{CONFIG}/"):
                    # As people had it, but never for everybody to write.
                    os.fchmod(out.fileno(), file.mode & 0o755 | 0o600)
                out.flush()
                os.fsync(out.fileno())


class _Bounded(io.BufferedReader):
    """A file of which no more than ``_MAX_READ`` bytes are read at once; raises `ValueError`."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_READ:
            raise ValueError("more than any backup needs")
        return super().read(size)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a backup and read its manifest; nothing else is read yet.

    Raises `NotFoundError`, `BackupDamaged`, `BackupTooNew`, `StorageError`.
    """
    try:
        # Opening a pipe would wait for somebody to write to it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise StorageError(f"{path} is no file.")
        file = _Bounded(path.open("rb", buffering=0))
    except FileNotFoundError:
        raise NotFoundError(f"There is no {path}.") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        try:
            archive = zipfile.ZipFile(file)
        except (*_UNREADABLE, OSError):
            raise BackupDamaged(
                "The backup is damaged: it is cut off, or the file is no backup."
            ) from None
        with archive:
            text = _manifest_text(archive)
            manifest = parse(text)
            _check_members(archive, manifest)
            yield Archive(archive, manifest, text)


def _manifest_text(archive: zipfile.ZipFile) -> bytes:
    with _understood("manifest"):
        if archive.getinfo(_MANIFEST).file_size > MAX_MANIFEST:
            raise BackupDamaged("The backup is damaged: its manifest is too large.")
        with archive.open(_MANIFEST) as member:
            return member.read(MAX_MANIFEST)


def _check_members(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Refuse members that are missing, unknown, double, compressed, or of the wrong size."""
    wanted = {
        _member(number): encrypted_size(file.size) for number, file in enumerate(manifest.files, 1)
    }
    found = archive.infolist()
    if sorted(info.filename for info in found) != sorted([*wanted, _MANIFEST, _SIGNATURE]):
        raise BackupDamaged("The backup is damaged: it does not hold what its manifest names.")
    for info in found:
        size = wanted.get(info.filename, info.file_size)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != size:
            raise BackupDamaged("The backup is damaged: a file in it has the wrong size.")


def _write(
    archive: zipfile.ZipFile, chunks: Iterable[bytes], number: int, room: int
) -> tuple[int, str]:
    """Write a file's encrypted chunks; return its plain size and their checksum."""
    digest, size = hashlib.sha256(), 0
    with archive.open(_member_info(_member(number)), "w") as out:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk) - TAG
            if size > room:
                raise ValidationError(f"A backup holds at most {MAX_TOTAL // 1024**2} MiB.")
            out.write(chunk)
    return size, digest.hexdigest()


def _member(number: int) -> str:
    return f"{number:06d}"


def _member_info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o600 << 16
    return info


@contextmanager
def _understood(name: str) -> Iterator[None]:
    """Turn what zipfile raises into a sentence."""
    damaged = BackupDamaged(f"The backup is damaged: its {name} cannot be read.")
    try:
        yield
    except _UNREADABLE:
        raise damaged from None
    except OSError as error:
        # It names a place before the beginning of the file; other errors are the disk's.
        if error.errno == errno.EINVAL:
            raise damaged from None
        raise
