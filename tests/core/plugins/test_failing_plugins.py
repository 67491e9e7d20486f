"""Plugins that fail in use, in every way: each is named, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import pytest

from ucv.entries.entry import EntryState
from ucv.hub import Hub
from ucv.testing.clock import until

HubWith: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Hub]]
GoodCamera: TypeAlias = Callable[[Hub], AbstractAsyncContextManager[None]]
Unnamed: TypeAlias = Callable[[Hub, Any], dict[str, list[str]]]

_DIVIDES = "ZeroDivisionError: division by zero"


def _method(reason: str, body: str, before: str = "", name: str = "probe") -> tuple[str, str]:
    return reason, (
        f"class Broken(Integration):\n    async def {name}(self, device):{before}\n        {body}"
    )


def _setup(reason: str, watch: str, start: str) -> tuple[str, str]:
    return reason, (
        f"class Broken(Integration):\n    async def setup(self, device): {start}\n    {watch}"
    )


def _provider(reason: str, scheme: str, code: str) -> tuple[str, str]:
    return (
        reason,
        f"""
class Broken(Integration):
    async def streams(self, device): return [Stream("main", "{scheme}://camera/")]
{code}
@hookimpl
def ucv_register_stream_providers(providers):
    providers.add(StreamProvider("{scheme}", frozenset({{"{scheme}"}}), open))
""",
    )


def _sink(reason: str, body: str) -> tuple[str, str]:
    return (
        reason,
        f"""
class Broken(Integration): pass
def listen(event):
    {body}
@hookimpl
def ucv_register_event_sinks(sinks): sinks.add(EventSink(events.EntryChanged, listen))
""",
    )


_DEAF = """async def watch(self):
        while True:
            try:
                await asyncio.sleep(3600)  # here
            except asyncio.CancelledError:
                pass
"""

#: These fail when their entry is set up.
AT_SET_UP = {
    "probe_raises": _method(_DIVIDES, "1 / 0  # here"),
    "streams_raises": _method(_DIVIDES, "1 / 0  # here", name="streams"),
    "setup_raises": _method(_DIVIDES, "1 / 0  # here", name="setup"),
    "capabilities_raises": _method(_DIVIDES, "1 / 0  # here", name="capabilities"),
    "probe_exits": _method("SystemExit", "sys.exit(3)  # here"),
    "probe_interrupts": _method("KeyboardInterrupt", "raise KeyboardInterrupt  # here"),
    "probe_cancels": _method("cancelled itself", "raise asyncio.CancelledError", "  # here"),
    "probe_without_end": _method("RecursionError", "return await self.probe(device)  # here"),
    "probe_returns_the_wrong_type": _method(
        "probe must return DeviceInfo, not dict", "return {}", "  # here"
    ),
    "streams_returns_the_wrong_type": _method(
        r"streams must return list\[Stream\]", "return ['rtsp://192.0.2.1/']", "  # here", "streams"
    ),
    "streams_without_address": _method(
        "ValueError: The address of a stream",
        "return [Stream('main', None)]  # here",
        "",
        "streams",
    ),
    "capabilities_of_the_wrong_type": _method(
        "capabilities must return", "return 5", "  # here", "capabilities"
    ),
    "capabilities_that_it_has_not": _method(
        "claims what it has no code for: ptz", "return ['ptz']", "  # here", "capabilities"
    ),
    "two_streams_of_one_name": _method(
        "two streams called 'main'",
        "return [Stream('main', 'rtsp://192.0.2.1/'), Stream('main', 'rtsp://192.0.2.1/')]",
        "  # here",
        "streams",
    ),
}

#: These are set up, and then fail without being asked.
LATER = {
    "task_raises": _setup(
        _DIVIDES, "async def watch(self): 1 / 0  # here", "device.tasks.create(self.watch())"
    ),
    "task_exits": _setup(
        "SystemExit", "async def watch(self): exit(3)  # here", "device.tasks.create(self.watch())"
    ),
    "own_task_raises": _setup(
        _DIVIDES, "async def watch(self): 1 / 0  # here", "asyncio.create_task(self.watch())"
    ),
    "own_task_is_thrown_away": _setup(
        "It kept no reference to the task lost",
        "async def watch(self): await asyncio.Event().wait()  # here",
        "asyncio.create_task(self.watch(), name='lost')",
    ),
    "timer_raises": _setup(
        _DIVIDES,
        "def tick(self): 1 / 0  # here",
        "asyncio.get_running_loop().call_later(0.01, self.tick)",
    ),
    "events_raise": _method(_DIVIDES, "1 / 0  # here\n        yield", name="events"),
    "events_cancel": _method(
        "CancelledError", "raise asyncio.CancelledError  # here\n        yield", name="events"
    ),
    "events_yield_the_wrong_type": _method(
        "events must yield ucv.CameraEvent or ucv.CurrentEvents, not str",
        "yield 'motion'",
        "  # here",
        "events",
    ),
    "sink_raises": _sink(_DIVIDES, "1 / 0  # here"),
    "sink_cancels": _sink("CancelledError", "raise asyncio.CancelledError  # here"),
    "provider_raises": _provider(_DIVIDES, "raises", "def open(request, clock): 1 / 0  # here"),
    "provider_returns_nothing": _provider(
        "must return a source, not NoneType", "nothing", "def open(request, clock): pass  # here"
    ),
    "source_raises": _provider(
        _DIVIDES,
        "sourceraises",
        """
