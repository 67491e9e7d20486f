from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ucv.backup import archive, create_backup, creation, list_backups, restore_backup
from ucv.config.paths import ConfigDirectory
from ucv.errors import (
    AlreadyConfiguredError,
    NotFoundError,
    NotSupported,
    StorageError,
    ValidationError,
)
from ucv.hub import Hub

PASSPHRASE = "correct horse battery"
PASSWORD = "p@ss-in-yaml"


def restored(backup: Path, folder: Path) -> ConfigDirectory:
    directory = ConfigDirectory(folder)
    restore_backup(backup, directory, lambda: PASSPHRASE)
    return directory


def test_an_installation_comes_back_as_it_was(
    installation: ConfigDirectory, backup: Path, tmp_path: Path, kit: Any
) -> None:
    again = restored(backup, tmp_path / "again")
    assert asyncio.run(kit.stored(again)) == (["gate"], PASSWORD)
    before, after = kit.tree(installation.path), kit.tree(again.path)
    caches = {name for name in before if "__pycache__" in name}
    database = ".storage/ucv.db"
    assert before.keys() - caches == after.keys()
    assert [name for name in after if after[name] != before[name] and name != database] == []


def test_no_secret_and_no_name_of_a_camera_is_readable_in_it(
    installation: ConfigDirectory, backup: Path
) -> None:
    content = backup.read_bytes()
    key = installation.secret_key.read_bytes().strip()
    for text in (key, PASSWORD.encode(), PASSPHRASE.encode(), b"Front door", b"Garden", b"SQLite"):
        assert text not in content


