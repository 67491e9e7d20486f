"""Errors that end up with the event loop: those of plugins are told apart."""

from __future__ import annotations

import asyncio
import gc
import runpy
from pathlib import Path
from typing import Any

import pytest

from ucv.plugins.quarantine import locate
from ucv.plugins.stray_errors import StrayErrors

CODE = """\
import asyncio

def fail():
    1 / 0

async def watch():
    fail()

async def wait():
    await asyncio.Event().wait()
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
def told() -> list[tuple[str, str, BaseException]]:
    return []


@pytest.fixture
async def others() -> Any:
    """What goes on to the handler that was there before."""
    contexts: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: contexts.append(context))
    yield contexts
    loop.set_exception_handler(None)


@pytest.fixture
async def stray(file: Path, told: list[tuple[str, str, BaseException]], others: object) -> Any:
    stray = StrayErrors(
        lambda: {"nothing": "", "acme": str(file)},
        lambda plugin, what, error: told.append((plugin, what, error)),
    )
    stray.start()
    yield stray
    stray.stop()


async def _turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    gc.collect()


async def test_a_task_that_nobody_awaits_is_its_plugins_fault(
    stray: StrayErrors, plugin: dict[str, Any], file: Path, told: list[Any], others: list[Any]
) -> None:
    asyncio.create_task(plugin["watch"](), name="watch")  # noqa: RUF006 - what it is about
    await _turns()
    ((name, what, error),) = told
    assert (name, what) == ("acme", "task watch")
    assert locate(error, None) == (str(file), 4)
    assert not others


async def test_a_callback_that_raises_is_its_plugins_fault(
    stray: StrayErrors, plugin: dict[str, Any], told: list[Any], others: list[Any]
) -> None:
    asyncio.get_running_loop().call_soon(plugin["fail"])
    await _turns()
    ((name, what, error),) = told
    assert (name, what, type(error)) == ("acme", "a callback", ZeroDivisionError)
    assert not others


async def test_a_task_that_nobody_keeps_is_told_with_its_place(
    stray: StrayErrors, plugin: dict[str, Any], file: Path, told: list[Any], others: list[Any]
) -> None:
    asyncio.create_task(plugin["wait"](), name="lost")  # noqa: RUF006 - what it is about
    await _turns()
    ((name, what, error),) = told
    assert (name, what) == ("acme", "task lost")
    assert "kept no reference to the task lost" in str(error)
    # The collector may have ended the coroutine by then, so that only its beginning is known.
    assert error.file == str(file)
    assert error.line in (9, 10)
    assert not others


async def test_errors_of_others_go_on_to_who_handled_them_before(
    stray: StrayErrors, told: list[Any], others: list[Any]
) -> None:
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: 1 / 0)
    loop.call_exception_handler({"message": "no exception at all"})
    await _turns()
    assert not told
    assert len(others) == 2


async def test_nothing_is_told_after_the_end(
    stray: StrayErrors, plugin: dict[str, Any], told: list[Any], others: list[Any]
) -> None:
    stray.stop()
    stray.stop()
    asyncio.get_running_loop().call_soon(plugin["fail"])
    await _turns()
    assert not told
    assert len(others) == 1


async def test_without_a_handler_before_the_loops_own_is_used(
    file: Path, told: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    stray = StrayErrors(lambda: {"acme": str(file)}, lambda *fault: told.append(fault))
    stray.start()
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await _turns()
    stray.stop()
    assert not told
    assert "ZeroDivisionError" in caplog.text
