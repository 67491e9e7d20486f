"""The watchdog: what holds up the event loop is named, and watching costs next to nothing."""

from __future__ import annotations

import asyncio
import logging
import runpy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ucv.plugins.watchdog import Blocked, LoopWatchdog
from ucv.testing.clock import until

LIMIT = 0.05

CODE = """\
import subprocess, sys, time

def nap(seconds):
    time.sleep(seconds)

async def probe(seconds):
    nap(seconds)

async def count(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass

async def call(seconds):
    code = f"import time; time.sleep({seconds})"
    subprocess.run([sys.executable, "-c", code], capture_output=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "acme.py"
    file.write_text(CODE)
    return file


@pytest.fixture
def plugin(file: Path) -> dict[str, Any]:
    return runpy.run_path(str(file))


@pytest.fixture
def blocks() -> list[Blocked]:
    return []


@pytest.fixture
async def watchdog(file: Path, blocks: list[Blocked]) -> Any:
    watchdog = LoopWatchdog(
        lambda: {"nothing": "", "acme": str(file)}, limit=LIMIT, on_block=blocks.append
    )
    watchdog.start()
    yield watchdog
    watchdog.stop()


@pytest.fixture(autouse=True)
def _debug(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG, logger="ucv.plugins.watchdog"):
        yield


async def test_a_plugin_that_sleeps_is_named_with_its_line(
    watchdog: LoopWatchdog,
    plugin: dict[str, Any],
    file: Path,
    blocks: list[Blocked],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await asyncio.sleep(0.01)
    await plugin["probe"](0.4)
    await until(lambda: blocks)
    (blocked,) = blocks
    assert (blocked.plugin, blocked.file) == ("acme", str(file))
    assert (blocked.line, blocked.function) == (4, "nap")
    assert 0.4 - 4 * LIMIT <= blocked.seconds < 2
    (line,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert line.getMessage().startswith("The plugin acme held up the hub for 0.")
    assert line.getMessage().endswith("at acme.py:4 (nap)")


async def test_a_plugin_that_computes_is_named(
    watchdog: LoopWatchdog, plugin: dict[str, Any], blocks: list[Blocked]
) -> None:
    await plugin["count"](0.3)
    await until(lambda: blocks)
    assert blocks[0].function == "count"
    assert blocks[0].line in (11, 12)


async def test_a_plugin_that_waits_for_a_program_is_named(
    watchdog: LoopWatchdog, plugin: dict[str, Any], blocks: list[Blocked]
) -> None:
    await plugin["call"](0.4)
    await until(lambda: blocks)
    assert (blocks[0].function, blocks[0].line) == ("call", 16)


async def test_code_that_a_plugin_calls_is_the_plugins_affair(
    watchdog: LoopWatchdog, plugin: dict[str, Any], blocks: list[Blocked], file: Path
) -> None:
    # The innermost frame is this test's, the plugin's is the one below.
    plugin["nap"].__globals__["time"] = type("Library", (), {"sleep": staticmethod(_doze)})
    plugin["nap"](0.3)
    await until(lambda: blocks)
    assert (blocks[0].file, blocks[0].line) == (str(file), 4)


def _doze(seconds: float) -> None:
    time.sleep(seconds)


async def test_each_block_is_told_once(
    watchdog: LoopWatchdog, plugin: dict[str, Any], blocks: list[Blocked]
) -> None:
    for number in (1, 2):
        await plugin["probe"](0.3)
        await until(lambda: len(blocks) >= number)  # noqa: B023 - called within this turn only
    await asyncio.sleep(0.2)
    assert len(blocks) == 2


async def test_a_block_of_somebody_else_names_no_plugin(
    watchdog: LoopWatchdog, blocks: list[Blocked], caplog: pytest.LogCaptureFixture
) -> None:
    _doze(0.3)
    await until(lambda: "What is no plugin held up" in caplog.text)
    assert not blocks
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


async def test_waiting_is_no_block(
    watchdog: LoopWatchdog, blocks: list[Blocked], plugin: dict[str, Any]
) -> None:
    await asyncio.sleep(0.4)
    await plugin["probe"](LIMIT / 5)
    await asyncio.sleep(0.2)
    assert not blocks


async def test_a_block_without_end_is_told_while_it_lasts(
    watchdog: LoopWatchdog,
    plugin: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("ucv.plugins.watchdog._LASTING", 0.1)
    await plugin["probe"](0.5)
    assert "acme at acme.py:4 (nap) holds up the hub for" in caplog.text
    assert "has not ended" in caplog.text


async def test_paths_that_cannot_be_read_are_read_again(
    file: Path, plugin: dict[str, Any], blocks: list[Blocked]
) -> None:
    calls = iter([RuntimeError("changed while it was read")])

    def paths() -> dict[str, str]:
        for error in calls:
            raise error
        return {"acme": str(file.parent)}

    watchdog = LoopWatchdog(paths, limit=LIMIT, on_block=blocks.append)
    watchdog.start()
    await plugin["probe"](0.3)
    await until(lambda: blocks)
    watchdog.stop()
    assert blocks[0].plugin == "acme"


async def test_it_can_be_stopped_twice_and_within_a_block(
    file: Path, plugin: dict[str, Any]
) -> None:
    watchdog = LoopWatchdog(lambda: {"acme": str(file)}, limit=LIMIT)
    watchdog.stop()
    watchdog.start()
    await plugin["probe"](0.2)
    watchdog.stop()
    watchdog.stop()


def test_it_works_with_the_loop_of_the_standard_library(
    file: Path, plugin: dict[str, Any], blocks: list[Blocked]
) -> None:
    async def main() -> None:
        watchdog = LoopWatchdog(lambda: {"acme": str(file)}, limit=LIMIT, on_block=blocks.append)
        watchdog.start()
        await plugin["probe"](0.3)
        await until(lambda: blocks)
        watchdog.stop()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main())
    assert blocks[0].function == "nap"


async def test_an_idle_loop_is_watched_at_next_to_no_cost(file: Path) -> None:
    watchdog = LoopWatchdog(lambda: {"acme": str(file)})
    watchdog.start()
    began = time.process_time()
    await asyncio.sleep(2)
    used = time.process_time() - began
    watchdog.stop()
    # Ten times what was measured, for machines that are slow or busy.
    assert used / 2 < 0.005


def test_a_block_can_be_noted_as_a_fault(file: Path) -> None:
    fault = Blocked("acme", str(file), 4, "nap", 1.23).as_fault()
    assert (fault.file, fault.line) == (str(file), 4)
    assert str(fault) == "It held up the hub for 1.2 s."
