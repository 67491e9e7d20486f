"""``ucv simulate`` runs devices for people, and prints the lines with which the hub finds them."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ucv.cli.app import app
from ucv.cli.simulate import Wish, entry_of, make
from ucv.config.drafts import draft_from_mapping
from ucv.entries.entry import EntryState
from ucv.errors import ValidationError
from ucv.plugins.loader import PluginManager
from ucv.testing import running_hub

BRANDS = ("dahua", "hikvision", "mjpeg", "rtsp", "onvif")
RUNNER = CliRunner()


@pytest.mark.parametrize("brand", BRANDS)
async def test_what_is_printed_makes_a_camera_of_the_device(brand: str) -> None:
    wish = Wish(brand)
    device = make(wish, 0)
    async with device, running_hub() as kit:
        entry = await kit.hub.entries.create(entry_of(wish, 0, device))
        await kit.reaches(entry.id, EntryState.LOADED)
        (camera,) = kit.hub.cameras.of_entry(entry.id)
        assert camera.profiles


@pytest.mark.parametrize("brand", ["dahua", "hikvision", "onvif"])
async def test_a_recorder_has_as_many_cameras_as_channels(brand: str) -> None:
    wish = Wish(brand, channels=3)
    device = make(wish, 0)
    async with device, running_hub() as kit:
        entry = await kit.hub.entries.create(entry_of(wish, 0, device))
        await kit.reaches(entry.id, EntryState.LOADED)
        assert len(kit.hub.cameras.of_entry(entry.id)) == 3


def test_unknown_brands_and_quirks_are_named() -> None:
    with pytest.raises(ValidationError, match="There is no device nikon"):
        make(Wish("nikon"), 0)
    with pytest.raises(ValidationError, match="dahua has no quirk flying"):
        make(Wish("dahua", quirks=("flying",)), 0)
    with pytest.raises(ValidationError, match="mjpeg cannot be a recorder"):
        make(Wish("mjpeg", channels=2), 0)
    with pytest.raises(ValidationError, match="no protocol by which it can be discovered"):
        make(Wish("mjpeg", announced=True), 0)
    with pytest.raises(ValidationError, match="IPv4"):
        make(Wish("onvif", host="::1", announced=True), 0)
    result = RUNNER.invoke(app, ["simulate", "nikon"])
    assert result.exit_code == 1


@pytest.mark.parametrize("brand", ["dahua", "hikvision", "onvif", "mjpeg"])
def test_quirks_are_listed_with_what_they_do(brand: str) -> None:
    result = RUNNER.invoke(app, ["simulate", brand, "--list-quirks"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 10


@pytest.mark.slow
async def test_the_command_runs_until_it_is_told_to_end() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from ucv.cli import main; main()"),
        *("simulate", "dahua", "--count", "2"),
        *("--quirk", "one-time-nonce"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(60):
        while sum("password" in line for line in lines) < 2:
            line = (await process.stdout.readline()).decode()
            assert line, (await process.communicate())[1].decode()
            lines.append(line)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    cameras: list[dict[str, Any]] = yaml.safe_load("".join(lines))["cameras"]
    plugins = PluginManager.load(safe_mode=True)
    try:
        drafts = [draft_from_mapping(camera, plugins.integrations) for camera in cameras]
    finally:
        plugins.close()
    assert [draft.name for draft in drafts] == ["Dahua 1", "Dahua 2"]
    assert len({json.dumps(dict(draft.data)) for draft in drafts}) == 2
