"""Tasks that plugins leave behind: found, named by place, and ended."""

from __future__ import annotations

import asyncio
import runpy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ucv.plugins.leaks import Leak, cancel_leaked, leaked

CODE = """\
import asyncio

async def wait():
    await asyncio.Event().wait()

async def outer():
    await wait()

async def events():
    await asyncio.Event().wait()
    yield 1

async def deaf():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

async def stubborn(gate):
    while not gate.is_set():
        try:
            await gate.wait()
        except BaseException:
            pass

async def failing():
    try:
        await wait()
    finally:
        raise ValueError
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "acme" / "__init__.py"
    file.parent.mkdir()
    file.write_text(CODE)
    return file


@pytest.fixture
def plugin(file: Path) -> dict[str, Any]:
    return runpy.run_path(str(file))


@pytest.fixture
async def tasks() -> AsyncIterator[list[asyncio.Task[Any]]]:
    tasks: list[asyncio.Task[Any]] = []
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_leak_names_the_innermost_line_of_the_plugin(
    plugin: dict[str, Any], file: Path, tasks: list[asyncio.Task[Any]]
) -> None:
    tasks.append(asyncio.create_task(plugin["outer"](), name="watch the door"))
    await asyncio.sleep(0)
    (leak,) = leaked({"acme": str(file.parent)})
    assert leak == Leak("acme", "watch the door", str(file), 4, tasks[0])
    assert str(leak) == f"watch the door at {file}:4"


async def test_a_plugin_within_somebody_elses_task_is_found(
    plugin: dict[str, Any], file: Path, tasks: list[asyncio.Task[Any]]
) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await plugin["wait"]()

    async def iterate() -> None:
        async for _ in plugin["events"]():
            raise AssertionError

    tasks.extend((asyncio.create_task(bounded()), asyncio.create_task(iterate())))
    await asyncio.sleep(0)
    assert [leak.line for leak in leaked({"acme": str(file)})] == [4, 10]


async def test_a_task_that_has_not_begun_is_found(
    plugin: dict[str, Any], file: Path, tasks: list[asyncio.Task[Any]]
) -> None:
    tasks.append(asyncio.create_task(plugin["outer"]()))
    assert [leak.line for leak in leaked({"acme": str(file)})] == [6]
    await asyncio.sleep(0)


async def test_known_tasks_and_those_of_others_are_no_leaks(
    plugin: dict[str, Any], file: Path, tasks: list[asyncio.Task[Any]]
) -> None:
    tasks.append(asyncio.create_task(plugin["wait"]()))
    tasks.append(asyncio.create_task(asyncio.sleep(60)))
    await asyncio.sleep(0)
    assert leaked({"acme": str(file)}, known={tasks[0]}) == []
    assert leaked({"acm": str(file.parent)[:-1], "none": ""}) == []
    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    assert leaked({"acme": str(file)}) == []


async def test_leaked_tasks_are_cancelled_whatever_they_do_about_it(
    plugin: dict[str, Any], file: Path, tasks: list[asyncio.Task[Any]]
) -> None:
    gate = asyncio.Event()
    works = (plugin["wait"](), plugin["failing"](), plugin["deaf"](), plugin["stubborn"](gate))
    for work in works:
        tasks.append(asyncio.create_task(work))
    await asyncio.sleep(0)
    leaks = leaked({"acme": str(file)})
    assert len(leaks) == 4
    (left,) = await cancel_leaked(leaks, limit=0.05)
    assert left.task is tasks[3]
    gate.set()
    await tasks[3]
    assert await cancel_leaked(leaks) == []