def test_only_its_owner_may_read_it(installation: ConfigDirectory, backup: Path) -> None:
    made = create_backup(installation, PASSPHRASE)
    assert made.path.parent == installation.storage / "backups"
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_modes_come_back_but_never_for_everybody_to_write(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    installation.yaml.chmod(0o666)
    made = create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    again = restored(made.path, tmp_path / "again")
    assert stat.S_IMODE(again.yaml.stat().st_mode) == 0o644
    assert stat.S_IMODE((again.path / "secrets.yaml").stat().st_mode) == 0o600
    assert stat.S_IMODE(again.secret_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(again.database.stat().st_mode) == 0o600


def test_the_database_is_that_of_one_moment_although_somebody_writes(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    insert = "INSERT INTO audit_log (at, actor, action, target, address, outcome) VALUES "
    with closing(sqlite3.connect(installation.database, isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute(f"{insert} (1, 'committed', '', '', '', '')")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(f"{insert} (2, 'half done', '', '', '', '')")
        made = create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
        writer.execute("ROLLBACK")
    again = restored(made.path, tmp_path / "again")
    with closing(sqlite3.connect(again.database)) as own:
        assert own.execute("SELECT actor FROM audit_log").fetchall() == [("committed",)]


async def test_it_is_made_beside_a_running_hub(tmp_path: Path, kit: Any) -> None:
    directory = ConfigDirectory(tmp_path / "running")
    kit.write(directory.yaml, "discovery:\n  enabled: false\n")
    hub = Hub(directory.path)
    await hub.start()
    try:
        await hub.entries.create(
            {"name": "Yard", "integration": "rtsp", "url": "rtsp://127.0.0.1:9/a", "disabled": True}
        )
        made = await asyncio.to_thread(create_backup, directory, PASSPHRASE)
    finally:
        await hub.stop()
    again = await asyncio.to_thread(restored, made.path, tmp_path / "again")
    assert (await kit.stored(again))[0] == ["yard"]


def test_a_faulty_configuration_is_backed_up_as_it_stands(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    installation.yaml.write_text("cameras: [\n")
    made = create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    assert restored(made.path, tmp_path / "again").yaml.read_text() == "cameras: [\n"


def test_what_cannot_be_in_it_is_told(
    installation: ConfigDirectory, tmp_path: Path, kit: Any
) -> None:
    kit.write(tmp_path / "elsewhere" / "front.yaml", "log_level: info\n")
    installation.yaml.write_text(
        "plugins: [../elsewhere]\nlog_level: info\nserver: !include ../elsewhere/front.yaml\n"
    )
    (installation.custom_integrations / "linked").symlink_to(tmp_path / "elsewhere")
    made = create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    told = "\n".join(made.left_out)
    assert len(made.left_out) == 3, told
    assert "elsewhere/front.yaml is outside" in told
    assert "The plugins in" in told
    assert "linked is a link to another folder" in told


def test_a_key_that_is_not_in_it_is_told(installation: ConfigDirectory, tmp_path: Path) -> None:
    installation.secret_key.rename(tmp_path / "moved")
    made = create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    assert not made.has_key
    done = restore_backup(made.path, ConfigDirectory(tmp_path / "again"), lambda: PASSPHRASE)
    assert (done.has_key, done.needs_key) == (False, True)


def test_an_external_database_is_not_passed_over(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    installation.yaml.write_text("database: postgresql://ucv@127.0.0.1/ucv\n")
    with pytest.raises(NotSupported, match="database of its own"):
        create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    assert not (tmp_path / "one.zip").exists()


def test_a_damaged_database_is_not_backed_up_as_if_it_were_whole(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    content = bytearray(installation.database.read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    installation.database.write_bytes(content)
    with pytest.raises(StorageError, match="database is damaged"):
        create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    assert not (tmp_path / "one.zip").exists()


def test_without_anything_there_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nothing to back up"):
        create_backup(ConfigDirectory(tmp_path), PASSPHRASE)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_never_overwritten(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    (tmp_path / "one.zip").write_text("precious")
    with pytest.raises(AlreadyConfiguredError):
        create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    assert (tmp_path / "one.zip").read_text() == "precious"


def test_into_a_folder_it_gets_a_name_of_its_own(
    installation: ConfigDirectory, tmp_path: Path
) -> None:
    (tmp_path / "stick").mkdir()
    made = create_backup(installation, PASSPHRASE, output=tmp_path / "stick")
    assert made.path.parent == tmp_path / "stick"
    assert made.path.name.startswith("ucv-")


@pytest.mark.parametrize("passphrase", ["", "7 chars", "x" * 1025])
def test_a_passphrase_that_is_too_short_or_too_long_is_refused(
    installation: ConfigDirectory, tmp_path: Path, passphrase: str
) -> None:
    with pytest.raises(ValidationError, match="8 to 1024 characters"):
        create_backup(installation, passphrase, output=tmp_path / "one.zip")
    assert not (tmp_path / "one.zip").exists()


@pytest.mark.parametrize(("bound", "value"), [("MAX_FILES", 6), ("MAX_TOTAL", 122_900)])
def test_what_no_restore_would_accept_is_not_written(
    installation: ConfigDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    bound: str, value: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(archive, bound, value)
    with pytest.raises(ValidationError, match="holds at most"):
        create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["installation"]
    # The database is a few kilobytes, which grow with its tables.
    monkeypatch.setattr(archive, bound, value + 20_000)
    create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")


@pytest.mark.parametrize("size", [0, 100, 8192, 90_000, 98_304])
def test_on_a_full_disk_nothing_half_is_left(
    installation: ConfigDirectory, tmp_path: Path, kit: Any, size: int
) -> None:
    before = kit.tree(tmp_path)
    with kit.full_disk(size), pytest.raises(StorageError, match="cannot be written"):
        create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    # SQLite tidies up beside its database when it is opened the next time.
    assert {n: c for n, c in kit.tree(tmp_path).items() if ".db-" not in n} == before


def test_the_newest_is_listed_first_and_a_damaged_one_says_so(
    installation: ConfigDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = installation.storage / "backups"
    folder.mkdir()
    for created, name in enumerate(("first", "second", "third"), 1_700_000_000):
        clock = SimpleNamespace(time=partial(float, created))
        monkeypatch.setattr(creation, "time", clock)
        monkeypatch.setattr(creation, "stamp", str)
        create_backup(installation, PASSPHRASE, output=folder / f"{name}.zip")
    content = bytearray((folder / "second.zip").read_bytes())
    content[2000] ^= 1
    (folder / "second.zip").write_bytes(content)
    (folder / "note.zip").write_text("no backup at all")
    (folder / "ucv-20260101-000000-before-0001.db").write_text("not one of these")
    found = {backup.path.stem: backup for backup in list_backups(installation)}
    # One without a readable manifest stands where the file's own time puts it.
    assert list(found) == ["note", "third", "second", "first"]
    assert found["first"].problem == found["third"].problem == ""
    assert "storage/ucv.db" in found["second"].problem
    assert found["second"].manifest is not None
    assert "is no backup" in found["note"].problem
    assert found["note"].manifest is None
    first = found["first"].manifest
    assert first is not None
    assert first.entries == 1
