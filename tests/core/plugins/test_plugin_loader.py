"""The loader: three places to find plugins in, and a quarantine for those that fail."""

from __future__ import annotations

import logging
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ucv.clock import SystemClock
from ucv.plugins import loader, sources
from ucv.plugins.loader import PluginManager
from ucv.plugins.quarantine import Quarantined, Source, Stage

HEAD = """\
from ucv import *

class Acme(Integration):
    domain = "acme"
    name = "Acme"
    async def probe(self, device): return DeviceInfo()
    async def streams(self, device): return []

"""
ACME = f"""{HEAD}
@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Acme)
"""


@dataclass
class Folder:
    """A folder of plugins, and the managers that read it."""

    path: Path
    managers: list[PluginManager] = field(default_factory=list)

    def write(self, name: str, code: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(code))
        return file

    def load(self, *, safe_mode: bool = False) -> PluginManager:
        manager = PluginManager.load([self.path], safe_mode=safe_mode)
        self.managers.append(manager)
        return manager


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    # What happens to be installed beside the hub is no part of these tests.
    monkeypatch.setattr(sources, "entry_points", lambda group: [])
    here = Folder(tmp_path / "plugins")
    here.path.mkdir()
    yield here
    for manager in here.managers:
        manager.close()


def test_a_file_and_a_package_are_plugins(folder: Folder) -> None:
    folder.write("acme.py", ACME)
    folder.write(
        "beta/__init__.py",
        """
        from ucv import hookimpl
        from .api import Beta

        @hookimpl
        def ucv_register_integrations(integrations):
            integrations.add(Beta)
        """,
    )
    folder.write("beta/api.py", HEAD.replace("acme", "beta").replace("Acme", "Beta"))
    manager = folder.load()
    assert manager.quarantined == []
    assert manager.complete
    assert [(p.name, p.source, p.domains) for p in manager.loaded] == [
        ("acme", Source.FOLDER, ("acme",)),
        ("beta", Source.FOLDER, ("beta",)),
    ]
    assert set(manager.integrations) == {"acme", "beta"}


def test_what_is_no_plugin_is_left_alone(folder: Folder) -> None:
    for name in ("_shared.py", ".hidden.py", "test_acme.py", "conftest.py", "README.md"):
        folder.write(name, "raise RuntimeError")
    folder.write("tests/__init__.py", "raise RuntimeError")
    folder.write("no_package/readme.txt", "")
    manager = folder.load()
    assert (manager.loaded, manager.quarantined) == ([], [])


def test_a_folder_that_is_not_there_has_no_plugins(tmp_path: Path) -> None:
    assert list(sources.in_folder(tmp_path / "none")) == []
    (tmp_path / "file").write_text("")
    assert list(sources.in_folder(tmp_path / "file")) == []


def test_a_folder_named_twice_is_read_once(folder: Folder) -> None:
    folder.write("acme.py", ACME)
    again = folder.path / ".." / folder.path.name
    manager = PluginManager.load([folder.path, again])
    folder.managers.append(manager)
    assert [plugin.name for plugin in manager.loaded] == ["acme"]


def test_safe_mode_loads_built_ins_only(folder: Folder) -> None:
    folder.write("acme.py", "raise SystemExit")
    manager = folder.load(safe_mode=True)
    assert (manager.loaded, manager.quarantined) == ([], [])
    assert not manager.complete


def test_two_hubs_in_one_process_do_not_share_a_plugin(folder: Folder) -> None:
    folder.write("acme.py", ACME)
    one, two = folder.load(), folder.load()
    assert one.integrations["acme"] is not two.integrations["acme"]
    assert type(one.integrations["acme"]) is not type(two.integrations["acme"])


def test_a_closed_manager_leaves_no_module_behind(folder: Folder) -> None:
    folder.write("beta/__init__.py", f"from . import api\n{ACME}")
    folder.write("beta/api.py", "")
    folder.write("broken/__init__.py", "from . import api\nraise RuntimeError")
    folder.write("broken/api.py", "")
    before = set(sys.modules)
    manager = folder.load()
    assert len(manager.loaded) == len(manager.quarantined) == 1
    assert len(set(sys.modules) - before) == 2
    manager.close()
    assert set(sys.modules) == before


def test_a_plugin_cannot_shadow_another_module(folder: Folder) -> None:
    folder.write("json.py", ACME)
    folder.load()
    import json

    assert json.loads("1") == 1


# --- quarantine -------------------------------------------------------------------------------

HOOK = "@hookimpl\ndef ucv_register_integrations(integrations):\n"

