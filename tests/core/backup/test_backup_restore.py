from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from ucv.backup import create_backup, exchange, restore_backup
from ucv.backup.exchange import recover
from ucv.config.paths import ConfigDirectory
from ucv.entries.entry import EntryState
from ucv.errors import AlreadyConfiguredError, HubRunning, StorageError
from ucv.hub import Hub
from ucv.hub_lock import HubLock

PASSPHRASE = "correct horse battery"
PASSWORD = "p@ss-in-yaml"

Fill = Callable[[Path], ConfigDirectory]


class Killed(BaseException):
    """The process ends here, and does nothing any more."""


@pytest.fixture
def in_use(tmp_path: Path, fill: Fill, kit: Any) -> ConfigDirectory:
    """An installation that is another one than that of the backup."""
    directory = fill(tmp_path / "in-use")
    kit.write(directory.yaml, "x-note: this is the other one\n")
    kit.write(directory.path / "more.yaml", "x-more: here\n")
    kit.write(directory.path / "README.md", "mine\n")
    kit.write(directory.path / ".git" / "config", "mine\n")
    kit.write(directory.custom_integrations / "other.py", '"""Other."""\n')
    kit.write(directory.storage / "backups" / "old.zip", "old\n")
    with closing(sqlite3.connect(directory.database)) as own:
        own.execute("UPDATE entries SET name = 'The other gate'")
        own.commit()
    return directory


def name_of_the_gate(database: Path) -> str:
    with closing(sqlite3.connect(database)) as own:
        return str(own.execute("SELECT name FROM entries WHERE id = 'gate'").fetchone()[0])


def test_a_directory_in_use_is_left_alone_without_force(
    backup: Path, in_use: ConfigDirectory, kit: Any
) -> None:
    before = kit.tree(in_use.path)
    with pytest.raises(AlreadyConfiguredError, match="--force"):
        restore_backup(backup, in_use, lambda: PASSPHRASE)
    assert kit.tree(in_use.path) == before


def test_with_force_it_is_replaced_and_what_was_there_is_kept(
    backup: Path, installation: ConfigDirectory, in_use: ConfigDirectory, kit: Any
) -> None:
    before = kit.tree(in_use.path)
    done = restore_backup(backup, in_use, lambda: PASSPHRASE, force=True)
    assert done.kept is not None
    assert stat.S_IMODE(done.kept.stat().st_mode) == 0o700
    kept = kit.tree(done.kept)
    assert kept["ucv.yaml"] == before["ucv.yaml"]
    assert kept[".storage/secret.key"] == before[".storage/secret.key"]
    assert kept["custom_integrations/other.py"] == before["custom_integrations/other.py"]
    assert name_of_the_gate(done.kept / ".storage" / "ucv.db") == "The other gate"

    after = kit.tree(in_use.path)
    assert after["ucv.yaml"] == installation.yaml.read_bytes()
    assert name_of_the_gate(in_use.database) == "Garden gate"
    assert "more.yaml" not in after
    assert "custom_integrations/other.py" not in after
    untouched = ["README.md", ".git/config", ".storage/backups/old.zip"]
    assert [after[name] for name in untouched] == [before[name] for name in untouched]
    assert asyncio.run(kit.stored(in_use)) == (["gate"], PASSWORD)
    assert [name for name in after if name.startswith(".storage/restore")] == []


def test_what_was_kept_holds_what_was_only_in_the_write_ahead_log(
    backup: Path, in_use: ConfigDirectory
) -> None:
    content = _with_open_log(in_use.database)
    done = restore_backup(backup, in_use, lambda: PASSPHRASE, force=True)
    assert done.kept is not None
    assert content
    assert name_of_the_gate(done.kept / ".storage" / "ucv.db") == "Only in the log"
    assert name_of_the_gate(in_use.database) == "Garden gate"


def test_two_restores_in_one_second_keep_both(backup: Path, in_use: ConfigDirectory) -> None:
    kept = {restore_backup(backup, in_use, lambda: PASSPHRASE, force=True).kept for _ in range(3)}
    assert len(kept) == 3


def test_beside_a_running_hub_nothing_is_restored(
    backup: Path, in_use: ConfigDirectory, kit: Any
) -> None:
    before = kit.tree(in_use.path)
    with HubLock(in_use.storage), pytest.raises(HubRunning):
        restore_backup(backup, in_use, lambda: PASSPHRASE, force=True)
    assert kit.tree(in_use.path) == before


def test_while_it_restores_no_hub_starts(backup: Path, in_use: ConfigDirectory) -> None:
    def passphrase() -> str:
        with pytest.raises(HubRunning):
            HubLock(in_use.storage).acquire()
        return PASSPHRASE

    restore_backup(backup, in_use, passphrase, force=True)
    with HubLock(in_use.storage):
        pass


@pytest.mark.parametrize("size", [0, 20, 200, 50_000, 98_303])
def test_on_a_full_disk_everything_stays_as_it_was(
    backup: Path, in_use: ConfigDirectory, kit: Any, size: int
) -> None:
    before = kit.tree(in_use.path)
    with kit.full_disk(size), pytest.raises(StorageError):
        restore_backup(backup, in_use, lambda: PASSPHRASE, force=True)
    assert kit.tree(in_use.path) == before


