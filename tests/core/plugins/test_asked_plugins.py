"""Plugins that fail when they are asked for something, and those that fail without end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import pytest

from ucv.entries.entry import EntryState
from ucv.errors import PluginError, PluginTimeout
from ucv.hub import Hub
from ucv.plugins.faults import contain
from ucv.plugins.quarantine import Stage
from ucv.testing.clock import until

HubWith: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Hub]]
GoodCamera: TypeAlias = Callable[[Hub], AbstractAsyncContextManager[None]]
Unnamed: TypeAlias = Callable[[Hub, Any], dict[str, list[str]]]

_DIVIDES = "ZeroDivisionError: division by zero"
_SNAPSHOT = """
class Broken(Integration):
    async def snapshot(self, device):{mark}
        {body}
"""
_WRAPPER = """
class Broken(Integration): pass
async def wrap(device, call):{mark}
    {body}
@hookimpl
def ucv_register_wrappers(wrappers): wrappers.add(Wrapper("snapshot", wrap, {priority}))
"""


async def loaded(hub: Hub, *names: str) -> None:
    for name in names:
        await until(lambda: hub.entries.status(name).state is EntryState.LOADED)  # noqa: B023 - called in this turn only


async def test_a_snapshot_that_fails_is_an_error_that_names_the_place(
    hub_with: HubWith, good_camera: GoodCamera, unnamed: Unnamed
) -> None:
    plugins = {
        "raises": (_DIVIDES, _SNAPSHOT.format(mark="", body="1 / 0  # here")),
        "wrong_type": (
            "snapshot must return Snapshot, not bytes",
            _SNAPSHOT.format(mark="  # here", body="return b'picture'"),
        ),
        "exits": ("SystemExit", _SNAPSHOT.format(mark="", body="sys.exit(3)  # here")),
    }
    async with hub_with(plugins) as hub, good_camera(hub):
        await loaded(hub, *plugins)
        for name in plugins:
            with pytest.raises(PluginError, match=rf"{name}\.py, line \d+"):
                await hub.control.snapshot(name)
        assert not unnamed(hub, plugins)


async def test_a_snapshot_that_never_comes_ends_after_a_while(
    hub_with: HubWith, good_camera: GoodCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "await asyncio.Event().wait()"
    plugins = {"never": ("", _SNAPSHOT.format(mark="", body=body))}
    async with hub_with(plugins) as hub, good_camera(hub):
        await loaded(hub, "never")
        integration, device = hub.entries.loaded("never")
        with pytest.raises(PluginTimeout):
            await hub.calls.call(integration, "snapshot", device, limit=0.05)


async def test_a_wrapper_that_fails_leaves_other_plugins_cameras_as_they_are(
    hub_with: HubWith,
    good_camera: GoodCamera,
    unnamed: Unnamed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ucv.plugins.calls.LIMIT", 0.2)

    def wrapper(reason: str, body: str, priority: int, mark: str = "") -> tuple[str, str]:
        return reason, _WRAPPER.format(mark=mark, body=body, priority=priority)

    plugins = {
        "wrapper_raises": wrapper(_DIVIDES, "1 / 0  # here", 90),
        "wrapper_raises_late": wrapper(_DIVIDES, "await call()\n    1 / 0  # here", 80),
        "wrapper_of_wrong_type": wrapper(
            "must return Snapshot, not NoneType", "pass", 70, "  # here"
        ),
        "wrapper_never_answers": wrapper(
            "it took longer than 0.2 s", "await asyncio.Event().wait()", 60, "  # here"
        ),
        "wrapper_never_ends": wrapper(
            "it took longer than 0.2 s", "await call(); await asyncio.sleep(99)", 50, "  # here"
        ),
        "wrapper_exits": wrapper("SystemExit", "exit(3)  # here", 40),
    }
    async with hub_with(plugins) as hub:
        async with good_camera(hub):
            await loaded(hub, *plugins)
        assert not unnamed(hub, plugins)


async def test_time_that_the_method_takes_is_not_its_wrappers(
    hub_with: HubWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = {
        "slow": (
            "",
            _SNAPSHOT.format(mark="", body="await asyncio.sleep(0.3); return Snapshot(b'')"),
        ),
        "wrapper": ("", _WRAPPER.format(mark="", body="return await call()", priority=50)),
    }
    async with hub_with(plugins) as hub:
        await loaded(hub, *plugins)
        monkeypatch.setattr("ucv.plugins.calls.LIMIT", 0.1)
        integration, device = hub.entries.loaded("slow")
        await hub.calls.call(integration, "snapshot", device, limit=5)
        assert hub.faults.of("wrapper") == []


async def test_a_command_that_fails_is_a_fault_of_its_plugin(
    hub_with: HubWith, good_camera: GoodCamera, unnamed: Unnamed
) -> None:
    code = """
