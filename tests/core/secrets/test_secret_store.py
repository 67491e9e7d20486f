from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken

from ucv.errors import SecretsError
from ucv.secrets import KeyRing, Redactor, SecretStore


class Rows:
    """Ciphertexts in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], bytes] = {}

    async def all(self) -> dict[tuple[str, str], bytes]:
        return dict(self.rows)

    async def get(self, owner: str, name: str) -> bytes | None:
        return self.rows.get((owner, name))

    async def set(self, ciphertexts: Mapping[tuple[str, str], bytes]) -> None:
        self.rows |= ciphertexts

    async def delete(self, owner: str, name: str | None = None) -> None:
        self.rows = {
            k: v for k, v in self.rows.items() if k[0] != owner or name not in (None, k[1])
        }

    async def replace_all(self, change: Callable[[bytes], bytes]) -> int:
        self.rows = {key: change(value) for key, value in self.rows.items()}
        return len(self.rows)


def store(rows: Rows, storage: Path, **environment: str) -> SecretStore:
    return SecretStore(rows, KeyRing(storage, environment), Redactor())


async def test_a_secret_is_stored_encrypted_and_comes_back(tmp_path: Path) -> None:
    rows = Rows()
    secrets = store(rows, tmp_path)
    await secrets.set("front", "password", "p@ss/w:rd ñ")
    assert await secrets.get("front", "password") == "p@ss/w:rd ñ"
    assert b"p@ss" not in rows.rows["front", "password"]
    assert await secrets.get("front", "other") is None
    await secrets.delete("front", "password")
    assert await secrets.get("front", "password") is None


async def test_the_key_is_for_its_owner_only_and_used_again(tmp_path: Path) -> None:
    rows = Rows()
    await store(rows, tmp_path).set("front", "password", "one")
    key = tmp_path / "secret.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert await store(rows, tmp_path).all_values() == {("front", "password"): "one"}
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_many_starters_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        rings = list(pool.map(lambda _: KeyRing(tmp_path, {}).current(), range(64)))
    token = rings[0].encrypt(b"x")
    assert {ring.decrypt(token) for ring in rings} == {b"x"}


async def test_rotation_reencrypts_and_a_running_store_goes_on(tmp_path: Path) -> None:
    rows = Rows()
    running = store(rows, tmp_path)
    await running.set("front", "password", "one")
    before, old_key = rows.rows["front", "password"], (tmp_path / "secret.key").read_text()
    assert await store(rows, tmp_path).rotate() == 1
    assert rows.rows["front", "password"] != before
    assert (tmp_path / "secret.key").read_text() != old_key
    with pytest.raises(InvalidToken):
        Fernet(old_key.split()[0]).decrypt(rows.rows["front", "password"])
    assert await running.get("front", "password") == "one"
    await running.set("back", "password", "two")
    assert sorted((await store(rows, tmp_path).all_values()).values()) == ["one", "two"]


async def test_what_was_encrypted_in_the_moment_of_a_rotation_is_not_lost(tmp_path: Path) -> None:
    rows = Rows()
    ring = KeyRing(tmp_path, {})
    late = ring.current().encrypt(b"late")
    await store(rows, tmp_path).rotate()
    rows.rows["front", "password"] = late
    assert await store(rows, tmp_path).get("front", "password") == "late"


async def test_a_missing_key_is_told_and_no_new_one_made(tmp_path: Path) -> None:
    rows = Rows()
    await store(rows, tmp_path).set("front", "password", "one")
    (tmp_path / "secret.key").unlink()
    with pytest.raises(SecretsError, match="missing"):
        await store(rows, tmp_path).all_values()
    assert not (tmp_path / "secret.key").exists()


async def test_a_wrong_key_is_told(tmp_path: Path) -> None:
    rows = Rows()
    await store(rows, tmp_path).set("front", "password", "one")
    (tmp_path / "secret.key").write_bytes(Fernet.generate_key())
    with pytest.raises(SecretsError, match="does not fit"):
        await store(rows, tmp_path).all_values()
    before = dict(rows.rows)
    with pytest.raises(SecretsError):
        await store(rows, tmp_path).rotate()
    assert rows.rows == before


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe", b"AAAA\n"])
def test_a_damaged_key_file_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(content)
    with pytest.raises(SecretsError, match="not usable"):
        KeyRing(tmp_path, {}).current()


async def test_a_key_from_the_environment_leaves_no_file(tmp_path: Path) -> None:
    rows = Rows()
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    await store(rows, tmp_path, UCV_SECRET_KEY=old).set("front", "password", "one")
    assert list(tmp_path.iterdir()) == []
    assert await store(rows, tmp_path, UCV_SECRET_KEY=f"{new},{old}").rotate() == 1
    assert await store(rows, tmp_path, UCV_SECRET_KEY=new).get("front", "password") == "one"


async def test_a_passphrase_makes_the_key(tmp_path: Path) -> None:
    rows = Rows()
    right = {"UCV_SECRET_PASSPHRASE": "correct horse battery staple"}
    await store(rows, tmp_path, **right).set("front", "password", "one")
    assert await store(rows, tmp_path, **right).get("front", "password") == "one"
    with pytest.raises(SecretsError):
        await store(rows, tmp_path, UCV_SECRET_PASSPHRASE="wrong").all_values()
    await store(rows, tmp_path, **right).rotate()
    assert await store(rows, tmp_path, **right).get("front", "password") == "one"


async def test_stored_secrets_are_known_to_the_redactor_from_the_start(tmp_path: Path) -> None:
    rows = Rows()
    await store(rows, tmp_path).set("front", "password", "hunter2secret")
    redactor = Redactor()
    await SecretStore(rows, KeyRing(tmp_path, {}), redactor).all_values()
    assert "hunter2secret" not in redactor.redact("rtsp://viewer:hunter2secret@127.0.0.1/")


async def test_the_event_loop_is_not_held_up_by_encryption(tmp_path: Path) -> None:
    secrets = store(Rows(), tmp_path, UCV_SECRET_PASSPHRASE=os.urandom(8).hex())
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await secrets.set("front", "password", "one")
    ticking.cancel()
    assert ticks > 10
