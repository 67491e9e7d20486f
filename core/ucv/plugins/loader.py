"""Loads plugins, one after the other, and keeps the failing ones apart."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import pluggy

from ucv.clock import Clock, SystemClock
from ucv.config.problem import nearest
from ucv.plugins import hookspecs
from ucv.plugins.descriptors import Command, EventSink, Wrapper
from ucv.plugins.discovery_handlers import DiscoveryHandler
from ucv.plugins.integration import Integration
from ucv.plugins.quarantine import (
    PluginFault,
    Quarantined,
    Source,
    Stage,
    describe,
    fault_in,
    locate,
)
from ucv.plugins.registrations import (
    Commands,
    DiscoveryHandlers,
    Integrations,
    Registrations,
    StreamProviders,
)
from ucv.plugins.sources import Candidate, find
from ucv.plugins.start_marker import Held, StartMarker
from ucv.plugins.trace import Trace
from ucv.streams.providers import StreamProvider, default_providers

_log = logging.getLogger(__name__)

PROJECT = "ucv"
#: Seconds from which on an import is worth a warning: nothing else runs meanwhile.
SLOW_IMPORT = 1.0


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin in use; ``path`` is its file or folder, ``domains`` are its integrations."""

    name: str
    source: Source
    path: str
    domains: tuple[str, ...]
    candidate: Candidate = field(repr=False, compare=False)
    registrations: Registrations = field(repr=False, compare=False)


