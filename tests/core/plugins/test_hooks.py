"""Every hook is documented with its exact signature, has a test, and does what it says."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from ucv import Device, Integration, Snapshot
from ucv.bus import EventBus
from ucv.config.configuration import read, validate_cameras
from ucv.config.paths import ConfigDirectory
from ucv.plugins import hookspecs
from ucv.plugins.calls import Calls
from ucv.plugins.discovery_handlers import MdnsHandler
from ucv.plugins.loader import PluginManager
from ucv.plugins.sources import in_folder
from ucv.streams.state import StreamState, StreamStateChanged, StreamStatus
from ucv.testing.clock import FakeClock

PAGE = Path(__file__).parents[3] / "docs" / "plugins" / "hooks.md"
HOOKS = {
    name: value
    for name, value in vars(hookspecs).items()
    if isinstance(value, FunctionType) and value.__module__ == hookspecs.__name__
}


def section(hook: str) -> str:
    """Return the part of the page about a hook."""
    found = re.search(rf"^## {hook}\(.*?(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"docs/plugins/hooks.md has no heading for {hook}"
    return found[0]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str], PluginManager]]:
    """Load a plugin of the given code, alone."""
    managers: list[PluginManager] = []

    def loaded(code: str) -> PluginManager:
        file = tmp_path / f"example{len(managers)}.py"
        file.write_text(code)
        manager = PluginManager()
        managers.append(manager)
        manager.load_all(c for c in in_folder(tmp_path) if c.name == file.stem)
        assert not manager.quarantined
        return manager

    yield loaded
    for manager in managers:
        manager.close()


def example(hook: str) -> str:
    """Return the example of a hook from its page."""
    found = re.search(r"^```python\n(.*?)^```$", section(hook), re.DOTALL | re.MULTILINE)
    assert found, f"docs/plugins/hooks.md has no example for {hook}"
    return found[1]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_heading_with_its_exact_signature(hook: str) -> None:
    arguments = ", ".join(inspect.signature(HOOKS[hook]).parameters)
    assert section(hook).splitlines()[0] == f"## {hook}({arguments})"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_docstring_that_says_who_calls_it_and_what_raises(hook: str) -> None:
    text = inspect.getdoc(HOOKS[hook]) or ""
    assert "Called by" in text
    assert "`PluginError`" in text


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_test_of_its_own(hook: str) -> None:
    module = sys.modules[__name__]
    assert any(name.startswith(f"test_{hook}_") for name in vars(module)), f"no test for {hook}"


def test_the_page_documents_no_hook_that_is_not_there() -> None:
    assert set(re.findall(r"^## (ucv_\w+)", PAGE.read_text(), re.MULTILINE)) == set(HOOKS)


def test_ucv_register_integrations_adds_an_instance_of_each_class(
    load: Callable[[str], PluginManager],
) -> None:
    manager = load(example("ucv_register_integrations"))
    assert manager.integrations["example"].name == "Example cameras"
    assert manager.loaded[0].domains == ("example",)


def test_the_example_for_authors_works_with_the_yaml_beside_it(
    load: Callable[[str], PluginManager], tmp_path: Path
) -> None:
    page = (PAGE.parents[2] / "custom_integrations" / "README.md").read_text()
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
    manager = load(blocks["python"])
    (tmp_path / "ucv.yaml").write_text(blocks["yaml"])
    (tmp_path / "secrets.yaml").write_text("garage_password: x")
    (draft,) = validate_cameras(read(ConfigDirectory(tmp_path), {}), manager.integrations)
    assert (draft.integration, dict(draft.secrets)) == ("acme", {"password": "x"})


def test_ucv_register_discovery_adds_handlers_for_the_own_integrations(
    load: Callable[[str], PluginManager],
) -> None:
    (handler,) = load(example("ucv_register_discovery")).discovery
    assert isinstance(handler, MdnsHandler)
    assert (handler.domain, handler.service_type) == ("announced", "_announced-cam._tcp.local.")


def test_ucv_register_stream_providers_adds_sources(load: Callable[[str], PluginManager]) -> None:
    (provider,) = load(example("ucv_register_stream_providers")).providers
    assert (provider.name, provider.schemes) == ("example", frozenset({"example"}))


async def test_ucv_register_commands_adds_commands(load: Callable[[str], PluginManager]) -> None:
    (command,) = load(example("ucv_register_commands")).commands
    assert (command.type, command.role) == ("example/light", "admin")
    assert await command.handler({"on": True}) == {"on": True}


def test_ucv_register_event_sinks_adds_listeners(
    load: Callable[[str], PluginManager], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (sink,) = load(example("ucv_register_event_sinks")).event_sinks
    bus = EventBus()
    bus.subscribe(sink.kind, sink.handler)
    bus.publish(StreamStateChanged("front", "main", StreamStatus(StreamState.LIVE)))
    assert "front is live" in caplog.text


async def test_ucv_register_wrappers_puts_a_function_around_a_method_of_others(
    load: Callable[[str], PluginManager],
) -> None:
    manager = load(example("ucv_register_wrappers"))
    clock = FakeClock()
    calls = Calls(
        trace=manager.trace,
        owner_of=lambda domain: domain,
        on_fault=lambda *_: pytest.fail("a fault was noted"),
    )
    calls.set_wrappers(manager.wrappers)
    taken = 0

    class Other(Integration):
        domain = "other"

        async def snapshot(self, device: Device) -> Snapshot:
            nonlocal taken
            taken += 1
            return Snapshot(b"picture %d" % taken)

    async def remember(facts: dict[str, Any]) -> None:
        """Nothing is remembered."""

    device = Device(
        entry_id="d", name="D", config={}, credentials=None, clock=clock, remember=remember
    )
    for expected in (b"picture 1", b"picture 1"):
        assert (await calls.call(Other(), "snapshot", device)).data == expected
    await clock.advance(3)
    assert (await calls.call(Other(), "snapshot", device)).data == b"picture 2"
