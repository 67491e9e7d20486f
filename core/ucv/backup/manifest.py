"""What a backup holds, as it says itself: readable without the passphrase, and no secret in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ucv.backup.envelope import WrappedKey
from ucv.backup.errors import BackupDamaged, BackupTooNew

#: The version of the format; a reader refuses a newer one.
FORMAT = 1
#: Bounds on what is written and read: bytes of the manifest, files, bytes of all of them.
MAX_MANIFEST = 4 * 1024 * 1024
MAX_FILES = 10_000
MAX_TOTAL = 1024**3

#: Where files belong: what people own, and what is the hub's.
CONFIG = "config"
STORAGE = "storage"
DATABASE = f"{STORAGE}/ucv.db"
KEY = f"{STORAGE}/secret.key"
SALT = f"{STORAGE}/secret.salt"

_MAX_NAME = 1000
_MAX_NUMBER = 2**53
_MAX_PART = 255
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LATEST = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a backup.

    ``name`` is ``config/…`` or ``storage/…``, ``size`` that of the plain file in bytes, ``mode``
    its permissions, ``sha256`` of its encrypted bytes.
    """

    name: str
    size: int
    mode: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """``created`` is seconds since the epoch, ``entries`` how many cameras are configured."""

    version: str
    created: int
    entries: int
    key: WrappedKey
    files: tuple[StoredFile, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of the files."""
        return frozenset(file.name for file in self.files)

    def to_json(self) -> bytes:
        """Return the manifest as it stands in a backup."""
        return orjson.dumps(
            {
                "format": FORMAT,
                "version": self.version,
                "created": self.created,
                "entries": self.entries,
                "key": self.key.to_json(),
                "files": [
                    {"name": f.name, "size": f.size, "mode": f.mode, "sha256": f.sha256}
                    for f in self.files
                ],
            },
            option=orjson.OPT_INDENT_2,
        )


def parse(text: bytes) -> Manifest:
    """Read a manifest; raises `BackupTooNew`, and `BackupDamaged` with what is wrong."""
    try:
        value = orjson.loads(text)
        if not isinstance(value, dict):
            raise ValueError("it holds no object")
        number, version = _number(value, "format", 10**6), value.get("version")
        if number > FORMAT:
            raise BackupTooNew(
                f"The backup was made by UCV {_shown(version)}, which is newer than this; "
                "update UCV first."
            )
        if number != FORMAT or not isinstance(version, str):
            raise ValueError("its version is unknown")
        return Manifest(
            version=_shown(version),
            created=_number(value, "created", _LATEST),
            entries=_number(value, "entries", 10**6),
            key=WrappedKey.from_json(value.get("key")),
            files=_files(value.get("files")),
        )
    # orjson's own error is a ValueError.
    except ValueError as error:
        what = "it is not readable" if isinstance(error, orjson.JSONDecodeError) else error
        raise BackupDamaged(f"The backup is damaged, in its manifest: {what}.") from None


def check_name(name: object) -> str:
    """Return the name of a file, if it stays where it belongs; raises `ValueError`."""
    if not isinstance(name, str) or not name or len(name) > _MAX_NAME or _UNSAFE.search(name):
        raise ValueError("a file has an impossible name")
    parts = name.split("/")
    if any(part in ("", ".", "..") or len(part.encode()) > _MAX_PART for part in parts):
        raise ValueError(f"the name {_shown(name)} leads elsewhere")
    if parts[0] == STORAGE and name in (DATABASE, KEY, SALT):
        return name
    # A hidden folder of the configuration is the hub's own, or none of ours.
    if parts[0] == CONFIG and len(parts) > 1 and not parts[1].startswith("."):
        return name
    raise ValueError(f"the file {_shown(name)} does not belong into a backup")


def _files(value: object) -> tuple[StoredFile, ...]:
    if not isinstance(value, list) or len(value) > MAX_FILES:
        raise ValueError("its list of files is not readable")
    files = tuple(map(_file, value))
    if sum(file.size for file in files) > MAX_TOTAL:
        raise ValueError("it is larger than any backup")
    _refuse_clashes([file.name for file in files])
    return files


def _file(value: Any) -> StoredFile:
    if not isinstance(value, dict):
        raise ValueError("its list of files is not readable")
    name, sha256 = check_name(value.get("name")), value.get("sha256")
    size, mode = _number(value, "size", _MAX_NUMBER), _number(value, "mode", 0o777)
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ValueError(f"the checksum of {_shown(name)} is not readable")
    return StoredFile(name, size, mode, sha256)


def _refuse_clashes(names: Iterable[str]) -> None:
    """Refuse a name given twice, and a file where another one needs a folder."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"the file {_shown(name)} is in it twice")
        seen.add(name)
    for name in seen:
        parts = name.split("/")
        if any("/".join(parts[:length]) in seen for length in range(1, len(parts))):
            raise ValueError(f"the file {_shown(name)} is below another file")


def _number(values: Mapping[str, Any], key: str, most: int) -> int:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"its {key} is out of range")
    return value


def _shown(text: object) -> str:
    """Return text from outside as it may stand in a sentence."""
    return "".join(c if c.isprintable() else "?" for c in str(text)[:80])
