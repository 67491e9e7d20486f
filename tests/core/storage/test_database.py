from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from ucv.cameras.camera import Camera, StreamProfile
from ucv.config.paths import ConfigDirectory
from ucv.entries.entry import EntryConfig, EntryOrigin
from ucv.errors import AlreadyConfiguredError, StorageError
from ucv.storage.accounts import (
    AuditEntry,
    AuditLog,
    Session,
    SessionRepository,
    Token,
    TokenRepository,
    User,
    UserRepository,
)
from ucv.storage.cameras import CameraRepository
from ucv.storage.database import Database
from ucv.storage.entries import EntryRepository
from ucv.storage.secrets import SecretRepository
from ucv.storage.tables import metadata

FRONT = EntryConfig(
    id="front",
    integration="rtsp",
    name="Front door 🚪",
    origin=EntryOrigin.YAML,
    data={"url": "rtsp://127.0.0.1/live", "port": 554},
    facts={"path": "/live"},
    secrets=frozenset({"password"}),
    preload=True,
)
CAMERA = Camera(
    id="front",
    entry_id="front",
    name="Front door 🚪",
    integration="rtsp",
    unique_id="serial-1",
    manufacturer="Acme",
    profiles=(
        StreamProfile("main", "main", "rtsp://127.0.0.1/live", {"transport": "tcp"}, "h264", 1920),
        StreamProfile("a-sub", "sub", "rtsp://127.0.0.1/sub", frame_rate=12.5),
    ),
    capabilities=("snapshot",),
)


@pytest.fixture
def directory(tmp_path: Path) -> ConfigDirectory:
    directory = ConfigDirectory(tmp_path / "config")
    directory.prepare()
    return directory


@pytest.fixture
async def database(directory: ConfigDirectory) -> AsyncIterator[Database]:
    database = await Database.open(directory)
    yield database
    await database.close()


