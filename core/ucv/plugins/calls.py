"""Calls into integrations: bounded in time, checked, traced, and wrapped by other plugins."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ucv.cameras.audio import TalkDescriptor
from ucv.cameras.imaging import DayNight
from ucv.cameras.ptz import Preset
from ucv.errors import CameraViewerError, PluginError, PluginNotLoaded, PluginTimeout
from ucv.plugins.descriptors import Wrapper
from ucv.plugins.device import Device
from ucv.plugins.integration import Integration
from ucv.plugins.leaks import deaf
from ucv.plugins.quarantine import describe, fault_in, locate
from ucv.plugins.tasks import is_cancelled, without_exit
from ucv.plugins.trace import Trace
from ucv.plugins.values import DeviceInfo, Snapshot, Stream

_log = logging.getLogger(__name__)

#: Seconds a call may take, where the caller sets no limit of its own.
LIMIT = 10.0
#: Seconds a cancelled call gets to end; then it is left behind, and named.
CANCEL_LIMIT = 5.0

#: What methods must return, where that is not None: the type, and the type within a list.
_RESULTS: Mapping[str, tuple[type | tuple[type, ...], type | None]] = {
    "probe": (DeviceInfo, None),
    "streams": (list, Stream),
    "snapshot": (Snapshot, None),
    "ptz_presets": (list, Preset),
    "ptz_create_preset": (Preset, None),
    "day_night": (DayNight, None),
    "light": (bool, None),
    "talk": (TalkDescriptor, None),
    "migrate": (dict, None),
    "diagnostics": (Mapping, None),
}

#: Methods that are about what is stored, and are not given the device.
_WITHOUT_DEVICE = frozenset({"migrate"})

#: Told of what a plugin did wrong: its name, where ("probe of front-door"), and the error.
OnFault = Callable[[str, str, BaseException], object]


class PluginFailed(PluginError):
    """A plugin's code raised what it must not."""


