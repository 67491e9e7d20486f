"""A hub for tests: real in every part, kept in memory, gone without a trace."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ucv.clock import Clock
from ucv.config.paths import ConfigDirectory
from ucv.entries.entry import EntryState
from ucv.entries.store import EntryView
from ucv.hub import Hub
from ucv.logs import QUIET
from ucv.plugins.hookspecs import hookimpl
from ucv.plugins.integration import Integration
from ucv.plugins.quarantine import Source
from ucv.plugins.sources import Candidate, from_path
from ucv.testing.clock import until

#: States in which an entry rests until something happens.
RESTING = frozenset(EntryState) - {EntryState.NOT_LOADED, EntryState.SETUP_IN_PROGRESS}

#: What a test may bring to a hub: an integration's class, a plugin's module, or its file or folder.
Plugin = type[Integration] | ModuleType | Path


class HubKit:
    """A running hub, and what tests do with one. ``hub`` is the whole of it."""

    def __init__(self, hub: Hub, logs: list[str]) -> None:
        self.hub = hub
        self._logs = logs

    @property
    def log_text(self) -> str:
        """All that was logged since the hub began, at every level, before redaction."""
        return "\n".join(self._logs)

    async def add(self, mapping: Mapping[str, Any]) -> EntryView:
        """Add an entry as in the YAML's list of cameras, and return it once it rests."""
        config = await self.hub.entries.create({"name": "Test camera", **mapping})
        return await self.rest(config.id)

    async def rest(self, entry_id: str) -> EntryView:
        """Wait until an entry is loaded, or has failed in some way, and return it."""
        await until(lambda: self.hub.entries.status(entry_id).state in RESTING, 40)
        return self.hub.entries.get(entry_id)

    async def reaches(self, entry_id: str, state: EntryState, timeout: float = 10.0) -> EntryView:  # noqa: ASYNC109 - a test's own limit
        """Wait until an entry has a state, and return it; raises `AssertionError` in time."""
        try:
            await until(lambda: self.hub.entries.status(entry_id).state == state, timeout)
        except TimeoutError:
            status = self.hub.entries.status(entry_id)
            raise AssertionError(
                f"{entry_id} is {status.state} after {timeout:g} s, not {state}: {status.reason}"
            ) from None
        return self.hub.entries.get(entry_id)


@asynccontextmanager
async def running_hub(
    *plugins: Plugin, clock: Clock | None = None, yaml: str = "", log_level: int = logging.DEBUG
) -> AsyncIterator[HubKit]:
    """Run a hub with the built-ins and these plugins; ``yaml`` is its ``ucv.yaml``.

    Raises `AssertionError` with file and line for a plugin that is not accepted.
    """
    with (
        tempfile.TemporaryDirectory(dir=_memory()) as folder,
        _captured(log_level) as logs,
    ):
        directory = ConfigDirectory(Path(folder))
        directory.yaml.write_text(yaml or "server:\n  port: 8321\n")
        # Safe mode: the version under test may be installed as well.
        candidates = [candidate_of(plugin) for plugin in plugins]
        hub = Hub(directory.path, clock=clock, safe_mode=True, plugins=candidates)
        await hub.start()
        try:
            for fault in hub.plugins.quarantined:
                raise AssertionError(
                    f"The plugin {fault.name} is not accepted: {fault.reason} "
                    f"({fault.file}, line {fault.line})"
                )
            yield HubKit(hub, logs)
        finally:
            await hub.stop()


def candidate_of(plugin: Plugin) -> Candidate:
    """Return what the plugin loader takes."""
    if isinstance(plugin, Path):
        return from_path(plugin)
    if isinstance(plugin, ModuleType):
        module = plugin
    else:
        module = ModuleType(f"{plugin.__module__}.{plugin.__qualname__}")

        @hookimpl
        def ucv_register_integrations(integrations: Any) -> None:
            integrations.add(plugin)

        vars(module)["ucv_register_integrations"] = ucv_register_integrations
        module.__file__ = getattr(_module_of(plugin), "__file__", "") or ""
    return Candidate(
        key=f"test:{module.__name__}",
        name=module.__name__.rpartition(".")[2],
        source=Source.INSTALLED,
        load=lambda: module,
        unload=lambda: None,
        path=str(module.__file__ or ""),
    )


def _memory() -> Path | None:
    memory = Path("/dev/shm")  # noqa: S108 - a folder with a random name is made in it
    return memory if memory.is_dir() else None


def _module_of(kind: type) -> ModuleType | None:
    return sys.modules.get(kind.__module__)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def _captured(level: int) -> Iterator[list[str]]:
    handler = _Collector()
    root = logging.getLogger()
    before = root.level
    quiet = {name: logging.getLogger(name).level for name in QUIET}
    root.addHandler(handler)
    root.setLevel(min(level, before or level))
    for name in QUIET:
        # As in a hub that people run: statements and rows tell an author nothing.
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        for name, was in quiet.items():
            logging.getLogger(name).setLevel(was)
