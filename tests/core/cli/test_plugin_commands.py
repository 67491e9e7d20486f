"""``ucv plugin``, as an author types it: what it writes, and what it says of broken plugins."""

from __future__ import annotations

import keyword
import shutil
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from typer.testing import CliRunner

from tests.e2e.conftest import StartHub, start_hub, ucv
from ucv.cli import console
from ucv.cli.app import app
from ucv.testing import AcmeDevice

__all__ = ["start_hub"]

ACME = Path(__file__).parents[3] / "custom_integrations" / "acme.py"


class Said(NamedTuple):
    status: int
    text: str


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal in (console.out, console.err):
        monkeypatch.setattr(terminal, "width", 240)


def run(*arguments: object) -> Said:
    """Run ``ucv plugin …``; a traceback is a defect."""
    result = CliRunner().invoke(app, ["plugin", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "Traceback" not in result.output
    return Said(result.exit_code, result.output)


def check(path: Path, *, tests: bool = False) -> Said:
    return run("check", path, *([] if tests else ["--no-tests"]))


def plugin(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write the worked example with some changes."""
    source = ACME.read_text()
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    file = folder / "broken.py"
    file.write_text(source)
    return file


# --- new ------------------------------------------------------------------------------------------


def test_a_new_plugin_has_code_a_test_and_a_readme_that_name_it(tmp_path: Path) -> None:
    said = run("new", "north_star", "--in", tmp_path)
    assert said.status == 0
    folder = tmp_path / "north_star"
    names = {file.name for file in folder.iterdir()}
    assert names == {"__init__.py", "test_north_star.py", "README.md"}
    code = (folder / "__init__.py").read_text()
    assert "class NorthStar(Integration)" in code
    assert 'domain = "north_star"' in code
    assert "$" not in code + (folder / "test_north_star.py").read_text()
    assert f"ucv plugin check {folder}" in said.text
    assert f"ucv dev {folder}" in said.text


@pytest.mark.slow
def test_a_new_plugin_is_gold_as_it_was_written(tmp_path: Path) -> None:
    run("new", "snapshot", "--in", tmp_path)  # the name of something that it imports
    said = check(tmp_path / "snapshot", tests=True)
    assert said.status == 0, said.text
    assert "SnapshotCameras: gold" in said.text
    assert "2 passed" in said.text


@pytest.mark.parametrize(
    "name", ["North", "1st", "no-dash", "", "a" * 33, "class", "json", "pytest", "../up"]
)
def test_a_name_that_cannot_be_one_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    said = run("new", "--in", tmp_path, "--", name)
    assert said.status == 1
    assert "name" in said.text or "domain" in said.text
    assert list(tmp_path.iterdir()) == []
    assert not keyword.iskeyword(name) or "Python" in said.text


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "star").mkdir()
    (tmp_path / "star" / "__init__.py").write_text("precious = True\n")
    said = run("new", "star", "--in", tmp_path)
    assert said.status == 1
    assert "already" in said.text
    assert (tmp_path / "star" / "__init__.py").read_text() == "precious = True\n"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = run("new", "star", "--in", tmp_path / "file")
    assert said.status == 1
    assert str(tmp_path / "file") in said.text


# --- check: what is good --------------------------------------------------------------------------


@pytest.mark.slow
def test_the_worked_example_is_gold() -> None:
    said = check(ACME, tests=True)
    assert said.status == 0, said.text
    assert "Acme: gold" in said.text
    assert "1 passed" in said.text


def test_without_tests_it_says_that_nothing_was_tried(tmp_path: Path) -> None:
    said = check(plugin(tmp_path))
    assert said.status == 0
    assert "Acme: none" in said.text
    assert "no device to try it with" in said.text
    said = check(plugin(tmp_path), tests=True)
    assert said.status == 0
    assert "test_broken*.py" in said.text
    assert "nothing was tried with a device" in said.text


def test_a_plugin_without_an_integration_has_no_contract(tmp_path: Path) -> None:
    file = tmp_path / "sink.py"
    file.write_text(
        "from ucv import EventSink, hookimpl\n"
        "from ucv.events import EntryChanged\n\n\n"
        "@hookimpl\n"
        "def ucv_register_event_sinks(sinks):\n"
        "    sinks.add(EventSink(EntryChanged, lambda event: None))\n"
    )
    said = check(file)
    assert said.status == 0, said.text
    assert "no integration" in said.text


# --- check: what is broken ------------------------------------------------------------------------


def test_a_syntax_error_is_named_with_file_and_line(tmp_path: Path) -> None:
    file = plugin(tmp_path, ("async def streams(self, device):", "async def streams(self, device:"))
    said = check(file)
    assert said.status == 1
    line = file.read_text().splitlines().index("    async def streams(self, device:") + 1
    assert f"broken.py:{line}: SyntaxError" in said.text
    assert "is not used" not in said.text  # what the loader logs, too


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("import DeviceInfo,", "import DeviceInfos,", "cannot import name 'DeviceInfos'"),
        ("def ucv_register_integrations(", "def ucv_register_integration(", "did you mean"),
        ("@hookimpl\ndef ucv_register_d", "def ucv_register_d", "not marked with @hookimpl"),
        ("integrations.add(Acme)", "integrations.add(Acme())", "the class"),
        ("    async def streams", "    def streams", "Acme.streams must be an async function"),
        ("def streams(self, device)", "def streams(self)", "Acme.streams must take (self, device)"),
        ('"_acme-cam._tcp.local."', '"acme"', "_acme-cam._tcp.local."),
        ('domain = "acme"', 'domain = "Acme"', "lower-case"),
        ('version = "1.0.0"', 'version = "1"\n    api = ">=99"', "version >=99 of the plugin"),
        ('version = "1.0.0"', 'requirements = ["acme-sdk>=2"]', "pip install 'acme-sdk>=2'"),
        ('version = "1.0.0"', 'options = ("speed",)', "options names speed"),
    ],
)
def test_what_the_hub_would_not_load_is_said_in_its_words(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    said = check(plugin(tmp_path, (old, new)))
    assert said.status == 1
    assert expected in said.text
    assert "broken.py" in said.text


def test_a_domain_of_the_hubs_own_is_refused_as_the_hub_would(tmp_path: Path) -> None:
    said = check(plugin(tmp_path, ('"acme"', '"rtsp"')))
    assert said.status == 1
    assert "The domain 'rtsp' belongs to the plugin rtsp already" in said.text


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        ("import time; time.sleep(1)", "await device.clock.sleep"),
        ("from time import sleep as nap; nap(1)", "await device.clock.sleep"),
        ("import requests; requests.get('http://192.0.2.1/')", "device.http"),
        ("import urllib.request; urllib.request.urlopen('http://192.0.2.1/')", "device.http"),
        ("import subprocess; subprocess.run(['true'])", "asyncio.create_subprocess_exec"),
        ("import asyncio; asyncio.create_task(self.unload(device))", "device.tasks.create"),
        ("print(device)", "device.log"),
        ("try: pass\n        except BaseException: pass", "except Exception"),
    ],
)
def test_what_would_hold_up_or_harm_the_hub_is_found_in_the_source(
    tmp_path: Path, call: str, instead: str
) -> None:
    head = "    async def probe(self, device):\n"
    file = plugin(tmp_path, (head, f"{head}        {call}\n"))
    said = check(file)
    assert said.status == 1
    first = file.read_text().splitlines().index(head.rstrip()) + 2
    assert f"broken.py, line {first + call.count(chr(10))}: " in said.text
    assert instead in said.text


def test_a_broken_rule_of_the_contract_shows_in_the_table(tmp_path: Path) -> None:
    file = plugin(
        tmp_path, ("**fields.CREDENTIALS}", '**fields.CREDENTIALS, "token": fields.Text()}')
    )
    said = check(file)
    assert said.status == 1
    (line,) = [line for line in said.text.splitlines() if "keeps passwords" in line]
    assert "✗" in line
    assert "token should be of the kind fields.Secret()" in line
    assert "Acme: none" in said.text


@pytest.mark.slow
def test_failing_tests_and_the_rule_they_broke_are_shown(tmp_path: Path) -> None:
    plugin(tmp_path, ("/snap.jpg", "/no-such-picture.jpg"))
    (tmp_path / "test_broken.py").write_text(
        "from broken import Acme\n"
        "from ucv.testing import AcmeDevice, assert_integration_contract\n\n\n"
        "async def test_the_contract():\n"
        "    await assert_integration_contract(Acme, AcmeDevice())\n\n\n"
        "def test_something_else():\n"
        "    assert Acme.name == 'Another', 'the name is wrong'\n"
    )
    (tmp_path / "test_other.py").write_text("raise RuntimeError('of another plugin')\n")
    said = check(tmp_path / "broken.py", tests=True)
    assert said.status == 1
    assert "the name is wrong" in said.text
    assert "of another plugin" not in said.text
    (line,) = [line for line in said.text.splitlines() if "│ takes still pictures" in line]
    assert "✗" in line
    assert "Acme: silver" in said.text


@pytest.mark.parametrize("name", ["nothing.py", "README.md", "folder"])
def test_what_is_no_plugin_is_refused_with_what_to_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "README.md").write_text("# Nothing\n")
    (tmp_path / "folder").mkdir()
    said = check(tmp_path / name)
    assert said.status == 1
    assert name in said.text


def test_a_plugin_that_ends_the_process_ends_only_itself(tmp_path: Path) -> None:
    file = tmp_path / "leaver.py"
    file.write_text("import sys\nsys.exit(0)\n")
    said = check(file)
    assert said.status == 1
    assert "leaver.py:2" in said.text


# --- trace ----------------------------------------------------------------------------------------


def traced(folder: Path, device: AcmeDevice) -> Path:
    """Return a configuration directory with the worked example and one camera."""
    config = folder / "config"
    (config / "custom_integrations").mkdir(parents=True)
    shutil.copy(ACME, config / "custom_integrations")
    camera = {"id": "yard", "name": "Yard", "integration": "acme", **device.config}
    document = {"discovery": {"enabled": False}, "cameras": [camera]}
    (config / "ucv.yaml").write_bytes(orjson.dumps(document))
    return config


@pytest.mark.slow
async def test_every_call_into_a_plugin_is_shown_with_its_time(tmp_path: Path) -> None:
    async with AcmeDevice() as device:
        config = traced(tmp_path, device)
        _, text, _ = await ucv("plugin", "trace", "--config", str(config), "--seconds", "2")
    lines = [line.split() for line in text.splitlines() if " ms " in line]
    calls = [line[2:] for line in lines if len(line) >= 5]
    assert ["acme", "import", "ok"] in calls
    assert ["acme", "ucv_register_integrations", "ok"] in calls
    for method in ("setup", "probe", "streams", "unload"):
        assert ["acme", method, "yard", "ok"] in calls, text
    assert all(float(line[0]) >= 0 for line in lines if line[0][0].isdigit())
    assert device.password not in text
    assert "Calls into plugins" in text


@pytest.mark.slow
async def test_a_directory_that_a_hub_works_on_is_not_traced(
    tmp_path: Path, start_hub: StartHub
) -> None:
    hub = await start_hub(tmp_path / "config")
    status, _, error = await ucv(
        "plugin", "trace", "--config", str(hub.config), "--seconds", "1", check=False
    )
    assert status == 1
    assert "A hub is running" in error
    assert "Traceback" not in error