class Calls:
    """All calls of integrations' methods go through here.

    An error of `ucv.errors` passes through. Anything else a plugin raises, also `SystemExit`,
    becomes a `PluginError` that names file and line, and is told to ``on_fault``. ``owner_of``
    returns the plugin that an integration's domain belongs to.
    """

    def __init__(self, *, trace: Trace, owner_of: Callable[[str], str], on_fault: OnFault) -> None:
        self._trace = trace
        self.owner_of = owner_of
        self._on_fault = on_fault
        self._wrappers: list[tuple[str, Wrapper]] = []
        # What is under way, by task, and which of it was ended because its plugin is going away.
        self._running: dict[asyncio.Task[Any], str] = {}
        self._ended: set[asyncio.Task[Any]] = set()

    def set_wrappers(self, wrappers: list[tuple[str, Wrapper]]) -> None:
        """Use these from now on, each with the name of its plugin."""
        self._wrappers = sorted(wrappers, key=lambda item: item[1].priority)

    async def call(
        self,
        integration: Integration,
        method: str,
        device: Device,
        *arguments: Any,
        limit: float | None = LIMIT,
        **keywords: Any,
    ) -> Any:
        """Return what a method returns for a device; ``limit`` is in seconds, None for none.

        Raises the errors of `ucv.errors`, `PluginError` and `PluginTimeout` among them.
        """
        plugin = self.owner_of(integration.domain)
        what = f"{method} of {device.entry_id}"

        async def run(*args: Any, **kwargs: Any) -> Any:
            with self._trace.call(plugin, method, device.entry_id):
                function = getattr(integration, method)
                subject = () if method in _WITHOUT_DEVICE else (device,)
                call = partial(function, *subject, *args, **kwargs)
                result = await self._contained(plugin, what, call, limit)
                self._check(plugin, what, method, result, function)
                return result

        call: Callable[..., Awaitable[Any]] = run
        for owner, wrapper in self._wrappers:
            if wrapper.method == method:
                call = self._wrapped(owner, wrapper, device, call, what)
        return await call(*arguments, **keywords)

    async def iterate(
        self, integration: Integration, method: str, device: Device
    ) -> AsyncGenerator[Any, None]:
        """Yield what an async generator of an integration yields for a device; no time limit.

        Raises what `call` does.
        """
        plugin = self.owner_of(integration.domain)
        what = f"{method} of {device.entry_id}"
        function = getattr(integration, method)
        generator = function(device)
        if not isinstance(generator, AsyncGenerator):
            wrong = f"{method} must be an async generator: async def with yield"
            raise self.fault(plugin, what, fault_in(function, wrong))
        try:
            async for item in generator:
                yield item
        except CameraViewerError:
            raise
        except GeneratorExit:
            raise
        except BaseException as error:  # a plugin may raise anything; it stays its own
            if is_cancelled(error):
                raise
            raise self.fault(plugin, what, error) from error
        finally:
            await self._contained(plugin, f"end of {what}", generator.aclose, CANCEL_LIMIT)

    async def end(self, plugin: str) -> None:
        """End the calls of a plugin that are under way: it is replaced or taken out of use.

        They raise `PluginNotLoaded`.
        """
        tasks = {task for task, owner in self._running.items() if owner == plugin}
        for task in tasks:
            self._ended.add(task)
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CANCEL_LIMIT)

    def fault(self, plugin: str, what: str, error: BaseException) -> PluginFailed:
        """Take note of what a plugin did wrong, and return it as an error of ours."""
        reason = describe(error)
        file, line = locate(error, None)
        place = f" ({Path(file).name}, line {line})" if line else ""
        _log.error("The plugin %s failed, %s: %s%s", plugin, what, reason, place)
        _log.debug("The plugin %s failed, %s", plugin, what, exc_info=error)
        self._on_fault(plugin, what, error)
        return PluginFailed(f"The plugin {plugin} failed: {reason}{place}")

    async def _contained(
        self, plugin: str, what: str, function: Callable[[], Awaitable[Any]], limit: float | None
    ) -> Any:
        """Run a plugin's coroutine in a task of its own, so that it can be left behind."""
        code = getattr(function, "func", function)
        try:
            work = function()
        except BaseException as raised:  # nothing else is raised where nothing is awaited
            raise self.fault(plugin, what, raised) from raised
        if not inspect.isawaitable(work):
            raise self.fault(plugin, what, fault_in(code, "it must be an async function"))
        task = asyncio.create_task(without_exit(work), name=f"{plugin}: {what}")
        self._running[task] = plugin
        try:
            await asyncio.wait({task}, timeout=limit)
        except asyncio.CancelledError:
            await self._end(plugin, what, task)
            raise
        finally:
            del self._running[task]
            ended = task in self._ended
            self._ended.discard(task)
        if not task.done():
            await self._end(plugin, what, task)
            raise PluginTimeout(f"The plugin {plugin} took longer than {limit:g} s.")
        if task.cancelled():
            if ended:
                raise PluginNotLoaded(f"The plugin {plugin} was unloaded meanwhile.")
            raise self.fault(plugin, what, fault_in(code, "it cancelled itself"))
        error = task.exception()
        if error is None:
            return task.result()
        if isinstance(error, CameraViewerError):
            raise error
        raise self.fault(plugin, what, error) from error

    async def _end(self, plugin: str, what: str, task: asyncio.Task[Any]) -> None:
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_LIMIT)
        if not task.done():
            self.fault(plugin, what, deaf(task))
        elif not task.cancelled():
            task.exception()  # seen: nobody waits for it any more

    def _check(self, plugin: str, what: str, method: str, result: Any, function: Any) -> None:
        if (expected := _RESULTS.get(method)) is None:
            return
        kind, within = expected
        fits = isinstance(result, kind)
        if fits and within is not None:
            fits = all(isinstance(item, within) for item in result)
        if not fits:
            name = getattr(kind, "__name__", str(kind))
            wanted = f"{name}[{within.__name__}]" if within else name
            wrong = f"{method} must return {wanted}, not {type(result).__name__}"
            raise self.fault(plugin, what, fault_in(function, wrong))

    def _wrapped(
        self,
        owner: str,
        wrapper: Wrapper,
        device: Device,
        inner: Callable[..., Awaitable[Any]],
        what: str,
    ) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **keywords: Any) -> Any:
            answers: list[Any] = []
            failures: list[BaseException] = []
            # Runs while the wrapper's own code does, and not while the method's does.
            own_time = asyncio.timeout(LIMIT)
            loop = asyncio.get_running_loop()

            async def proceed(*given: Any, **named: Any) -> Any:
                used, kept = (given, named) if given or named else (arguments, keywords)
                own_time.reschedule(None)
                try:
                    answers.append(await inner(*used, **kept))
                except Exception as error:
                    failures.append(error)
                    raise
                finally:
                    with suppress(RuntimeError):  # it is over, and the wrapper with it
                        own_time.reschedule(loop.time() + LIMIT)
                return answers[-1]

            around = f"wrapper around {what}"
            work = partial(wrapper.function, device, proceed, *arguments, **keywords)
            with self._trace.call(owner, f"wrap {wrapper.method}", device.entry_id):
                try:
                    async with own_time:
                        result = await self._contained(owner, around, work, None)
                    self._check(owner, around, wrapper.method, result, wrapper.function)
                    return result
                except TimeoutError:
                    slow = fault_in(wrapper.function, f"it took longer than {LIMIT:g} s")
                    self.fault(owner, around, slow)
                except (PluginFailed, PluginNotLoaded) as error:
                    if error in failures:
                        raise
            # The method's own answer stands, whatever the wrapper made of it.
            return answers[-1] if answers else await inner(*arguments, **keywords)

        return call
