"""What plugins did wrong while they ran, and when that is too often."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ucv.clock import Clock
from ucv.errors import CameraViewerError, PluginError, PluginTimeout
from ucv.plugins.quarantine import describe, fault_in, locate
from ucv.plugins.tasks import is_cancelled

_log = logging.getLogger(__name__)

#: How many faults are remembered for each plugin.
KEPT = 50
#: Seconds a command of a plugin may take.
COMMAND_LIMIT = 30.0
# Of how many entries the faults are counted, for each plugin: those that failed last.
_MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """Something a plugin did wrong.

    ``at`` is seconds since the epoch, ``what`` is where ("probe of front-door"), ``reason`` one
    line; ``file`` and ``line`` are in the plugin's code, empty and 0 if that is unknown.
    """

    at: float
    what: str
    reason: str
    file: str
    line: int


@dataclass(slots=True)
class _Record:
    """What is known of one plugin; ``times`` are monotonic seconds of the latest, by entry."""

    times: dict[str, deque[float]] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=lambda: deque(maxlen=KEPT))
    looping: bool = False


class PluginFaults:
    """The faults of all plugins.

    More than ``limit`` of one plugin within ``span`` seconds are a crash loop, not counting
    together those of different entries: a dozen cameras of a kind that a plugin does not know fail
    once each, and are no reason to lose the others. ``on_crash_loop`` is told of it once, with the
    plugin's name and the last error, until the plugin is forgotten. It is called within the failing
    call and must not end the plugin there and then.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        limit: int = 10,
        span: float = 300.0,
        on_crash_loop: Callable[[str, BaseException], object] = lambda _plugin, _error: None,
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._span = span
        self._on_crash_loop = on_crash_loop
        self._records: dict[str, _Record] = {}

    def note(self, plugin: str, what: str, error: BaseException) -> None:
        """Remember that a plugin failed; ``what`` ends in "of <entry id>" if it is about one."""
        record = self._records.setdefault(plugin, _Record())
        file, line = locate(error, None)
        record.faults.append(Fault(self._clock.time(), what, describe(error), file, line))
        now = self._clock.monotonic()
        _, of, entry_id = what.rpartition(" of ")
        times = record.times.pop(entry_id if of else "", None) or deque(maxlen=self._limit + 1)
        times.append(now)
        record.times[entry_id if of else ""] = times
        if len(record.times) > _MAX_ENTRIES:
            del record.times[next(iter(record.times))]
        if not record.looping and len(times) > self._limit and now - times[0] <= self._span:
            record.looping = True
            seconds = now - times[0]
            _log.error("The plugin %s failed %d times within %.0f s", plugin, len(times), seconds)
            self._on_crash_loop(plugin, error)

    def of(self, plugin: str) -> list[Fault]:
        """Return the last faults of a plugin, the oldest first."""
        record = self._records.get(plugin)
        return list(record.faults) if record is not None else []

    def forget(self, plugin: str) -> None:
        """Begin anew with a plugin: it was reloaded, or released from quarantine."""
        self._records.pop(plugin, None)


def contain(
    plugin: str, function: Callable[..., Any], faults: PluginFaults, *, what: str = ""
) -> Callable[..., Any]:
    """Return the function of a plugin so that what it raises disturbs nobody.

    A plain function (an event sink) then returns None instead of raising. An async function (a
    command) raises only errors of `ucv.errors`: its own; `PluginTimeout` after 30 s; `PluginError`
    for all else, and when it returns what JSON has no place for. ``what`` names it in faults; its
    own name, if empty.
    """
    what = what or getattr(function, "__qualname__", "") or type(function).__name__
    if inspect.iscoroutinefunction(function):
        return _contain_command(plugin, what, function, faults)

    @functools.wraps(function)
    def sink(*arguments: Any) -> None:
        try:
            result = function(*arguments)
            if inspect.iscoroutine(result):
                result.close()
                raise TypeError(f"{what} must not be async")
        # A plugin may raise anything, and it stays its own; nothing else comes out of a plain
        # function, for a real Ctrl-C cancels the hub's main task.
        except BaseException as error:
            _note(plugin, what, error, faults)

    return sink


def _contain_command(
    plugin: str, what: str, function: Callable[..., Any], faults: PluginFaults
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def command(*arguments: Any) -> Any:
        try:
            async with asyncio.timeout(COMMAND_LIMIT) as limit:
                result = await function(*arguments)
            _check_plain(function, what, result)
        except CameraViewerError:
            raise
        except BaseException as error:  # as above
            if is_cancelled(error):
                raise
            if limit.expired() and isinstance(error, TimeoutError):
                raise PluginTimeout(
                    f"The plugin {plugin} took longer than {COMMAND_LIMIT:g} s."
                ) from error
            raise PluginError(_note(plugin, what, error, faults)) from error
        return result

    return command


def _check_plain(function: Callable[..., Any], what: str, result: Any) -> None:
    try:
        orjson.dumps(result)
    except TypeError as error:
        wrong = f"{what} must return plain JSON values: {error}"
        raise fault_in(function, wrong) from error


def _note(plugin: str, what: str, error: BaseException, faults: PluginFaults) -> str:
    """Log and remember a fault, and return a sentence about it."""
    reason = describe(error)
    file, line = locate(error, None)
    place = f" ({Path(file).name}, line {line})" if line else ""
    _log.error("The plugin %s failed, %s: %s%s", plugin, what, reason, place)
    _log.debug("The plugin %s failed, %s", plugin, what, exc_info=error)
    faults.note(plugin, what, error)
    return f"The plugin {plugin} failed: {reason}{place}"
