"""A running hub reads its configuration again when it is told to, and when the file is saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import StartHub, ucv

pytestmark = pytest.mark.slow

ONE = '- {id: one, name: One, integration: rtsp, url: "rtsp://127.0.0.1:9/x"}\n'
TWO = ONE + '- {id: two, name: Two, integration: rtsp, url: "rtsp://127.0.0.1:9/y"}\n'


async def test_told_by_a_command_and_by_saving_it_reads_its_configuration_again(
    tmp_path: Path, start_hub: StartHub
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    yaml = config / "ucv.yaml"
    yaml.write_text("cameras: !include cameras.yaml\n")
    (config / "cameras.yaml").write_text(ONE)
    hub = await start_hub(config)
    assert set(await hub.cameras()) == {"one"}

    status, out, _ = await ucv("reload", "--config", str(config))
    assert (status, "reads its configuration" in out) == (0, True)
    await hub.wait_for_line("Reading the configuration again")
    await hub.wait_for_line("Applied the configuration: nothing differs")

    (config / "cameras.yaml").write_text(TWO)
    await hub.wait_for_line("Applied the configuration: 1 entries changed")
    assert set(await hub.cameras()) == {"one", "two"}

    (config / "cameras.yaml").write_text(TWO + "- [\n")
    await hub.wait_for_line("the last good one goes on")
    assert set(await hub.cameras()) == {"one", "two"}

    status, _, err = await ucv("import", str(yaml), "--config", str(config), check=False)
    assert status == 1
    assert "HUB_RUNNING" in err
