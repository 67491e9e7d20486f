from __future__ import annotations

import asyncio
import hashlib
import io
import resource
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from ucv.backup import create_backup, envelope
from ucv.backup.envelope import Envelope
from ucv.config.paths import ConfigDirectory
from ucv.entries.entry import EntryConfig
from ucv.secrets import KeyRing, Redactor, SecretStore
from ucv.storage.database import Database
from ucv.storage.entries import EntryRepository
from ucv.storage.secrets import SecretRepository

PASSPHRASE = "correct horse battery"
#: A camera's password; it stands in secrets.yaml and, encrypted, in the database.
PASSWORD = "p@ss-in-yaml"

YAML = """\
cameras:
  - !include cameras/front.yaml
"""
FRONT = """\
id: front
name: Front door
integration: rtsp
url: rtsp://127.0.0.1:9/live
username: viewer
password: !secret front_password
"""

Fill = Callable[[Path], ConfigDirectory]
Forge = Callable[..., Path]


@pytest.fixture
def kit() -> SimpleNamespace:
    return SimpleNamespace(full_disk=full_disk, stored=stored, tree=tree, write=write)


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "SCRYPT_COST", 1024)
    for name in ("UCV_SECRET_KEY", "UCV_SECRET_PASSPHRASE", "UCV_BACKUP_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fill() -> Fill:
    """Make an installation with everything that belongs to one."""

    def filled(path: Path) -> ConfigDirectory:
        directory = ConfigDirectory(path)
        directory.prepare()
        write(path / "ucv.yaml", YAML)
        write(path / "cameras" / "front.yaml", FRONT)
        write(path / "secrets.yaml", f"front_password: {PASSWORD}\n")
        (path / "secrets.yaml").chmod(0o600)
        write(directory.custom_integrations / "acme.py", '"""Acme."""\n')
        write(directory.custom_integrations / "panorama" / "__init__.py", '"""Panorama."""\n')
        write(directory.custom_integrations / "__pycache__" / "acme.pyc", "cache")
        asyncio.run(_store(directory))
        return directory

    return filled


@pytest.fixture
def installation(tmp_path: Path, fill: Fill) -> ConfigDirectory:
    return fill(tmp_path / "installation")


@pytest.fixture
def backup(installation: ConfigDirectory, tmp_path: Path) -> Path:
    return create_backup(installation, PASSPHRASE, output=tmp_path / "backup.zip").path


@pytest.fixture
def small_backup(tmp_path: Path) -> Path:
    """A backup of so few bytes that each of them can be damaged in turn."""
    folder = tmp_path / "small"
    write(folder / "ucv.yaml", "log_level: info\n")
    write(folder / "secrets.yaml", "a: b\n")
    return create_backup(ConfigDirectory(folder), PASSPHRASE, output=tmp_path / "small.zip").path


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """Make a backup of which only the passphrase is right, as somebody who knows it can."""

    def forged(
        files: Mapping[str, bytes],
        *,
        manifest: Callable[[dict[str, Any]], object] = lambda value: None,
        members: Callable[[dict[str, bytes]], object] = lambda value: None,
        signed: bool = True,
        compression: int = zipfile.ZIP_STORED,
    ) -> Path:
        sealing, wrapped = Envelope.seal(PASSPHRASE)
        stored = []
        inside: dict[str, bytes] = {}
        for number, (name, content) in enumerate(files.items(), 1):
            hidden = b"".join(sealing.encrypted(io.BytesIO(content), number, name))
            inside[f"{number:06d}"] = hidden
            sha256 = hashlib.sha256(hidden).hexdigest()
            stored.append({"name": name, "size": len(content), "mode": 0o644, "sha256": sha256})
        value = {
            "format": 1,
            "version": "0.1.0",
            "created": 1_700_000_000,
            "entries": 0,
            "key": wrapped.to_json(),
            "files": stored,
        }
        signature = sealing.signature(orjson.dumps(value))
        manifest(value)
        text = orjson.dumps(value)
        inside["manifest.json"] = text
        inside["manifest.sig"] = sealing.signature(text) if signed else signature
        members(inside)
        path = tmp_path / "forged.zip"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in inside.items():
                archive.writestr(name, content)
        return path

    return forged


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let writing fail as on a full disk: no file gets larger than that many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return all files by path with their content, folders with None; locks are left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if path.suffix != ".lock"
    }


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def stored(directory: ConfigDirectory) -> tuple[list[str], str | None]:
    """Return the ids of the entries, and the password of the one that was made on the page."""
    database = await Database.open(directory)
    try:
        secrets = SecretStore(
            SecretRepository(database), KeyRing(directory.storage, {}), Redactor()
        )
        entries = await EntryRepository(database).list()
        return [entry.id for entry in entries], await secrets.get("gate", "password")
    finally:
        await database.close()


async def _store(directory: ConfigDirectory) -> None:
    database = await Database.open(directory)
    try:
        secrets = SecretStore(
            SecretRepository(database), KeyRing(directory.storage, {}), Redactor()
        )
        await secrets.set("gate", "password", PASSWORD)
        await EntryRepository(database).save(
            EntryConfig(
                id="gate",
                integration="rtsp",
                name="Garden gate",
                data={"url": "rtsp://127.0.0.1:9/gate"},
                secrets=frozenset({"password"}),
            )
        )
    finally:
        await database.close()
