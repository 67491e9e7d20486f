"""The plugins of a running hub: in use, replaced, taken out of use, and brought back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ucv.bus import Event, EventBus, Unsubscribe
from ucv.entries.manager import EntryManager
from ucv.errors import NotFoundError, NotSupported, PluginError
from ucv.flows.manager import FlowManager
from ucv.plugins.calls import Calls
from ucv.plugins.contained_source import contained_provider
from ucv.plugins.faults import PluginFaults, contain
from ucv.plugins.leaks import cancel_leaked, leaked
from ucv.plugins.loader import LoadedPlugin, PluginManager
from ucv.plugins.quarantine import PluginFault, Source
from ucv.plugins.sources import Candidate, from_path
from ucv.plugins.stray_errors import StrayErrors
from ucv.streams.providers import ProviderRegistry

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PluginsChanged(Event):
    """A plugin was loaded, replaced, quarantined or released."""

    plugin: str


class PluginRuntime:
    """Keeps what plugins registered connected to the parts of the hub that use it."""

    def __init__(
        self,
        *,
        plugins: PluginManager,
        providers: ProviderRegistry,
        calls: Calls,
        faults: PluginFaults,
        bus: EventBus,
    ) -> None:
        self._plugins = plugins
        self._providers = providers
        self._calls = calls
        self._faults = faults
        self._bus = bus
        self._stray_errors = StrayErrors(plugins.paths, calls.fault)
        self._provided: list[str] = []
        self._sinks: list[Unsubscribe] = []
        self._entries: EntryManager | None = None
        self._flows: FlowManager | None = None
        # One change at a time: two reloads of a plugin would load it twice.
        self._lock = asyncio.Lock()
        # Those of whoever started the hub are no plugin's, even if their code is in its file, as in
        # a test.
        self._before: set[asyncio.Task[Any]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Connect what was loaded."""
        self._before = asyncio.all_tasks()
        self._stray_errors.start()
        self._connect()

    def attach(self, entries: EntryManager, flows: FlowManager) -> None:
        """Set entries up anew, and end flows, when their plugin changes."""
        self._entries, self._flows = entries, flows

    async def stop(self) -> None:
        """Disconnect everything, and end what plugins left running; call with no entry loaded."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._disconnect()
        third_party = [p for p in self._plugins.loaded if p.source is not Source.BUILT_IN]
        await self._end_leaks({plugin.name: plugin.path for plugin in third_party if plugin.path})
        self._stray_errors.stop()

    async def reload(self, name: str) -> None:
        """Load a plugin of a folder anew, from its file as it is now; only its entries restart.

        One whose new version has a fault goes on as it was. Raises `NotFoundError`,
        `NotSupported`, and `PluginError` with the fault.
        """
        async with self._lock:
            plugin = self._plugins.find(name)
            candidate = plugin.candidate if plugin else self._plugins.held(name)
            if candidate is None:
                raise NotFoundError(f"There is no plugin {name[:64]}.")
            await self._replace(candidate, plugin)

    async def load(self, path: Path) -> None:
        """Load the plugin at a path: a new one, or a new version of one in use.

        Raises what `reload` does.
        """
        async with self._lock:
            candidate = from_path(path)
            old = next((p for p in self._plugins.loaded if p.path == candidate.path), None)
            await self._replace(candidate, old)

    async def unload(self, name: str) -> None:
        """Take a plugin out of use, because its file is gone; raises `NotFoundError`."""
        async with self._lock:
            plugin = self._plugins.find(name)
            if plugin is None:
                raise NotFoundError(f"There is no plugin {name[:64]}.")
            self._plugins.unload(plugin)
            await self._changed(name, plugin.path, plugin.domains)

    def quarantine_soon(self, name: str, error: BaseException) -> None:
        """Do `quarantine`, but not within the call that failed: that is part of what is ended."""
        self.soon(self.quarantine(name, error), f"quarantine {name}")

    def soon(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do something in the background, until it is done or `stop` ends it."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def quarantine(self, name: str, error: BaseException) -> None:
        """Take a plugin that fails again and again out of use; its entries say why."""
        async with self._lock:
            plugin = self._plugins.find(name)
            # Without a built-in, cameras of everybody would be gone: its faults are only noted.
            if plugin is None or plugin.source is Source.BUILT_IN:
                return
            self._plugins.quarantine(plugin, error)
            await self._changed(name, plugin.path, plugin.domains)

    async def _replace(self, candidate: Candidate, old: LoadedPlugin | None) -> None:
        if candidate.source is not Source.FOLDER and old is not None:
            raise NotSupported(
                "Only plugins in folders can be reloaded; restart the hub for the others."
            )
        if candidate.source is Source.FOLDER:
            candidate = from_path(Path(candidate.path))
        if not self._plugins.load_one(candidate, instead_of=old):
            fault = next(f for f in self._plugins.quarantined if f.path == candidate.path)
            self._bus.publish(PluginsChanged(candidate.name))
            place = f" ({fault.file}, line {fault.line})" if fault.line else ""
            raise PluginError(
                f"{fault.reason}{place}", details={"plugin": candidate.name, "line": fault.line}
            )
        new = self._plugins.find(candidate.name)
        domains = {*(old.domains if old else ()), *(new.domains if new else ())}
        self._faults.forget(candidate.name)
        await self._changed(candidate.name, candidate.path, domains)
        _log.info("Loaded the plugin %s", candidate.name)

    async def _changed(self, name: str, path: str, domains: Collection[str]) -> None:
        # All others stay connected. The new version has not begun anything yet, so that what runs
        # there is the old one's.
        self._disconnect()
        self._connect(but=name)
        try:
            if self._flows is not None:
                await self._flows.drop(domains)
            if self._entries is not None:
                await self._entries.suspend(domains)
            await self._calls.end(name)
            await self._end_leaks({name: path} if path else {})
        finally:
            # Also when whoever asked for it has gone: no entry may stay unloaded.
            self._disconnect()
            self._connect()
            if self._entries is not None:
                await self._entries.resume(domains)
        self._bus.publish(PluginsChanged(name))

    async def _end_leaks(self, paths: Mapping[str, str]) -> None:
        own = asyncio.current_task()
        leaks = leaked(paths, {*self._before, own} if own is not None else self._before)
        for leak in leaks:
            _log.error("The plugin %s left a task running: %s", leak.plugin, leak)
            error = PluginFault(f"It left the task {leak.task_name} running.", leak.file, leak.line)
            self._faults.note(leak.plugin, "unloading", error)
        for leak in await cancel_leaked(leaks):
            _log.error("A task of the plugin %s cannot be ended: %s", leak.plugin, leak)

    def _connect(self, *, but: str | None = None) -> None:
        plugins = [plugin for plugin in self._plugins.loaded if plugin.name != but]
        for plugin in plugins:
            for provider in plugin.registrations.providers.added:
                self._providers.add(contained_provider(plugin.name, provider, self._calls.fault))
                self._provided.append(provider.name)
        wrappers = self._plugins.wrappers
        self._calls.set_wrappers([item for item in wrappers if item[0] != but])
        for plugin in plugins:
            for sink in plugin.registrations.sinks.added:
                what = f"event sink for {sink.kind.__name__}"
                listener = contain(plugin.name, sink.handler, self._faults, what=what)
                self._sinks.append(self._bus.subscribe(sink.kind, listener))

    def _disconnect(self) -> None:
        for name in self._provided:
            self._providers.remove(name)
        self._provided.clear()
        for unsubscribe in self._sinks:
            unsubscribe()
        self._sinks.clear()
