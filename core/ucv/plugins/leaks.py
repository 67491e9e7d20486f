"""Tasks that a plugin started by itself, and that are still there when it should be gone."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import AsyncGenerator, Collection, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, cast

from ucv.plugins.places import plugin_of
from ucv.plugins.quarantine import PluginFault, is_of_a_plugin

#: Seconds that cancelled tasks get to end.
CANCEL_LIMIT = 5.0
# Seconds for the loop to notice that a coroutine was closed.
_CLOSE_LIMIT = 1.0
# An await chain is as long as a program's calls are deep; more is a circle.
_MAX_DEPTH = 1000


@dataclass(frozen=True, slots=True)
class Leak:
    """A task that runs a plugin's code; ``file`` and ``line`` are where in it the task waits."""

    plugin: str
    task_name: str
    file: str
    line: int
    task: asyncio.Task[Any] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.task_name} at {self.file}:{self.line}"


def leaked(paths: Mapping[str, str], known: Collection[asyncio.Task[Any]] = ()) -> list[Leak]:
    """Return the tasks of the running loop that are in code of these plugins, ordered by place.

    ``paths`` are the plugins' files or folders by name; ``known`` are tasks that may be there, as
    those of devices still in use. A task that a plugin made of somebody else's coroutine
    (``create_task(asyncio.sleep(…))``) cannot be told from the hub's own, and is not found.
    """
    found = []
    for task in asyncio.all_tasks():
        if task.done() or task in known:
            continue
        leak = _leak_of(task, paths)
        if leak is not None:
            found.append(leak)
    return sorted(found, key=lambda leak: (leak.file, leak.line, leak.task_name))


async def cancel_leaked(leaks: Collection[Leak], *, limit: float | None = None) -> list[Leak]:
    """Cancel these tasks, and return those that cannot be ended.

    One that has not ended after ``limit`` seconds (`CANCEL_LIMIT`, if not given) is ended by force:
    its coroutine is closed, which it would have to resist as well.
    """
    tasks = {leak.task for leak in leaks if not leak.task.done()}
    await _end(tasks, CANCEL_LIMIT if limit is None else limit)
    stubborn = {task for task in tasks if not task.done()}
    for task in stubborn:
        with suppress(BaseException):  # whatever its code raises at its end is of no interest
            cast("Coroutine[Any, Any, Any]", task.get_coro()).close()
    await _end(stubborn, _CLOSE_LIMIT)
    return [leak for leak in leaks if not leak.task.done()]


def deaf(task: asyncio.Task[Any]) -> PluginFault:
    """Return the fault of a plugin whose task ignores that it is cancelled."""
    return PluginFault("it ignores that it is cancelled", *place_in(task))


def place_in(task: asyncio.Task[Any]) -> tuple[str, int]:
    """Return the file and line of a plugin's that a task waits in, ("", 0) if there is none."""
    place = ("", 0)
    for code, frame in _chain(task.get_coro()):
        if is_of_a_plugin(Path(code.co_filename)):
            place = code.co_filename, (frame.f_lineno if frame else 0) or code.co_firstlineno
    return place


async def _end(tasks: Collection[asyncio.Task[Any]], limit: float) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        done, _ = await asyncio.wait(tasks, timeout=limit)
        for task in done:
            if not task.cancelled():
                task.exception()  # seen: nobody waits for it


def _leak_of(task: asyncio.Task[Any], paths: Mapping[str, str]) -> Leak | None:
    leak = None
    for code, frame in _chain(task.get_coro()):
        if (plugin := plugin_of(code.co_filename, paths)) is not None:
            line = frame.f_lineno if frame is not None else None
            leak = Leak(
                plugin, task.get_name(), code.co_filename, line or code.co_firstlineno, task
            )
    return leak


def _chain(awaited: Any) -> Iterator[tuple[CodeType, FrameType | None]]:
    """Yield the code of what a task runs, then of what that awaits, and so on."""
    for _ in range(_MAX_DEPTH):
        if inspect.iscoroutine(awaited):
            yield awaited.cr_code, awaited.cr_frame
            awaited = awaited.cr_await
        elif inspect.isgenerator(awaited):
            yield awaited.gi_code, awaited.gi_frame
            awaited = awaited.gi_yieldfrom
        elif inspect.isasyncgen(awaited):
            yield awaited.ag_code, awaited.ag_frame
            awaited = awaited.ag_await
        elif type(awaited).__name__.startswith("async_generator_"):
            # The step of an asynchronous generator, which alone knows whose step it is.
            awaited = next(
                (ref for ref in gc.get_referents(awaited) if isinstance(ref, AsyncGenerator)), None
            )
        else:
            return
