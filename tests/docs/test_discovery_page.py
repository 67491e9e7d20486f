"""The documented plugin that says by what its devices are found: it loads, and passes its tests."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ucv import DatagramHandler, Fingerprint, RtspAnswer, ScanHandler
from ucv.plugins import discovery_handlers, sightings
from ucv.plugins.loader import PluginManager
from ucv.plugins.sources import in_folder
from ucv.testing import running_hub

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins" / "discovery.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the plugin and its test, as the page has them."""
    _short, plugin, test = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    (tmp_path / "lumen.py").write_text(plugin)
    (tmp_path / "test_lumen.py").write_text(test)
    return tmp_path


@pytest.fixture
def lumen(folder: Path) -> Iterator[PluginManager]:
    manager = PluginManager()
    manager.load_all(one for one in in_folder(folder) if one.name == "lumen")
    assert not manager.quarantined
    yield manager
    manager.close()


async def test_the_plugins_own_tests_pass(folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_lumen.py"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output.decode()
    assert b"7 passed" in output


def test_its_handlers_are_registered(lumen: PluginManager) -> None:
    asked, scanned = lumen.discovery
    assert isinstance(asked, DatagramHandler)
    assert isinstance(scanned, ScanHandler)
    assert (asked.source, asked.port, asked.probe()) == ("lumen", 45991, b"LUMEN?")
    answer = RtspAnswer(8554, 401, "/", realm="Lumen L2")
    assert scanned.parse(Fingerprint("192.0.2.10", rtsp=(answer,))) is not None


async def test_it_runs_in_a_hub_beside_the_built_in_ones(folder: Path) -> None:
    async with running_hub(folder / "lumen.py") as kit:
        domains = {handler.domain for handler in kit.hub.plugins.discovery}
        assert {"lumen", "hikvision", "dahua", "onvif", "rtsp", "mjpeg"} <= domains
        assert kit.hub.faults.of("lumen") == []


def test_the_page_names_each_handler_and_what_it_gets() -> None:
    text = PAGE.read_text()
    for module in (discovery_handlers, sightings):
        for name in _classes(module):
            if name not in ("RtspAnswer", "HttpAnswer", "OnvifAnswer"):
                assert f"`{name}`" in text, name


def _classes(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]
