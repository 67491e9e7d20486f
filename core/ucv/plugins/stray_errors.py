"""Errors of plugins that nobody awaits: of tasks that they start themselves, and of callbacks."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from ucv.plugins.leaks import place_in
from ucv.plugins.places import plugin_of
from ucv.plugins.quarantine import PluginFault


class StrayErrors:
    """Tells plugins' errors apart among those that end up with the event loop.

    ``paths`` returns the file or folder of each plugin by name; ``fault`` is told the plugin's
    name, where it was, and the error. All others go on to who handled them before.
    """

    def __init__(
        self,
        paths: Callable[[], Mapping[str, str]],
        fault: Callable[[str, str, BaseException], object],
    ) -> None:
        self._paths = paths
        self._fault = fault
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Listen on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._before = self._loop.get_exception_handler()
        self._loop.set_exception_handler(self._handle)

    def stop(self) -> None:
        """End listening; harmless when it was not started."""
        if self._loop is not None:
            self._loop.set_exception_handler(self._before)
            self._loop = None

    def _handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        task = context.get("task") or context.get("future")
        what = f"task {task.get_name()}" if isinstance(task, asyncio.Task) else "a callback"
        error = context.get("exception")
        if error is None and isinstance(task, asyncio.Task):
            error = _thrown_away(task)
        plugin = self._plugin_of(error)
        if plugin is not None and error is not None:
            self._fault(plugin, what, error)
        elif self._before is not None:
            self._before(loop, context)
        else:
            loop.default_exception_handler(context)

    def _plugin_of(self, error: BaseException | None) -> str | None:
        if error is None:
            return None
        paths = self._paths()
        if isinstance(error, PluginFault):
            return plugin_of(error.file, paths)
        frames = reversed(traceback.extract_tb(error.__traceback__))
        return next(filter(None, (plugin_of(frame.filename, paths) for frame in frames)), None)


def _thrown_away(task: asyncio.Task[Any]) -> PluginFault:
    reason = (
        f"It kept no reference to the task {task.get_name()}, so that Python threw it away while "
        "it waited; start it with device.tasks.create."
    )
    return PluginFault(reason, *place_in(task))