class Broken(Integration): pass
async def light(arguments): 1 / 0  # here
@hookimpl
def ucv_register_commands(commands): commands.add(Command("acme/light", light))
"""
    plugins = {"command_raises": (_DIVIDES, code)}
    async with hub_with(plugins) as hub, good_camera(hub):
        (command,) = hub.plugins.commands
        with pytest.raises(PluginError, match=r"command_raises\.py, line"):
            await contain("command_raises", command.handler, hub.faults, what=command.type)({})
        assert not unnamed(hub, plugins)


async def test_steps_that_fail_end_their_flow_only(
    hub_with: HubWith, good_camera: GoodCamera, unnamed: Unnamed
) -> None:
    code = """
class Broken(Integration):
    async def probe(self, device): return DeviceInfo()
    async def steps(self, flow): 1 / 0  # here
"""
    async with hub_with({"steps_raises": (_DIVIDES, code)}) as hub, good_camera(hub):
        flow = await hub.flows.start("steps_raises")
        other = await hub.flows.start("good")
        flow = await hub.flows.submit(flow.id, {}, wait=5)
        page = flow.page.to_json()
        assert (page["kind"], page["reason"]) == ("abort", "failed")
        assert not unnamed(hub, {"steps_raises": (_DIVIDES, code)})
        assert hub.flows.get(other.id)


async def test_a_migration_that_fails_leaves_the_entry_as_it_was(
    hub_with: HubWith, good_camera: GoodCamera
) -> None:
    code = "class Broken(Integration): pass"
    async with hub_with({"migrates": ("", code)}) as hub, good_camera(hub):
        await loaded(hub, "migrates")
        before = hub.entries.get("migrates").config
        file = hub.directory.custom_integrations / "migrates.py"
        new = """class Broken(Integration):
    entry_version = 2
    async def migrate(self, version, data): 1 / 0  # here
"""
        file.write_text(file.read_text().replace(code, new))
        await hub.plugin_runtime.reload("migrates")
        await until(lambda: hub.entries.status("migrates").state is EntryState.MIGRATION_ERROR)
        after = hub.entries.get("migrates").config
        assert (after.version, after.data) == (before.version, before.data)
        (fault,) = hub.faults.of("migrates")
        assert (fault.file, fault.line) == (str(file), 5)


async def test_a_migration_that_works_is_stored(hub_with: HubWith) -> None:
    code = "class Broken(Integration): pass"
    async with hub_with({"migrates": ("", code)}) as hub:
        await loaded(hub, "migrates")
        file = hub.directory.custom_integrations / "migrates.py"
        new = """class Broken(Integration):
    entry_version = 2
    async def migrate(self, version, data): return data
"""
        file.write_text(file.read_text().replace(code, new))
        await hub.plugin_runtime.reload("migrates")
        await loaded(hub, "migrates")
        assert hub.entries.get("migrates").config.version == 2
        assert hub.faults.of("migrates") == []


async def test_a_plugin_that_fails_again_and_again_is_quarantined_over_restarts_until_released(
    hub_with: HubWith, good_camera: GoodCamera
) -> None:
    plugins = {"raises": (_DIVIDES, _SNAPSHOT.format(mark="", body="1 / 0  # here"))}
    async with hub_with(plugins) as hub, good_camera(hub):
        await loaded(hub, "raises")
        for _ in range(11):
            with pytest.raises(PluginError):
                await hub.control.snapshot("raises")
        await until(lambda: hub.plugins.quarantined)
        (fault,) = hub.plugins.quarantined
        assert (fault.name, fault.stage, fault.reason) == ("raises", Stage.RUNNING, _DIVIDES)
        assert fault.line == 5
        await until(lambda: hub.entries.status("raises").state is EntryState.SETUP_ERROR)
        reason = hub.entries.status("raises").reason
        assert reason is not None
        assert reason.code == "PLUGIN_NOT_LOADED"
    async with hub_with(plugins) as hub, good_camera(hub):
        assert hub.plugins.quarantined == [fault]
        file = hub.directory.custom_integrations / "raises.py"
        file.write_text(file.read_text().replace("1 / 0", "return Snapshot(b'picture')"))
        await hub.plugin_runtime.reload("raises")
        assert hub.plugins.quarantined == []
        await loaded(hub, "raises")
        assert (await hub.control.snapshot("raises")).data == b"picture"
    async with hub_with({}) as hub:
        assert hub.plugins.find("raises")


async def test_faults_of_a_built_in_are_only_noted(hub_with: HubWith) -> None:
    async with hub_with({}) as hub:
        for _ in range(20):
            hub.faults.note("rtsp", "probe", ValueError())
        await asyncio.sleep(0.05)
        assert hub.plugins.find("rtsp")
        assert hub.plugins.quarantined == []