@pytest.mark.parametrize("how", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_wherever_it_fails_everything_is_put_back(
    backup: Path,
    in_use: ConfigDirectory,
    kit: Any,
    how: BaseException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = kit.tree(in_use.path)
    steps = 0
    while _fails_at(steps, how, monkeypatch, backup, in_use):
        assert kit.tree(in_use.path) == before, f"after step {steps}"
        steps += 1
    assert steps > 10
    assert name_of_the_gate(in_use.database) == "Garden gate"


def test_wherever_the_process_is_killed_everything_is_put_back(
    backup: Path, in_use: ConfigDirectory, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kit.tree(in_use.path)
    steps = 0
    while True:
        with monkeypatch.context() as patch:
            patch.setattr(exchange, "_roll_back", _killed)
            killed = _fails_at(steps, Killed(), patch, backup, in_use)
        if not killed:
            break
        if (in_use.storage / "restore.json").exists():
            # The hub's own start, once more killed on its way.
            with monkeypatch.context() as patch, suppress(Killed):
                _raise_at(steps // 2, Killed(), patch)
                recover(in_use)
        recover(in_use)
        assert kit.tree(in_use.path) == before, f"after step {steps}"
        steps += 1
    assert steps > 10
    assert name_of_the_gate(in_use.database) == "Garden gate"


def test_a_journal_that_cannot_be_read_says_what_to_do(in_use: ConfigDirectory) -> None:
    journal = in_use.storage / "restore.json"
    for text in ("", "{", "[]", '{"staging": "restore-1", "kept": "../..", "old": [], "new": []}'):
        journal.write_text(text)
        with pytest.raises(StorageError, match="move it back"):
            recover(in_use)
        assert journal.exists()
    assert in_use.yaml.exists()


async def test_a_hub_starts_with_what_was_restored(backup: Path, tmp_path: Path) -> None:
    directory = ConfigDirectory(tmp_path / "again")
    await asyncio.to_thread(restore_backup, backup, directory, lambda: PASSPHRASE)
    hub = Hub(directory.path, safe_mode=True)
    await hub.start()
    try:
        assert {view.config.id for view in hub.entries.list()} == {"front", "gate"}
        assert await hub.secrets.get("gate", "password") == PASSWORD
        assert hub.entries.status("gate").state is not EntryState.MIGRATION_ERROR
    finally:
        await hub.stop()


async def test_a_hub_does_not_start_with_half_of_a_restore_but_then_it_does(
    backup: Path, in_use: ConfigDirectory, monkeypatch: pytest.MonkeyPatch, kit: Any
) -> None:
    before = kit.tree(in_use.path)
    with monkeypatch.context() as patch:
        patch.setattr(exchange, "_roll_back", _killed)
        failed = await asyncio.to_thread(_fails_at, 6, Killed(), patch, backup, in_use)
    assert failed
    assert not in_use.yaml.exists()
    with pytest.raises(StorageError, match="only half of everything"):
        await asyncio.to_thread(create_backup, in_use, PASSPHRASE)
    with pytest.raises(StorageError, match="start the hub once more"):
        await Hub(in_use.path, safe_mode=True).start()
    assert kit.tree(in_use.path) == before
    hub = Hub(in_use.path, safe_mode=True)
    await hub.start()
    await hub.stop()


def test_a_backup_without_a_database_takes_the_old_one_away(
    small_backup: Path, in_use: ConfigDirectory
) -> None:
    restore_backup(small_backup, in_use, lambda: PASSPHRASE, force=True)
    assert not in_use.database.exists()
    assert not in_use.custom_integrations.exists()
    assert in_use.yaml.read_text() == "log_level: info\n"


def test_a_key_in_the_environment_does_not_matter_to_a_backup_with_its_own(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UCV_SECRET_KEY", "no key at all")
    done = restore_backup(backup, ConfigDirectory(tmp_path / "again"), lambda: PASSPHRASE)
    assert (done.has_key, done.needs_key) == (True, False)


def test_a_backup_of_what_was_restored_restores_the_same(
    backup: Path, tmp_path: Path, kit: Any
) -> None:
    first, second = (ConfigDirectory(tmp_path / name) for name in ("first", "second"))
    restore_backup(backup, first, lambda: PASSPHRASE)
    made = create_backup(first, PASSPHRASE, output=tmp_path / "two.zip")
    restore_backup(made.path, second, lambda: PASSPHRASE)
    trees = [kit.tree(directory.path) for directory in (first, second)]
    # Which has counters of changes in it.
    databases = [tree.pop(".storage/ucv.db") for tree in trees]
    assert trees[0] == trees[1]
    assert len(databases[0]) == len(databases[1])


def _fails_at(
    step: int,
    how: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    backup: Path,
    directory: ConfigDirectory,
) -> bool:
    """Restore, fail at one of the moves, and say whether it came as far as that."""
    with monkeypatch.context() as patch:
        # At that one only: putting back must work.
        _raise_at(step, how, patch)
        try:
            restore_backup(backup, directory, lambda: PASSPHRASE, force=True)
        except (StorageError, KeyboardInterrupt, Killed):
            return True
    return False


def _raise_at(step: int, how: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    real, moves = exchange._move, iter(range(10_000))

    def move(source: Path, target: Path) -> None:
        if next(moves) == step:
            raise how
        real(source, target)

    monkeypatch.setattr(exchange, "_move", move)


def _killed(*_: object) -> None:
    raise Killed


def _with_open_log(database: Path) -> bytes:
    """Leave a change in the write-ahead log, as a hub that was killed does."""
    pid = os.fork()
    if pid == 0:
        own = sqlite3.connect(database)
        own.execute("PRAGMA wal_autocheckpoint = 0")
        own.execute("UPDATE entries SET name = 'Only in the log'")
        own.commit()
        os._exit(0)
    os.waitpid(pid, 0)
    return database.with_name("ucv.db-wal").read_bytes()
