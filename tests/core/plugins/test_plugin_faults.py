"""Faults of running plugins: remembered, counted, and kept to the plugin."""

from __future__ import annotations

import asyncio
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ucv.errors import NotSupported, PluginError, PluginTimeout
from ucv.plugins import faults as faults_module
from ucv.plugins.faults import KEPT, PluginFaults, contain
from ucv.testing.clock import FakeClock

CODE = """\
import asyncio, sys
from ucv.errors import NotSupported

def raising(event):
    raise ValueError("no such light")

def leaving(event):
    sys.exit(3)

def interrupting(event):
    raise KeyboardInterrupt

def endless(event):
    return endless(event)

def hidden_coroutine(event):
    return asyncio.sleep(0)

async def failing(arguments):
    raise KeyError("light")

async def refusing(arguments):
    raise NotSupported("There is no light.")

async def answering(arguments):
    return {"light": arguments["light"]}

async def cancelling(arguments):
    raise asyncio.CancelledError

async def complicated(arguments):
    return {"lights": {1, 2}}

async def leaving_command(arguments):
    sys.exit(3)

async def timing_out(arguments):
    raise TimeoutError("the light did not answer")

async def waiting(arguments):
    await asyncio.Event().wait()
"""


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "acme.py"
    file.write_text(CODE)
    return runpy.run_path(str(file))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def loops() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def faults(clock: FakeClock, loops: list[tuple[str, str]]) -> PluginFaults:
    return PluginFaults(
        clock, limit=3, span=60, on_crash_loop=lambda name, error: loops.append((name, str(error)))
    )


def test_a_fault_says_when_where_and_why(
    faults: PluginFaults, clock: FakeClock, plugin: dict[str, Any], tmp_path: Path
) -> None:
    try:
        plugin["raising"](None)
    except ValueError as error:
        faults.note("acme", "probe of front-door", error)
    (fault,) = faults.of("acme")
    assert fault.at == clock.time()
    assert fault.what == "probe of front-door"
    assert fault.reason == "ValueError: no such light"
    assert (fault.file, fault.line) == (str(tmp_path / "acme.py"), 5)


def test_only_the_last_faults_are_kept(faults: PluginFaults) -> None:
    for number in range(KEPT + 5):
        faults.note("acme", str(number), ValueError())
    assert [fault.what for fault in faults.of("acme")] == [str(n) for n in range(5, KEPT + 5)]


def test_faults_of_one_plugin_are_not_anothers(
    faults: PluginFaults, loops: list[tuple[str, str]]
) -> None:
    for number in range(3):
        faults.note("acme", str(number), ValueError())
        faults.note("beta", str(number), ValueError())
    assert not loops
    assert len(faults.of("acme")) == 3
    assert faults.of("gamma") == []


def test_more_faults_than_the_limit_within_the_span_are_told_as_a_crash_loop_once(
    faults: PluginFaults, loops: list[tuple[str, str]]
) -> None:
    for number in range(10):
        assert loops == ([("acme", "3")] if number > 3 else [])
        faults.note("acme", "probe", ValueError(str(number)))
    assert loops == [("acme", "3")]


def test_faults_of_many_entries_are_no_crash_loop_until_those_of_one_are(
    faults: PluginFaults, loops: list[tuple[str, str]]
) -> None:
    for number in range(1500):
        faults.note("acme", f"probe of door-{number}", ValueError())
    assert not loops
    for number in range(3):
        faults.note("acme", "snapshot of door-1499", ValueError(str(number)))
    assert loops == [("acme", "2")]


async def test_as_many_faults_over_a_longer_time_are_none(
    faults: PluginFaults, clock: FakeClock, loops: list[tuple[str, str]]
) -> None:
    for _ in range(20):
        faults.note("acme", "probe", ValueError())
        await clock.advance(20.1)
    assert not loops


def test_a_forgotten_plugin_begins_anew(faults: PluginFaults, loops: list[tuple[str, str]]) -> None:
    for _ in range(4):
        faults.note("acme", "probe", ValueError())
    faults.forget("acme")
    assert faults.of("acme") == []
    for _ in range(3):
        faults.note("acme", "probe", ValueError())
    assert len(loops) == 1
    faults.note("acme", "probe", ValueError())
    assert len(loops) == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raising", "ValueError: no such light"),
        ("leaving", "SystemExit: 3"),
        ("interrupting", "KeyboardInterrupt"),
        ("endless", "RecursionError: maximum recursion depth exceeded"),
        ("hidden_coroutine", "TypeError: hidden_coroutine must not be async"),
    ],
)
def test_what_a_sink_raises_is_a_fault_and_nothing_more(
    faults: PluginFaults, plugin: dict[str, Any], name: str, reason: str
) -> None:
    sink: Callable[[object], object] = contain("acme", plugin[name], faults)
    sink(object())
    (fault,) = faults.of("acme")
    assert fault.what == name
    assert fault.reason.startswith(reason)


async def test_a_good_command_answers(faults: PluginFaults, plugin: dict[str, Any]) -> None:
    command = contain("acme", plugin["answering"], faults, what="command acme/light")
    assert await command({"light": 1}) == {"light": 1}
    assert faults.of("acme") == []


async def test_an_error_of_ours_passes_through_a_command(
    faults: PluginFaults, plugin: dict[str, Any]
) -> None:
    with pytest.raises(NotSupported, match=r"There is no light\."):
        await contain("acme", plugin["refusing"], faults)({})
    assert faults.of("acme") == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("failing", "KeyError: 'light'"),
        ("cancelling", "CancelledError"),
        ("leaving_command", "SystemExit: 3"),
        (
            "complicated",
            "command acme/light must return plain JSON values: Type is not JSON serializable: set",
        ),
        ("timing_out", "TimeoutError: the light did not answer"),
    ],
)
async def test_what_a_command_raises_is_told_as_a_plugin_error(
    faults: PluginFaults, plugin: dict[str, Any], name: str, reason: str
) -> None:
    with pytest.raises(PluginError, match=f"The plugin acme failed: {reason}") as caught:
        await contain("acme", plugin[name], faults, what="command acme/light")({})
    assert not isinstance(caught.value, PluginTimeout)
    (fault,) = faults.of("acme")
    assert (fault.what, fault.reason) == ("command acme/light", reason)


async def test_a_command_has_a_time_limit(
    faults: PluginFaults, plugin: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults_module, "COMMAND_LIMIT", 0.02)
    with pytest.raises(PluginTimeout, match=r"acme took longer than 0\.02 s"):
        await contain("acme", plugin["waiting"], faults)({})


async def test_a_command_that_its_client_gave_up_is_no_fault(
    faults: PluginFaults, plugin: dict[str, Any]
) -> None:
    task = asyncio.create_task(contain("acme", plugin["waiting"], faults)({}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert faults.of("acme") == []
