"""A backup beside a hub at work, restored on what might be another machine."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import orjson
import pytest

from tests.e2e.conftest import HubProcess, StartHub, ucv
from ucv.config.paths import ConfigDirectory
from ucv.secrets import KeyRing, Redactor, SecretStore
from ucv.storage.database import Database
from ucv.storage.secrets import SecretRepository
from ucv.testing import AcmeDevice

pytestmark = pytest.mark.slow

PLUGIN = Path(__file__).parents[2] / "custom_integrations" / "acme.py"
PASSWORD = "Tr0ub4dor&3 p@ss/w:rd"


async def test_a_hub_comes_back_from_a_backup_that_was_made_while_it_was_written_to(
    tmp_path: Path, start_hub: StartHub
) -> None:
    config, again = tmp_path / "config", tmp_path / "again"
    passphrase, file = tmp_path / "passphrase", tmp_path / "backup.zip"
    passphrase.write_text("correct horse battery\n")
    with_passphrase = ("--passphrase-file", str(passphrase))
    async with (
        AcmeDevice(password=PASSWORD) as front,
        AcmeDevice(password=PASSWORD, serial="ACME-0002") as back,
    ):
        _write_configuration(config, front)
        hub = await start_hub(config)
        await _add(hub, id="back", integration="acme", **back.config)
        for camera in ("front", "back"):
            await _until_it_shows(hub, camera)

        posted: list[str] = []
        writing = asyncio.create_task(_write(hub, posted))
        while len(posted) < 5:
            await asyncio.sleep(0.01)
            assert not writing.done()
        before = set(posted)
        await ucv(
            "backup", "create", "--config", str(config), "--output", str(file), *with_passphrase
        )
        after = set(posted)
        assert len(after) > len(before), "nothing was written meanwhile"
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

        status, _, err = await ucv(
            "backup",
            "restore",
            str(file),
            "--config",
            str(config),
            "--force",
            *with_passphrase,
            check=False,
        )
        assert (status, "HUB_RUNNING" in err) == (1, True)
        assert {"front", "back", *after} <= set(await hub.cameras())
        token = hub.token
        assert await hub.stop() == 0
        shutil.rmtree(config)

        await ucv("backup", "restore", str(file), "--config", str(again), *with_passphrase)
        restored = await start_hub(again)
        # The accounts came back as well.
        restored.token = token
        found = set(await restored.cameras())
        assert {"front", "back", *before} <= found
        for camera in ("front", "back"):
            await _until_it_shows(restored, camera)
        assert front.http.counters.refused == back.http.counters.refused == 0
        assert await restored.stop() == 0
    passwords = await _passwords(again)
    assert passwords["back"] == PASSWORD
    for camera in found - {"front", "back"}:
        assert passwords[camera] == f"{PASSWORD} of {camera}"


def _write_configuration(config: Path, camera: AcmeDevice) -> None:
    (config / "custom_integrations").mkdir(parents=True)
    shutil.copy(PLUGIN, config / "custom_integrations")
    mapping = {**camera.config, "password": None}
    lines = [f"    {key}: {orjson.dumps(value).decode()}\n" for key, value in mapping.items()]
    text = "".join(lines).replace("password: null", "password: !secret front_password")
    (config / "ucv.yaml").write_text(
        "discovery: {enabled: false}\n"
        "cameras:\n"
        "  - id: front\n"
        "    name: Front door\n"
        f"    integration: acme\n{text}"
    )
    (config / "secrets.yaml").write_text(f'front_password: "{PASSWORD}"\n')


async def _add(hub: HubProcess, **mapping: object) -> None:
    async with hub.http.post("/api/cameras", json={"name": mapping["id"], **mapping}) as answer:
        assert answer.status == 201, await answer.text()


async def _write(hub: HubProcess, posted: list[str]) -> None:
    """Add cameras, each with a password of its own, until cancelled."""
    while True:
        name = f"camera-{len(posted)}"
        await _add(
            hub,
            id=name,
            integration="rtsp",
            url="rtsp://127.0.0.1:9/live",
            username="viewer",
            password=f"{PASSWORD} of {name}",
            disabled=True,
        )
        posted.append(name)


async def _until_it_shows(hub: HubProcess, camera: str) -> None:
    """Wait for a still picture, which the device gives to those who know the password."""
    for _ in range(100):
        async with hub.http.get(f"/api/cameras/{camera}/snapshot.jpg") as answer:
            picture = await answer.read()
            if answer.status == 200:
                assert picture.startswith(b"\xff\xd8")
                return
        await asyncio.sleep(0.1)
    pytest.fail(f"{camera} shows nothing: {picture!r}\n{hub.log[-3000:]}")


async def _passwords(config: Path) -> dict[str, str]:
    directory = ConfigDirectory(config)
    database = await Database.open(directory)
    try:
        rows = SecretRepository(database)
        secrets = SecretStore(rows, KeyRing(directory.storage, {}), Redactor())
        ids = [f"camera-{number}" for number in range(10_000)]
        found: dict[str, str] = {}
        for entry in ("back", *ids):
            password = await secrets.get(entry, "password")
            if password is None and entry != "back":
                return found
            found[entry] = str(password)
        return found
    finally:
        await database.close()