BROKEN = {
    "syntax_error": ("def f(:\n", Stage.IMPORT, "SyntaxError: invalid syntax", 1),
    "import_raises": ("\n\n1 / 0\n", Stage.IMPORT, "ZeroDivisionError: division by zero", 3),
    "missing_module": ("import not_there\n", Stage.IMPORT, "No module named 'not_there'", 1),
    "exits": ("import sys\nsys.exit(3)\n", Stage.IMPORT, "SystemExit: 3", 2),
    "unprintable": (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E\n",
        Stage.IMPORT,
        "E",
        3,
    ),
    "not-a-name": (ACME, Stage.IMPORT, "The name of a plugin must be", 0),
    "no_hook": ("x = 1\n", Stage.HOOKS, "It implements no hook", 0),
    "unmarked": (
        ACME.replace("@hookimpl\n", ""),
        Stage.HOOKS,
        "ucv_register_integrations is not marked with @hookimpl",
        10,
    ),
    "misspelt": (
        ACME.replace("ucv_register_integrations", "ucv_register_integration"),
        Stage.HOOKS,
        "There is no hook ucv_register_integration; did you mean ucv_register_integrations?",
        10,
    ),
    "wrong_signature": (
        ACME.replace("(integrations)", "(integrations, hub)"),
        Stage.HOOKS,
        "The signature must be ucv_register_integrations(integrations)",
        10,
    ),
    "wrapper": (
        f"{HEAD}@hookimpl(wrapper=True)\ndef ucv_register_integrations():\n    return (yield)\n",
        Stage.HOOKS,
        "Wrappers around hooks are not possible",
        9,
    ),
    "hook_raises": (
        f"{HEAD}{HOOK}    integrations.add(Acme)\n    raise KeyError('x')\n",
        Stage.REGISTRATION,
        "KeyError: 'x'",
        12,
    ),
    "async_hook": (
        ACME.replace("def ucv_", "async def ucv_"),
        Stage.REGISTRATION,
        "ucv_register_integrations must not be async",
        10,
    ),
    "not_a_class": (
        f"{HEAD}{HOOK}    integrations.add(Acme())\n",
        Stage.REGISTRATION,
        "integrations.add takes a subclass of ucv.Integration",
        11,
    ),
    "twice": (
        f"{HEAD}{HOOK}    integrations.add(Acme)\n    integrations.add(Acme)\n",
        Stage.REGISTRATION,
        "The domain 'acme' belongs to this plugin already",
        12,
    ),
    "init_raises": (
        f"{HEAD}class Bad(Acme):\n    def __init__(self): 1 / 0\n{HOOK}    integrations.add(Bad)\n",
        Stage.REGISTRATION,
        "ZeroDivisionError",
        10,
    ),
    "api_range": (
        f"{HEAD}Acme.api = '>=2'\n{HOOK}    integrations.add(Acme)\n",
        Stage.REGISTRATION,
        "Acme needs version >=2 of the plugin interface; this is 1.2.",
        12,
    ),
    "foreign_discovery": (
        f"{HEAD}@hookimpl\ndef ucv_register_discovery(handlers):\n"
        "    handlers.add(MdnsHandler('rtsp', '_rtsp._tcp.local.'))\n",
        Stage.REGISTRATION,
        "'rtsp' is no integration of this plugin.",
        11,
    ),
    "provider_clash": (
        f"{HEAD}@hookimpl\ndef ucv_register_stream_providers(providers):\n"
        "    providers.add(StreamProvider('rtsp', frozenset({'rtsp'}), print))\n",
        Stage.REGISTRATION,
        "There is a stream provider 'rtsp' already.",
        11,
    ),
}


def test_one_broken_plugin_after_the_other_is_named_with_file_and_line(folder: Folder) -> None:
    files = {name: folder.write(f"{name}.py", code) for name, (code, *_) in BROKEN.items()}
    folder.write("zz_good.py", ACME)
    before = set(sys.modules)
    manager = folder.load()
    found = {plugin.name: plugin for plugin in manager.quarantined}
    assert set(found) == set(BROKEN)
    for name, (_, stage, reason, line) in BROKEN.items():
        plugin = found[name]
        assert reason in plugin.reason
        assert (plugin.stage, plugin.file, plugin.line) == (stage, str(files[name]), line)
    # The good one, whose domain several of the broken ones tried to register, is in use.
    assert [plugin.name for plugin in manager.loaded] == ["zz_good"]
    assert set(manager.integrations) == {"acme"}
    assert not manager.complete
    assert len(set(sys.modules) - before) == 1


def test_the_later_plugin_of_a_domain_is_quarantined_and_names_the_earlier(folder: Folder) -> None:
    folder.write("acme.py", ACME)
    folder.write("other.py", ACME)
    manager = folder.load()
    (clash,) = manager.quarantined
    assert clash.name == "other"
    assert clash.reason == "The domain 'acme' belongs to the plugin acme already."


def test_nothing_that_a_failing_plugin_registered_is_used(folder: Folder) -> None:
    folder.write(
        "acme.py",
        f"""{HEAD}
@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Acme)

@hookimpl
def ucv_register_discovery(handlers):
    handlers.add(MdnsHandler("acme", "_acme._tcp.local."))

@hookimpl
def ucv_register_event_sinks(sinks):
    sinks.add(EventSink(events.Event, print))
    1 / 0
""",
    )
    manager = folder.load()
    assert len(manager.quarantined) == 1
    assert not manager.integrations
    assert not manager.discovery
    assert not manager.event_sinks


