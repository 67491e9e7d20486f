"""Background tasks of one device, ended with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ucv.errors import PluginError
from ucv.plugins.quarantine import PluginFault, locate

#: Tasks one device may have at once: more is a leak.
MAX_TASKS = 64
#: Seconds that cancelled tasks get to end.
CANCEL_LIMIT = 5.0


async def without_exit(work: Awaitable[Any]) -> Any:
    """Await a plugin's work; what would end the hub if a task raised it becomes `PluginFault`."""
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        raise PluginFault(f"it raised {type(error).__name__}", *locate(error, None)) from error


def is_cancelled(error: BaseException) -> bool:
    """Whether it says that the current task is being cancelled, and was not made up by a plugin."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling() > 0)


class DeviceTasks:
    """Runs an integration's background work for one device; unloading cancels all of it.

    ``on_failure`` is told of each task that raises.
    """

    def __init__(self, owner: str, on_failure: Callable[[BaseException], object]) -> None:
        self._owner = owner
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._tasks)

    def create(self, work: Coroutine[Any, Any, Any], *, name: str = "") -> asyncio.Task[Any]:
        """Start a task; raises `PluginError` for too many, or when the device is unloaded."""
        if self._closed or len(self._tasks) >= MAX_TASKS:
            work.close()
            reason = "is unloaded" if self._closed else f"has {MAX_TASKS} tasks already"
            raise PluginError(f"No task can be started: the device {reason}.")
        name = name or getattr(work, "__qualname__", "task")
        task = asyncio.create_task(without_exit(work), name=f"{self._owner}: {name}")
        self._tasks.add(task)
        # One that was cancelled before its first step has not even begun the work.
        task.add_done_callback(lambda _task: work.close())
        task.add_done_callback(self._done)
        return task

    def end(self) -> None:
        """Cancel all tasks; no other can be started."""
        self._closed = True
        for task in self._others():
            task.cancel()

    async def cancel(self) -> None:
        """Do `end` and wait for the tasks; raises `PluginError` when one ignores it."""
        self.end()
        tasks = self._others()
        if not tasks:
            return
        _, left = await asyncio.wait(tasks, timeout=CANCEL_LIMIT)
        if left:
            names = ", ".join(sorted(task.get_name() for task in left))
            raise PluginError(f"Tasks ignore that they are cancelled: {names}")

    def _others(self) -> list[asyncio.Task[Any]]:
        return [task for task in self._tasks if task is not asyncio.current_task()]

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)