class PluginManager:
    """The plugins of one hub: what they registered, and which of them are in quarantine.

    Plugins come and go while the hub runs; every list here is of those in use at the moment.
    ``marker`` keeps over restarts which plugins end the process, or fail again and again.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        safe_mode: bool = False,
        marker: StartMarker | None = None,
    ) -> None:
        self.safe_mode = safe_mode
        self.loaded: list[LoadedPlugin] = []
        self.quarantined: list[Quarantined] = []
        self._clock = clock or SystemClock()
        self._marker = marker
        self.trace = Trace(self._clock)
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        self._hooks = [hook for hook in vars(hookspecs) if hook.startswith("ucv_")]
        self._integrations: dict[str, Integration] = {}
        # The plugins in quarantine, by name: what is needed to try them again.
        self._held: dict[str, Candidate] = {}

    @classmethod
    def load(
        cls,
        folders: Sequence[Path] = (),
        *,
        safe_mode: bool = False,
        clock: Clock | None = None,
        marker: StartMarker | None = None,
    ) -> PluginManager:
        """Load the built-ins and, unless in safe mode, installed plugins and those in folders."""
        manager = cls(clock=clock, safe_mode=safe_mode, marker=marker)
        manager.load_all(find(folders, safe_mode=safe_mode))
        return manager

    @property
    def integrations(self) -> Mapping[str, Integration]:
        """The integrations by domain; a live, read-only view."""
        return MappingProxyType(self._integrations)

    @property
    def providers(self) -> list[StreamProvider]:
        """The sources of pictures that plugins registered."""
        return [p for plugin in self.loaded for p in plugin.registrations.providers.added]

    @property
    def discovery(self) -> list[DiscoveryHandler]:
        """How devices are found."""
        return [h for plugin in self.loaded for h in plugin.registrations.handlers.added]

    @property
    def commands(self) -> list[Command]:
        """The WebSocket commands of plugins."""
        return [c for plugin in self.loaded for c in plugin.registrations.commands.added]

    @property
    def event_sinks(self) -> list[EventSink]:
        """The listeners of plugins."""
        return [s for plugin in self.loaded for s in plugin.registrations.sinks.added]

    @property
    def wrappers(self) -> list[tuple[str, Wrapper]]:
        """The wrappers around methods of integrations, each with the name of its plugin."""
        return [
            (plugin.name, wrapper)
            for plugin in self.loaded
            for wrapper in plugin.registrations.wrappers.added
        ]

    def owner_of(self, domain: str) -> str:
        """Return the name of the plugin that an integration belongs to, or the domain itself."""
        return next((p.name for p in self.loaded if domain in p.domains), domain)

    def find(self, name: str) -> LoadedPlugin | None:
        """Return the plugin of that name, or None."""
        return next((plugin for plugin in self.loaded if plugin.name == name), None)

    def paths(self) -> dict[str, str]:
        """Return the file or folder of each plugin by name; safe to call from another thread."""
        return {plugin.name: plugin.path for plugin in tuple(self.loaded) if plugin.path}

    def held(self, name: str) -> Candidate | None:
        """Return the plugin of that name that is in quarantine, or None."""
        return self._held.get(name)

    @property
    def complete(self) -> bool:
        """Whether everything that was found, or could have been, is in use."""
        return not self.safe_mode and not self.quarantined

    def load_all(self, candidates: Iterable[Candidate]) -> None:
        """Load plugins in the given order; a failing one is quarantined, as is one that is held."""
        for candidate in candidates:
            held = self._marker.held(candidate.path) if self._marker is not None else None
            if held is None:
                self.load_one(candidate)
            else:
                self._keep_apart(candidate, held)

    def load_one(self, candidate: Candidate, *, instead_of: LoadedPlugin | None = None) -> bool:
        """Load one plugin and say whether it is in use now; its faults are never raised.

        With ``instead_of``, that one is forgotten once the new one has proved good: a fault in a
        new version leaves the old one in use. One that proves good is no longer held.
        """
        self._forget_fault(candidate)
        if self._marker is None or candidate.source is Source.BUILT_IN or not candidate.path:
            return self._load(candidate, instead_of)
        with self._marker.loading(candidate.path):
            loaded = self._load(candidate, instead_of)
        if loaded and self._marker.held(candidate.path):
            self._marker.release(candidate.path)
        return loaded

    def _load(self, candidate: Candidate, instead_of: LoadedPlugin | None) -> bool:
        stage = Stage.IMPORT
        try:
            with self.trace.call(candidate.name, "import"), _search_path_kept(candidate):
                module = candidate.load()
            if (seconds := self.trace.calls[-1].seconds) >= SLOW_IMPORT:
                _log.warning("The plugin %s took %.1f s to import", candidate.name, seconds)
            stage = Stage.HOOKS
            implementations = self._register(module, candidate.key)
            stage = Stage.REGISTRATION
            registrations = self._call(candidate.name, implementations, instead_of)
        except KeyboardInterrupt:
            raise
        # Whatever else a plugin's code raises, sys.exit() included, is its own affair.
        except BaseException as error:
            self._quarantine(candidate, stage, error)
            return False
        if instead_of is not None:
            self.unload(instead_of)
        self._keep(candidate, registrations)
        return True

    def unload(self, plugin: LoadedPlugin) -> None:
        """Forget a plugin; a module from a folder leaves `sys.modules`."""
        self.loaded.remove(plugin)
        for domain in plugin.domains:
            self._integrations.pop(domain, None)
        self._pluggy.unregister(name=plugin.candidate.key)
        plugin.candidate.unload()

    def quarantine(self, plugin: LoadedPlugin, error: BaseException) -> None:
        """Take a plugin that misbehaves out of use."""
        self.unload(plugin)
        self._quarantine(plugin.candidate, Stage.RUNNING, error)
        if self._marker is not None and plugin.path:
            fault = self.quarantined[-1]
            self._marker.hold(
                plugin.path,
                Held(fault.reason, fault.at, fault.stage, fault.file, fault.line),
            )

    def close(self) -> None:
        """Forget all plugins."""
        for plugin in list(self.loaded):
            self.unload(plugin)

    def _forget_fault(self, candidate: Candidate) -> None:
        path = candidate.path
        self.quarantined = [fault for fault in self.quarantined if not path or fault.path != path]
        self._held.pop(candidate.name, None)

    def _register(self, module: ModuleType, name: str) -> list[tuple[str, pluggy.HookImpl]]:
        """Register with pluggy and return the hook implementations, with the names of the hooks."""
        _refuse_unmarked(module)
        try:
            self._pluggy.register(module, name)
        except pluggy.PluginValidationError as error:
            raise self._signature_fault(module, error) from error
        except ValueError as error:
            raise PluginFault("It is loaded already, under the same or another name.") from error
        found = []
        for caller in self._pluggy.get_hookcallers(module) or ():
            for implementation in caller.get_hookimpls():
                if implementation.plugin is module:
                    self._check_hook(caller, implementation)
                    found.append((caller.name, implementation))
        if not found:
            raise PluginFault("It implements no hook: no function is marked with @hookimpl.")
        return found

    def _check_hook(self, caller: pluggy.HookCaller, implementation: pluggy.HookImpl) -> None:
        if not caller.has_spec():
            suggestion = nearest(caller.name, self._hooks)
            hint = f"; did you mean {suggestion}?" if suggestion else "."
            raise fault_in(implementation.function, f"There is no hook {caller.name}{hint}")
        if implementation.hookwrapper or implementation.wrapper:
            raise fault_in(implementation.function, "Wrappers around hooks are not possible.")

    def _call(
        self,
        name: str,
        implementations: Sequence[tuple[str, pluggy.HookImpl]],
        instead_of: LoadedPlugin | None,
    ) -> Registrations:
        others = [plugin for plugin in self.loaded if plugin is not instead_of]
        integrations = Integrations(
            {domain: f"the plugin {p.name}" for p in others for domain in p.domains}
        )
        providers = [p.name for other in others for p in other.registrations.providers.added]
        registrations = Registrations(
            integrations=integrations,
            handlers=DiscoveryHandlers(integrations.added.keys()),
            providers=StreamProviders({*default_providers().names, *providers}),
            commands=Commands(
                [c.type for other in others for c in other.registrations.commands.added]
            ),
        )
        # In the order of the hookspecs: discovery relies on the integrations.
        for hook, implementation in sorted(implementations, key=lambda i: self._hooks.index(i[0])):
            arguments = [getattr(registrations, name) for name in implementation.argnames]
            with self.trace.call(name, hook):
                result = implementation.function(*arguments)
            if inspect.iscoroutine(result):
                result.close()
                raise fault_in(implementation.function, f"{hook} must not be async.")
        return registrations

    def _keep(self, candidate: Candidate, registrations: Registrations) -> None:
        domains = tuple(registrations.integrations.added)
        self._integrations.update(registrations.integrations.added)
        self.loaded.append(
            LoadedPlugin(
                candidate.name, candidate.source, candidate.path, domains, candidate, registrations
            )
        )
        _log.debug(
            "Loaded the %s plugin %s from %s", candidate.source, candidate.name, candidate.path
        )

    def _quarantine(self, candidate: Candidate, stage: Stage, error: BaseException) -> None:
        file, line = locate(error, Path(candidate.path or "/"))
        self._pluggy.unregister(name=candidate.key)
        candidate.unload()
        why = Held(describe(error), self._clock.time(), stage, file, line)
        self._keep_apart(candidate, why)
        _log.debug("The plugin %s failed", candidate.name, exc_info=error)

    def _keep_apart(self, candidate: Candidate, why: Held) -> None:
        name, source, path = candidate.name, candidate.source, candidate.path
        file = why.file or path
        self._held[name] = candidate
        self.quarantined.append(
            Quarantined(name, source, why.stage, why.reason, file, why.line, why.at, path)
        )
        _log.error(
            "The plugin %s (%s) is not used, %s failed at %s: %s",
            name,
            source,
            why.stage,
            f"{file}:{why.line}" if why.line else file or "its beginning",
            why.reason,
        )

    def _signature_fault(
        self, module: ModuleType, error: pluggy.PluginValidationError
    ) -> PluginFault:
        for hook in self._hooks:
            function = getattr(module, hook, None)
            spec = getattr(hookspecs, hook)
            if function is not None and not _accepts(function, spec):
                arguments = ", ".join(inspect.signature(spec).parameters)
                return fault_in(function, f"The signature must be {hook}({arguments}).")
        return PluginFault(str(error))


@contextmanager
def _search_path_kept(candidate: Candidate) -> Iterator[None]:
    """Refuse a plugin that changes where Python finds modules: those of others, from then on."""
    before = list(sys.path)
    try:
        yield
    finally:
        changed = sys.path != before
        sys.path[:] = before
    if changed and candidate.source is Source.FOLDER:
        file = Path(candidate.path)
        file = file / "__init__.py" if file.is_dir() else file
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        line = next((number for number, text in enumerate(lines, 1) if "sys.path" in text), 0)
        raise PluginFault(
            "It changes sys.path, on which all others rely; use relative imports.", str(file), line
        )


def _accepts(function: Any, spec: Any) -> bool:
    try:
        given = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return set(given) <= set(inspect.signature(spec).parameters)


def _refuse_unmarked(module: ModuleType) -> None:
    """Refuse a function that looks like a hook implementation and lacks the mark."""
    for name, value in vars(module).items():
        if (
            inspect.isfunction(value)
            and name.startswith("ucv_register_")
            and value.__module__ == module.__name__
            and not hasattr(value, f"{PROJECT}_impl")
        ):
            raise fault_in(value, f"{name} is not marked with @hookimpl.")