class open:
    def __init__(self, request, clock): pass
    async def run(self, sink): 1 / 0  # here
""",
    ),
    "source_exits": _provider(
        "SystemExit",
        "sourceexits",
        """
class open:
    def __init__(self, request, clock): pass
    async def run(self, sink): sys.exit(3)  # here
""",
    ),
    "loop_is_blocked": _method(
        "It held up the hub for", "time.sleep(0.9)  # here\n        return DeviceInfo()"
    ),
}

#: These fail when their entry is let go of, or when the hub stops.
IN_THE_END = {
    "unload_raises": _method(_DIVIDES, "1 / 0  # here", name="unload"),
    "task_is_left": _setup(
        "It left the task forgotten running",
        "async def watch(self): await asyncio.sleep(3600)  # here",
        "asyncio.create_task(self.watch(), name='forgotten')",
    ),
    "deaf_task_is_left": _setup(
        "It left the task deaf running", _DEAF, "asyncio.create_task(self.watch(), name='deaf')"
    ),
    "task_is_deaf": _setup(
        "It left the task .*deaf running", _DEAF, "device.tasks.create(self.watch(), name='deaf')"
    ),
    "events_are_deaf": (
        "It left the task events of events_are_deaf running",
        f"class Broken(Integration):\n    {_DEAF}".replace("watch(self)", "events(self, device)")
        + "            yield Motion()",
    ),
}


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for what never ends."""
    for module in ("calls", "tasks", "leaks"):
        monkeypatch.setattr(f"ucv.plugins.{module}.CANCEL_LIMIT", 0.2)
    monkeypatch.setattr("ucv.entries.supervisor.UNLOAD_LIMIT", 0.3)


async def test_plugins_that_fail_at_set_up_are_named_and_disturb_nobody(
    hub_with: HubWith, good_camera: GoodCamera, unnamed: Unnamed
) -> None:
    async with hub_with(AT_SET_UP) as hub, good_camera(hub):
        for name in AT_SET_UP:
            await until(lambda: hub.entries.status(name).state is EntryState.SETUP_ERROR)  # noqa: B023 - called in this turn only
        assert not unnamed(hub, AT_SET_UP)


async def test_plugins_that_fail_later_are_named_and_disturb_nobody(
    hub_with: HubWith, good_camera: GoodCamera, unnamed: Unnamed
) -> None:
    async with hub_with(LATER) as hub, good_camera(hub):
        try:
            await until(lambda: not unnamed(hub, LATER), 10)
        except TimeoutError:
            assert not unnamed(hub, LATER)
        # A sink that fails at each event is a crash loop before long.
        quarantined = {fault.name for fault in hub.plugins.quarantined}
        assert quarantined <= {"sink_raises", "sink_cancels"}
        for name in LATER.keys() - quarantined:
            await until(lambda: hub.entries.status(name).state is EntryState.LOADED)  # noqa: B023 - called in this turn only


@pytest.mark.parametrize("name", IN_THE_END)
async def test_a_plugin_that_does_not_end_is_named_and_ended(
    hub_with: HubWith, good_camera: GoodCamera, unnamed: Unnamed, name: str
) -> None:
    plugins = {name: IN_THE_END[name]}
    async with asyncio.timeout(20):
        async with hub_with(plugins) as hub, good_camera(hub):
            await until(lambda: hub.entries.status(name).state is EntryState.LOADED)
            await asyncio.sleep(0.05)
    assert not unnamed(hub, plugins)


async def test_a_probe_that_ignores_that_it_is_cancelled_is_named_left_behind_and_ended(
    hub_with: HubWith, good_camera: GoodCamera, unnamed: Unnamed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucv.entries.supervisor.SETUP_LIMIT", 1.0)
    code = f"class Broken(Integration):\n    {_DEAF}".replace("watch(self)", "probe(self, device)")
    plugins = {"probe_is_deaf": ("it ignores that it is cancelled", code)}
    async with asyncio.timeout(20):
        async with hub_with(plugins) as hub, good_camera(hub):
            await until(lambda: not unnamed(hub, plugins))
            await until(lambda: hub.entries.status("probe_is_deaf").state is EntryState.SETUP_RETRY)
    assert any("It left the task" in fault.reason for fault in hub.faults.of("probe_is_deaf"))


async def test_a_source_that_ignores_that_it_is_cancelled_keeps_no_stream_from_ending(
    hub_with: HubWith, good_camera: GoodCamera
) -> None:
    deaf = _DEAF.replace("watch(self)", "run(self, sink)")
    reader = f"class open:\n    def __init__(self, request, clock): pass\n    {deaf}"
    plugins = {"source_is_deaf": _provider("", "deaf", reader)}
    async with asyncio.timeout(20):
        async with hub_with(plugins) as hub, good_camera(hub):
            await until(lambda: hub.entries.status("source_is_deaf").state is EntryState.LOADED)
            await asyncio.sleep(0.1)
    assert any("It left the task" in fault.reason for fault in hub.faults.of("source_is_deaf"))