def test_a_fault_is_dated_and_told_in_the_log_without_its_traceback(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    file = folder.write("acme.py", "1 / 0\n")
    before = SystemClock().time()
    manager = folder.load()
    (plugin,) = manager.quarantined
    assert before <= plugin.at <= SystemClock().time()
    assert plugin == Quarantined(
        "acme", Source.FOLDER, Stage.IMPORT, "ZeroDivisionError: division by zero", str(file), 1,
        plugin.at, str(file),
    )  # fmt: skip
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert f"import failed at {file}:1" in record.getMessage()
    assert record.exc_info is None


def test_a_long_reason_is_cut(folder: Folder) -> None:
    folder.write("acme.py", "raise ValueError('x' * 10_000)\n")
    (plugin,) = folder.load().quarantined
    assert len(plugin.reason) == 500


def test_a_fault_in_another_module_is_placed_where_the_plugin_called_it(folder: Folder) -> None:
    file = folder.write("acme.py", "import json\n\njson.loads('{')\n")
    (plugin,) = folder.load().quarantined
    assert (plugin.file, plugin.line) == (str(file), 3)


# --- entry points -----------------------------------------------------------------------------


@pytest.fixture
def installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, list[EntryPoint]]]:
    """Packages that are installed, by name of the distribution, on a path of their own."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    points: list[EntryPoint] = []
    before = set(sys.modules)
    found: dict[str, list[EntryPoint]] = {"points": points}

    class Distribution:
        def __init__(self, name: str) -> None:
            self.name = name

    def install(distribution: str, name: str, code: str) -> None:
        (site / f"{name}.py").write_text(code)
        point = EntryPoint(name.removeprefix("ucvtest_"), name, "ucv")
        vars(point)["dist"] = Distribution(distribution)
        points.append(point)

    install("Universal_Camera-Viewer", "ucvtest_built_in", ACME.replace("acme", "built_in"))
    install("ucv-acme", "ucvtest_acme", ACME)
    install("ucv-broken", "ucvtest_broken", "x = 1\n1 / 0\n")
    monkeypatch.setattr(sources, "entry_points", lambda group: points)
    yield found
    for name in set(sys.modules) - before:
        if name.startswith("ucvtest_"):
            del sys.modules[name]


@pytest.mark.usefixtures("installed")
def test_built_ins_are_told_from_installed_plugins_by_their_distribution(tmp_path: Path) -> None:
    manager = PluginManager.load()
    assert [(plugin.name, plugin.source) for plugin in manager.loaded] == [
        ("built_in", Source.BUILT_IN),
        ("acme", Source.INSTALLED),
    ]
    (broken,) = manager.quarantined
    assert (broken.name, broken.file, broken.line) == (
        "broken",
        str(tmp_path / "site" / "ucvtest_broken.py"),
        2,
    )
    manager.close()


@pytest.mark.usefixtures("installed")
def test_safe_mode_leaves_installed_plugins_out() -> None:
    manager = PluginManager.load(safe_mode=True)
    assert [plugin.name for plugin in manager.loaded] == ["built_in"]
    assert manager.quarantined == []


def test_one_module_under_two_names_is_loaded_once(installed: dict[str, list[EntryPoint]]) -> None:
    points = installed["points"]
    twin = EntryPoint("twin", "ucvtest_acme", "ucv")
    vars(twin)["dist"] = points[1].dist
    points.append(twin)
    manager = PluginManager.load()
    assert [plugin.name for plugin in manager.loaded] == ["built_in", "acme"]
    assert manager.quarantined[1].name == "twin"
    assert "loaded already" in manager.quarantined[1].reason


def test_an_entry_point_must_name_a_module(installed: dict[str, list[EntryPoint]]) -> None:
    points = installed["points"]
    points[:] = [EntryPoint("a", "ucvtest_acme:Acme", "ucv"), EntryPoint("b", "no.such", "ucv")]
    manager = PluginManager.load()
    assert [plugin.reason for plugin in manager.quarantined] == [
        "The entry point must name a module.",
        "ModuleNotFoundError: No module named 'no'",
    ]


def test_the_project_s_own_integrations_are_found_as_built_ins() -> None:
    found = {candidate.name: candidate.source for candidate in sources.find([], safe_mode=True)}
    assert {"rtsp", "demo", "dahua", "hikvision"} <= found.keys()
    assert set(found.values()) == {Source.BUILT_IN}


def test_a_plugin_that_is_slow_to_import_is_named(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loader, "SLOW_IMPORT", 0.05)
    folder.write("acme.py", f"import time\ntime.sleep(0.06)\n{ACME}")
    folder.write("beta.py", ACME.replace("acme", "beta"))
    folder.load()
    assert [r.getMessage()[:24] for r in caplog.records if r.levelno == logging.WARNING] == [
        "The plugin acme took 0.1"
    ]