async def test_the_migrations_make_exactly_the_tables_of_this_version(
    database: Database, directory: ConfigDirectory
) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    engine = sa.create_engine(f"sqlite:///{directory.database}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_entries_come_back_as_they_were(database: Database) -> None:
    entries = EntryRepository(database)
    await entries.save(FRONT)
    assert await entries.get("front") == FRONT
    changed = replace(FRONT, name="Porch", secrets=frozenset(), disabled=True)
    await entries.save(changed)
    assert await entries.list() == [changed]
    await entries.delete("front")
    await entries.delete("front")
    assert await entries.get("front") is None


async def test_cameras_come_back_with_their_profiles_in_order(database: Database) -> None:
    await EntryRepository(database).save(FRONT)
    cameras = CameraRepository(database)
    await cameras.save(CAMERA)
    assert await cameras.list() == [CAMERA]
    fewer = replace(CAMERA, profiles=CAMERA.profiles[:1])
    await cameras.save(fewer)
    assert await cameras.list() == [fewer]


async def test_cameras_go_with_their_entry(database: Database) -> None:
    entries, cameras = EntryRepository(database), CameraRepository(database)
    await entries.save(FRONT)
    await cameras.save(CAMERA)
    await entries.delete("front")
    assert await cameras.list() == []


async def test_a_camera_without_its_entry_is_refused_and_the_error_shows_no_values(
    database: Database,
) -> None:
    with pytest.raises(StorageError) as raised:
        await CameraRepository(database).save(CAMERA)
    assert "rtsp://" not in str(raised.value)


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    entries = EntryRepository(database)
    with pytest.raises(RuntimeError):
        async with database.transaction() as connection:
            await entries.save(FRONT, connection=connection)
            raise RuntimeError("midway")
    assert await entries.list() == []


async def test_two_openers_at_once_migrate_once(directory: ConfigDirectory) -> None:
    databases = await asyncio.gather(*(Database.open(directory) for _ in range(4)))
    await EntryRepository(databases[0]).save(FRONT)
    assert await EntryRepository(databases[3]).list() == [FRONT]
    for database in databases:
        await database.close()


async def test_writers_in_two_connections_wait_for_each_other(directory: ConfigDirectory) -> None:
    first, second = await Database.open(directory), await Database.open(directory)

    async def write(database: Database, name: str) -> None:
        for number in range(20):
            await EntryRepository(database).save(replace(FRONT, id=f"{name}-{number}"))

    await asyncio.gather(write(first, "a"), write(second, "b"))
    assert len(await EntryRepository(first).list()) == 40
    await first.close()
    await second.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(
    directory: ConfigDirectory,
) -> None:
    await (await Database.open(directory)).close()
    with sqlite3.connect(directory.database) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(StorageError, match="newer version"):
        await Database.open(directory)
    with sqlite3.connect(directory.database) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    raw.close()
    # The copy that is made before a migration is a whole database.
    (copy,) = (directory.storage / "backups").glob("*.db")
    with sqlite3.connect(copy) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()
    assert copy.stat().st_mode & 0o077 == 0


async def test_a_file_that_is_no_database_is_a_clear_error(directory: ConfigDirectory) -> None:
    directory.database.write_bytes(
        b"this is not a database, and long enough to be read as one" * 20
    )
    with pytest.raises(StorageError, match="cannot be opened"):
        await Database.open(directory)


async def test_secrets_are_kept_by_owner_and_name(database: Database) -> None:
    rows = SecretRepository(database)
    await rows.set({("front", "password"): b"1"})
    await rows.set({("front", "password"): b"2"})
    await rows.set({("back", "password"): b"3"})
    assert await rows.get("front", "password") == b"2"
    assert await rows.replace_all(lambda old: old * 2) == 2
    assert await rows.all() == {("front", "password"): b"22", ("back", "password"): b"33"}
    await rows.delete("front")
    assert await rows.get("front", "password") is None


async def test_a_rewrite_of_secrets_that_fails_midway_changes_nothing(database: Database) -> None:
    rows = SecretRepository(database)
    for name in "abc":
        await rows.set({("front", name): name.encode()})
    seen: list[bytes] = []

    def fail_at_the_third(old: bytes) -> bytes:
        seen.append(old)
        if len(seen) == 3:
            raise ValueError("midway")
        return b"new"

    with pytest.raises(ValueError, match="midway"):
        await rows.replace_all(fail_at_the_third)
    assert set((await rows.all()).values()) == {b"a", b"b", b"c"}


async def test_names_of_accounts_are_unique_and_the_first_is_made_once(database: Database) -> None:
    users = UserRepository(database)
    anna = User("1", "anna", "hash", "admin", 1.0)
    assert await users.add(anna, only_if_first=True)
    assert not await users.add(replace(anna, id="2", name="eve"), only_if_first=True)
    with pytest.raises(AlreadyConfiguredError):
        await users.add(replace(anna, id="2"))
    assert await users.by_name("anna") == anna
    assert await users.count() == 1
    assert "hash" not in repr(anna)


async def test_tokens_can_be_revoked(database: Database) -> None:
    tokens = TokenRepository(database)
    await tokens.add(Token("1", "dashboard", "h" * 64, "viewer", 1.0))
    await tokens.touch("1", 2.0)
    await tokens.revoke("1", 3.0)
    found = await tokens.by_hash("h" * 64)
    assert found is not None
    assert (found.last_used_at, found.revoked_at) == (2.0, 3.0)


async def test_sessions_end(database: Database) -> None:
    await UserRepository(database).add(User("1", "anna", "hash", "admin", 1.0))
    sessions = SessionRepository(database)
    await sessions.add(Session("a" * 64, "1", 1.0, 10.0))
    await sessions.add(Session("b" * 64, "1", 1.0, 20.0))
    await sessions.extend("a" * 64, 30.0)
    await sessions.delete_expired(25.0)
    assert await sessions.get("b" * 64) is None
    assert await sessions.get("a" * 64) is not None
    await sessions.delete_of_user("1")
    assert await sessions.get("a" * 64) is None


async def test_the_audit_log_keeps_the_newest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AuditLog, "KEPT", 3)
    log = AuditLog(database)
    for number in range(5):
        await log.add(AuditEntry(float(number), "user:anna", "login"))
    assert [entry.at for entry in await log.list()] == [4.0, 3.0, 2.0]
