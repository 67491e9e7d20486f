"""Plugins that end the process: counted over restarts, and then no longer loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.plugins import sources
from ucv.plugins.loader import PluginManager
from ucv.plugins.quarantine import Stage
from ucv.plugins.start_marker import FILE, Held, StartMarker
from ucv.testing.clock import FakeClock

GOOD = """\
from ucv import *

class Acme(Integration):
    domain = "acme"
    name = "Acme"
    async def probe(self, device): return DeviceInfo()
    async def streams(self, device): return []

@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Acme)
"""
HELD = Held("It failed.", 1000.0, Stage.RUNNING, "/plugins/acme.py", 3)
#: Loads the plugins of a folder as a hub does, in a process that they may end.
START = """\
import sys
from pathlib import Path
from ucv.plugins.loader import PluginManager
from ucv.plugins.start_marker import StartMarker

folder, storage = map(Path, sys.argv[1:])
manager = PluginManager.load([folder], marker=StartMarker(storage))
names = [p.name for p in manager.loaded if p.source == "folder"]
print(*names, *(f"{q.name}={q.reason}" for q in manager.quarantined), sep="\\n")
"""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    storage = tmp_path / "storage"
    storage.mkdir()
    return storage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "acme.py").write_text(GOOD)
    return folder


@pytest.fixture
def managers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[PluginManager]]:
    monkeypatch.setattr(sources, "entry_points", lambda group: [])
    managers: list[PluginManager] = []
    yield managers
    for manager in managers:
        manager.close()


def start(folder: Path, storage: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", START, str(folder), str(storage)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_a_plugin_that_ends_the_process_is_not_imported_a_fourth_time(
    folder: Path, storage: Path
) -> None:
    (folder / "boom.py").write_text("import os\nos._exit(7)\n")
    assert [start(folder, storage)[0] for _ in range(3)] == [7, 7, 7]
    for _ in range(2):
        code, lines = start(folder, storage)
        assert code == 0
        assert lines == [
            "acme",
            "boom=The hub ended 3 times in a row while it loaded this plugin.",
        ]
    (folder / "boom.py").write_text("")
    StartMarker(storage).release(str(folder / "boom.py"))
    assert "boom=It implements no hook" in start(folder, storage)[1][1]


def test_a_plugin_that_hangs_until_somebody_ends_the_process_is_counted(
    folder: Path, storage: Path
) -> None:
    (folder / "boom.py").write_text(
        f"import pathlib, time\npathlib.Path({str(storage / 'hangs')!r}).touch()\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(folder), str(storage)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    while not (storage / "hangs").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) != 0
    assert orjson.loads((storage / FILE).read_bytes())["loading"] == str(folder / "boom.py")
    StartMarker(storage)
    assert orjson.loads((storage / FILE).read_bytes())["deaths"] == {str(folder / "boom.py"): 1}


def test_only_deaths_in_a_row_count(tmp_path: Path, storage: Path) -> None:
    file = tmp_path / "boom.py"
    file.touch()
    for _ in range(3):
        for _ in range(2):
            _die(storage, file)
        marker = StartMarker(storage)
        assert marker.held(str(file)) is None
        with marker.loading(str(file)):
            pass


def test_the_third_death_holds_the_plugin_and_says_when(tmp_path: Path, storage: Path) -> None:
    file = tmp_path / "boom.py"
    file.touch()
    for _ in range(3):
        _die(storage, file)
    clock = FakeClock()
    held = StartMarker(storage, clock=clock).held(str(file))
    assert held is not None
    assert (held.stage, held.at, held.file) == (Stage.IMPORT, clock.time(), str(file))
    assert StartMarker(storage).quarantined == {str(file): held}


def test_an_exception_is_no_death(tmp_path: Path, storage: Path) -> None:
    file = tmp_path / "boom.py"
    file.touch()
    for _ in range(5):
        marker = StartMarker(storage)
        with pytest.raises(ZeroDivisionError), marker.loading(str(file)):
            raise ZeroDivisionError
    assert StartMarker(storage).quarantined == {}


def test_a_plugin_that_failed_again_and_again_is_held_over_restarts(
    folder: Path, storage: Path, managers: list[PluginManager]
) -> None:
    managers.append(PluginManager.load([folder], marker=StartMarker(storage)))
    (acme,) = managers[-1].loaded
    managers[-1].quarantine(acme, ValueError("no such light"))
    managers.append(PluginManager.load([folder], marker=StartMarker(storage)))
    assert managers[-1].loaded == []
    assert managers[-1].quarantined == managers[0].quarantined
    (fault,) = managers[-1].quarantined
    assert (fault.stage, fault.reason) == (Stage.RUNNING, "ValueError: no such light")


def test_loading_a_held_plugin_by_hand_releases_it_once_it_proves_good(
    folder: Path, storage: Path, managers: list[PluginManager]
) -> None:
    StartMarker(storage).hold(str(folder / "acme.py"), HELD)
    managers.append(PluginManager.load([folder], marker=StartMarker(storage)))
    candidate = managers[-1].held("acme")
    assert candidate is not None
    (folder / "acme.py").write_text("1/0")
    assert not managers[-1].load_one(candidate)
    assert StartMarker(storage).quarantined
    (folder / "acme.py").write_text(GOOD)
    assert managers[-1].load_one(candidate)
    assert managers[-1].quarantined == []
    assert StartMarker(storage).quarantined == {}


def test_built_ins_are_never_held(storage: Path) -> None:
    manager = PluginManager.load(marker=StartMarker(storage))
    manager.close()
    assert not (storage / FILE).exists()


def test_release_says_whether_it_was_held(tmp_path: Path, storage: Path) -> None:
    file = tmp_path / "acme.py"
    file.touch()
    marker = StartMarker(storage)
    marker.hold(str(file), HELD)
    assert marker.release(str(file))
    assert not marker.release(str(file))


def test_a_deleted_plugin_is_forgotten(tmp_path: Path, storage: Path) -> None:
    file = tmp_path / "acme.py"
    file.touch()
    StartMarker(storage).hold(str(file), HELD)
    file.unlink()
    assert StartMarker(storage).quarantined == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"loading": 3, "deaths": {}, "held": {}}',
        b'{"loading": null, "deaths": {"/a": "b"}, "held": {}}',
        b'{"loading": null, "deaths": {}, "held": {"/a": {"reason": "x"}}}',
        b'{"loading": null, "deaths": {}, "held": {"a": {"reason": "x", "at": 1,'
        b' "stage": "none", "file": "", "line": 1}}}',
        b" " * 1_000_001,
    ],
)
def test_a_damaged_file_is_put_aside(storage: Path, content: bytes) -> None:
    (storage / FILE).write_bytes(content)
    assert StartMarker(storage).quarantined == {}
    assert not (storage / FILE).exists()
    assert (storage / "plugins.damaged").read_bytes() == content


_anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["reason", "at", "stage", "file", "line", "a"]), inner)
    ),
    max_leaves=10,
)


@given(
    st.binary()
    | st.builds(
        lambda loading, deaths, held: orjson.dumps(
            {"loading": loading, "deaths": deaths, "held": held}
        ),
        _anything,
        _anything,
        _anything,
    )
)
def test_no_file_keeps_the_hub_from_starting(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    storage = tmp_path_factory.mktemp("storage")
    (storage / FILE).write_bytes(content)
    StartMarker(storage)
    StartMarker(storage)


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    marker = StartMarker(tmp_path / "nowhere")
    with marker.loading("acme"):
        pass
    marker.hold("acme", HELD)
    assert marker.held("acme") is not None


def test_a_path_that_is_not_unicode_does_no_harm(storage: Path) -> None:
    marker = StartMarker(storage)
    with marker.loading(os.fsdecode(b"/plugins/\xff.py")):
        pass


def _die(storage: Path, file: Path) -> None:
    """Do what a hub does that ends while it loads a plugin."""
    StartMarker(storage).loading(str(file)).__enter__()
