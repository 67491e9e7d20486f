"""What lies in the way of a restore: links, files, places that cannot be written; and bombs."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ucv.backup import BackupDamaged, create_backup, database_copy, exchange, restore_backup
from ucv.config.paths import ConfigDirectory
from ucv.errors import NotFoundError, StorageError

PASSPHRASE = "correct horse battery"
IN_FOLDER = {"config/ucv.yaml": b"log_level: info\n", "config/cameras/front.yaml": b"id: front\n"}

#: The account without rights that every machine has.
NOBODY = 65534

Forge = Callable[..., Path]


@pytest.fixture
def elsewhere(tmp_path: Path, kit: Any) -> Path:
    """A folder of somebody, outside of every configuration directory."""
    folder = tmp_path / "elsewhere"
    kit.write(folder / "front.yaml", "precious\n")
    kit.write(folder / "ucv.yaml", "x-precious: yes\n")
    return folder


@pytest.fixture
def target(tmp_path: Path) -> ConfigDirectory:
    directory = ConfigDirectory(tmp_path / "target")
    directory.prepare()
    return directory


# --- in the directory that is restored to -----------------------------------------------------


def test_nothing_is_written_through_a_link_to_a_file(
    forge: Forge, target: ConfigDirectory, elsewhere: Path, kit: Any
) -> None:
    before = kit.tree(elsewhere)
    target.yaml.symlink_to(elsewhere / "ucv.yaml")
    done = restore_backup(forge(IN_FOLDER), target, lambda: PASSPHRASE, force=True)
    assert kit.tree(elsewhere) == before
    assert not target.yaml.is_symlink()
    assert target.yaml.read_bytes() == IN_FOLDER["config/ucv.yaml"]
    assert done.kept is not None
    assert (done.kept / "ucv.yaml").readlink() == elsewhere / "ucv.yaml"


def test_nothing_is_written_through_a_link_to_a_folder(
    forge: Forge, target: ConfigDirectory, elsewhere: Path, kit: Any
) -> None:
    before = kit.tree(elsewhere)
    (target.path / "cameras").symlink_to(elsewhere)
    done = restore_backup(forge(IN_FOLDER), target, lambda: PASSPHRASE, force=True)
    assert kit.tree(elsewhere) == before
    assert not (target.path / "cameras").is_symlink()
    assert (target.path / "cameras" / "front.yaml").read_bytes() == b"id: front\n"
    assert done.kept is not None
    assert (done.kept / "cameras").readlink() == elsewhere


def test_a_link_to_where_the_hub_keeps_its_own_stays(
    backup: Path, tmp_path: Path, kit: Any
) -> None:
    (tmp_path / "own").mkdir()
    directory = ConfigDirectory(tmp_path / "again")
    directory.path.mkdir()
    directory.storage.symlink_to(tmp_path / "own")
    for _ in range(2):
        restore_backup(backup, directory, lambda: PASSPHRASE, force=True)
        assert directory.storage.is_symlink()
        assert asyncio.run(kit.stored(directory)) == (["gate"], "p@ss-in-yaml")


def test_a_file_where_a_folder_belongs_is_moved_away(
    forge: Forge, target: ConfigDirectory, kit: Any
) -> None:
    kit.write(target.path / "cameras", "a file of mine\n")
    done = restore_backup(forge(IN_FOLDER), target, lambda: PASSPHRASE, force=True)
    assert (target.path / "cameras" / "front.yaml").read_bytes() == b"id: front\n"
    assert done.kept is not None
    assert (done.kept / "cameras").read_text() == "a file of mine\n"


def test_a_folder_where_a_file_belongs_is_moved_away_with_all_that_is_in_it(
    forge: Forge, target: ConfigDirectory, kit: Any
) -> None:
    kit.write(target.yaml, "cameras: !include more.yaml/front.yaml\nx-a: !include more.yaml/a\n")
    kit.write(target.path / "more.yaml" / "front.yaml", "[]\n")
    kit.write(target.path / "more.yaml" / "a", "1\n")
    path = forge({"config/more.yaml": b"x-b: 1\n"})
    done = restore_backup(path, target, lambda: PASSPHRASE, force=True)
    assert (target.path / "more.yaml").read_bytes() == b"x-b: 1\n"
    assert done.kept is not None
    kept = sorted(name.name for name in (done.kept / "more.yaml").iterdir())
    assert kept == ["a", "front.yaml"]


@pytest.mark.parametrize("obstacle", ["none", "link", "file"])
def test_wherever_it_fails_what_was_in_the_way_is_as_it_was(
    forge: Forge,
    target: ConfigDirectory,
    elsewhere: Path,
    kit: Any,
    monkeypatch: pytest.MonkeyPatch,
    *,
    obstacle: str,
) -> None:
    if obstacle == "link":
        (target.path / "cameras").symlink_to(elsewhere)
    elif obstacle == "file":
        kit.write(target.path / "cameras", "mine\n")
    path = forge({**IN_FOLDER, "config/deep/er/a.yaml": b"1\n"})
    before = _seen(target.path), kit.tree(elsewhere)
    real, failed = exchange._move, True
    for step in range(20):
        moves = iter(range(100))

        def move(source: Path, to: Path, moves: Any = moves, step: int = step) -> None:
            if next(moves) == step:
                raise OSError(5, "Input/output error")
            real(source, to)

        with monkeypatch.context() as patch:
            patch.setattr(exchange, "_move", move)
            try:
                restore_backup(path, target, lambda: PASSPHRASE, force=True)
                failed = False
            except StorageError:
                assert (_seen(target.path), kit.tree(elsewhere)) == before, f"after step {step}"
        if not failed:
            break
    assert not failed
    assert (target.path / "deep" / "er" / "a.yaml").exists()
    assert kit.tree(elsewhere) == before[1]


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_target_that_cannot_be_a_directory_is_told_and_left_alone(
    backup: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("mine\n")
    with pytest.raises(StorageError, match="cannot be restored"):
        restore_backup(backup, ConfigDirectory(tmp_path / place), lambda: PASSPHRASE, force=True)
    assert (tmp_path / "file").read_text() == "mine\n"


def test_a_target_that_is_read_only_is_told_and_left_alone(forge: Forge, kit: Any) -> None:
    made = forge(IN_FOLDER)
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        backup = Path(shutil.copy(made, folder))
        target = ConfigDirectory(folder / "target")
        target.prepare()
        kit.write(target.yaml, "x-mine: 1\n")
        before = kit.tree(folder)
        if os.geteuid() == 0:  # nothing is read-only for root
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, -1)
            os.seteuid(NOBODY)
            stack.callback(os.seteuid, 0)
        for path in (target.path, target.storage):
            path.chmod(0o500)
            with pytest.raises(StorageError, match="Permission denied"):
                restore_backup(backup, target, lambda: PASSPHRASE, force=True)
            path.chmod(0o700)
            assert kit.tree(folder) == before


def test_a_backup_to_a_place_that_cannot_be_written_is_told(
    installation: ConfigDirectory, tmp_path: Path, kit: Any
) -> None:
    (tmp_path / "file").write_text("mine\n")
    before = kit.tree(installation.storage)
    with pytest.raises(StorageError, match="cannot be written"):
        create_backup(installation, PASSPHRASE, output=tmp_path / "file" / "one.zip")
    assert (tmp_path / "file").read_text() == "mine\n"
    assert {name: content for name, content in before.items() if ".db-" not in name} == {
        name: content
        for name, content in kit.tree(installation.storage).items()
        if ".db-" not in name
    }


# --- in the archive ---------------------------------------------------------------------------


def test_a_member_that_calls_itself_a_link_becomes_a_plain_file(
    forge: Forge, tmp_path: Path
) -> None:
    path = forge({"config/ucv.yaml": b"/etc/passwd"})
    with zipfile.ZipFile(path) as archive:
        inside = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in inside.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, content)
    directory = ConfigDirectory(tmp_path / "again")
    restore_backup(path, directory, lambda: PASSPHRASE)
    assert not directory.yaml.is_symlink()
    assert directory.yaml.read_bytes() == b"/etc/passwd"


@pytest.mark.parametrize("name", ["000001", "manifest.json", "manifest.sig"])
def test_a_member_that_is_there_twice_is_refused(forge: Forge, tmp_path: Path, name: str) -> None:
    path = forge(IN_FOLDER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, of the double name
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, archive.read(name))
    with pytest.raises(BackupDamaged, match="does not hold what its manifest names"):
        restore_backup(path, ConfigDirectory(tmp_path / "again"), lambda: PASSPHRASE)
    assert not (tmp_path / "again").exists()


def test_a_flood_of_members_does_not_fill_the_memory(forge: Forge, tmp_path: Path) -> None:
    path = forge(IN_FOLDER)
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(100_000):
            archive.filelist.append(_empty(f"{number:07d}"))
        archive._didModify = True  # type: ignore[attr-defined]  # only its directory is large
    assert path.stat().st_size > 5_000_000
    tracemalloc.start()
    try:
        with pytest.raises(BackupDamaged):
            restore_backup(path, ConfigDirectory(tmp_path / "again"), lambda: PASSPHRASE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_one_that_claims_to_be_huge_is_refused_by_its_manifest_alone(
    forge: Forge, tmp_path: Path
) -> None:
    def huge(value: dict[str, Any]) -> None:
        for file in value["files"]:
            file["size"] = 3 * 1024**3

    with pytest.raises(BackupDamaged, match="larger than any backup"):
        restore_backup(
            forge(IN_FOLDER, manifest=huge), ConfigDirectory(tmp_path / "again"), lambda: PASSPHRASE
        )
    assert not (tmp_path / "again").exists()


def test_a_pipe_instead_of_a_file_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises((BackupDamaged, StorageError, NotFoundError)):
        restore_backup(tmp_path / "pipe", ConfigDirectory(tmp_path / "a"), lambda: PASSPHRASE)


# --- in what is backed up ---------------------------------------------------------------------


def test_a_database_that_somebody_keeps_locked_is_told_rather_than_waited_for(
    installation: ConfigDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_copy, "_PATIENCE", 0.2)
    with closing(sqlite3.connect(installation.database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="locked"):
            create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")
    assert not (tmp_path / "one.zip").exists()
    create_backup(installation, PASSPHRASE, output=tmp_path / "one.zip")


def _empty(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.header_offset, info.CRC = 0, 0
    return info


def _seen(folder: Path) -> dict[str, str | bytes | None]:
    """Return what is there without following links."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in sorted(folder.rglob("*"))
        if path.suffix != ".lock"
    }
