"""A plugin that is loaded anew while the hub is busy disturbs nobody, itself included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from ucv.bus import Event
from ucv.entries.entry import EntryState
from ucv.errors import CameraViewerError
from ucv.hub import Hub
from ucv.testing import until
from ucv.testing.hub import HubKit

# Whichever version of a plugin is loaded, it does what the test's state says.
SLOW = '''
"""Lets go of its devices slowly, and takes pictures slowly."""
import builtins
from ucv import DeviceInfo, Integration, Snapshot, fields, hookimpl

state = builtins.ucv_test_state


class Slow(Integration):
    domain = "slow"
    name = "Slow"
    schema = {**fields.HOST}

    async def probe(self, device):
        if device.host == "127.0.0.9":
            state.probing += 1
            await state.answer.wait()
        return DeviceInfo()

    async def streams(self, device):
        return []

    async def snapshot(self, device):
        state.asked += 1
        await state.answer.wait()
        return Snapshot(b"")

    async def unload(self, device):
        state.unloading += 1
        await state.may_unload.wait()


@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Slow)
'''

LISTENER = '''
"""Counts what happens, and brings a source of pictures."""
import builtins
from ucv import EventSink, StreamProvider, hookimpl
from ucv.bus import Event

state = builtins.ucv_test_state


@hookimpl
def ucv_register_event_sinks(sinks):
    sinks.add(EventSink(Event, state.heard.append))


@hookimpl
def ucv_register_stream_providers(providers):
    providers.add(StreamProvider("other", frozenset({"other"}), lambda request, clock: None, 1))
'''


@dataclass(frozen=True, slots=True)
class Happened(Event):
    """Something that a plugin may listen for."""


class State:
    """What the plugins do, and did."""

    def __init__(self) -> None:
        self.asked = 0
        self.probing = 0
        self.unloading = 0
        self.heard: list[Event] = []
        self.may_unload = asyncio.Event()
        self.may_unload.set()
        self.answer = asyncio.Event()


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> State:
    state = State()
    monkeypatch.setattr("builtins.ucv_test_state", state, raising=False)
    return state


@pytest_asyncio.fixture
async def hub(tmp_path: Path, state: State) -> AsyncIterator[Hub]:
    folder = tmp_path / "custom_integrations"
    folder.mkdir()
    (folder / "slow.py").write_text(SLOW)
    (folder / "listener.py").write_text(LISTENER)
    (tmp_path / "ucv.yaml").write_text("server:\n  port: 8321\n")
    hub = Hub(tmp_path)
    await hub.start()
    assert hub.plugins.quarantined == []
    await hub.entries.create(
        {"id": "one", "name": "One", "integration": "slow", "host": "127.0.0.1"}
    )
    await HubKit(hub, []).reaches("one", EntryState.LOADED)
    yield hub
    state.may_unload.set()
    state.answer.set()
    await hub.stop()


async def test_other_plugins_hear_and_show_all_while_one_is_loaded_anew(
    hub: Hub, state: State
) -> None:
    state.may_unload.clear()
    reloading = asyncio.create_task(hub.plugin_runtime.reload("slow"))
    await until(lambda: state.unloading == 1)
    state.heard.clear()
    event = Happened()
    hub.bus.publish(event)
    provided = set(hub._providers.names)
    state.may_unload.set()
    await reloading
    assert "other" in provided
    assert event in state.heard


async def test_who_goes_while_a_plugin_is_loaded_anew_leaves_no_entry_unloaded(
    hub: Hub, state: State
) -> None:
    state.may_unload.clear()
    reloading = asyncio.create_task(hub.plugin_runtime.reload("slow"))
    await until(lambda: state.unloading == 1)
    reloading.cancel()
    state.may_unload.set()
    with pytest.raises(asyncio.CancelledError):
        await reloading
    await HubKit(hub, []).reaches("one", EntryState.LOADED)


async def test_a_call_that_is_under_way_is_no_fault_of_a_plugin_that_is_loaded_anew(
    hub: Hub, state: State
) -> None:
    asked = asyncio.create_task(hub.control.ask("one", "snapshot"))
    await until(lambda: state.asked == 1)
    await hub.plugin_runtime.reload("slow")
    state.answer.set()
    with pytest.raises(CameraViewerError):
        await asked
    assert hub.faults.of("slow") == []
    await HubKit(hub, []).reaches("one", EntryState.LOADED)


async def test_a_flow_that_asks_the_device_ends_and_lets_go_when_its_plugin_is_loaded_anew(
    hub: Hub, state: State
) -> None:
    flow = await hub.flows.start("slow", wait=5)
    await hub.flows.submit(flow.id, {"host": "127.0.0.9"})
    await until(lambda: state.probing == 1)
    await hub.plugin_runtime.reload("slow")
    assert hub.flows.list() == []
    # The device on trial, and that of the entry.
    assert state.unloading == 2
    assert hub.faults.of("slow") == []


async def test_an_update_that_meets_a_new_version_is_kept(hub: Hub, state: State) -> None:
    state.may_unload.clear()
    updating = asyncio.create_task(
        hub.entries.update("one", {"name": "One", "integration": "slow", "host": "127.0.0.2"})
    )
    await until(lambda: state.unloading == 1)
    reloading = asyncio.create_task(hub.plugin_runtime.reload("slow"))
    await asyncio.sleep(0.05)
    state.may_unload.set()
    await asyncio.gather(updating, reloading)
    await HubKit(hub, []).reaches("one", EntryState.LOADED)
    integration, device = hub.entries.loaded("one")
    assert integration is hub.plugins.integrations["slow"]
    assert device.host == "127.0.0.2"


async def test_a_camera_in_yaml_is_set_up_once_its_plugin_is_mended(
    tmp_path: Path, state: State
) -> None:
    plugin = tmp_path / "custom_integrations" / "slow.py"
    plugin.parent.mkdir()
    plugin.write_text("this is no Python\n")
    (tmp_path / "ucv.yaml").write_text(
        "cameras:\n  - {id: late, name: Late, integration: slow, host: 127.0.0.3}\n"
    )
    hub = Hub(tmp_path)
    await hub.start()
    try:
        kit = HubKit(hub, [])
        assert (await kit.rest("late")).status.state is EntryState.SETUP_ERROR
        plugin.write_text(SLOW)
        await hub.plugin_runtime.reload("slow")
        view = await kit.reaches("late", EntryState.LOADED)
        assert view.config.data["host"] == "127.0.0.3"
    finally:
        await hub.stop()
