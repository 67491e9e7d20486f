"""The configuration of a running hub: read again when it changes, applied as a difference."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from ucv.bus import EventBus
from ucv.config.configuration import Configuration, inspect, inspect_cameras
from ucv.config.events import ConfigurationChanged
from ucv.config.problem import Problem
from ucv.config.watch import Signature, until_changed
from ucv.entries.manager import EntryManager
from ucv.plugins.loader import PluginManager

_log = logging.getLogger(__name__)

#: Parts of the file beside ``cameras``, and whether they count at once.
_AT_ONCE: Mapping[str, bool] = {
    "log_level": True,
    "server": False,
    "streams": False,
    "discovery": False,
    "database": False,
    "plugins": False,
}


class ConfigurationRuntime:
    """Applies what people write into ``ucv.yaml`` while the hub runs.

    ``configuration`` is the last good one. ``problems`` are what is wrong with the file as it is
    now, if anything; ``restart_needed`` names what was changed and counts from the next start on.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        bus: EventBus,
        entries: EntryManager,
        plugins: PluginManager,
        on_log_level: Callable[[str], object],
        unread: Collection[str] = (),
    ) -> None:
        self.configuration = configuration
        self.problems: tuple[Problem, ...] = ()
        self.restart_needed: tuple[str, ...] = ()
        self._started = configuration
        self._bus = bus
        self._entries = entries
        self._plugins = plugins
        self._on_log_level = on_log_level
        # Integrations of cameras that could not be read because their plugin was not there.
        self._unread = frozenset(unread)
        # As they were before they were read: what was written since then is to be noticed.
        self._seen: Signature = dict(configuration.document.seen)
        self._lock = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch the files."""
        self._watching = asyncio.create_task(self._watch(), name="watch the configuration")

    async def stop(self) -> None:
        """Watch no more."""
        task, self._watching = self._watching, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def reload(self) -> ConfigurationChanged:
        """Read the files again and apply what differs; cameras that did not change go on.

        A file with problems changes nothing.
        """
        async with self._lock:
            event = await self._reload()
        self._bus.publish(event)
        return event

    async def on_plugins_changed(self) -> None:
        """Read the files again if something in them may be understood now."""
        if self.problems or not self._unread.isdisjoint(self._plugins.integrations):
            await self.reload()

    async def _reload(self) -> ConfigurationChanged:
        new, problems = await asyncio.to_thread(inspect, self.configuration.directory)
        drafts, of_cameras = await asyncio.to_thread(
            inspect_cameras, new, self._plugins.integrations, complete=self._plugins.complete
        )
        # A faulty file may name further files: mending those mends it.
        self._seen = dict(new.document.seen)
        self.problems = (*problems, *of_cameras)
        if self.problems:
            _log.error(
                "The configuration has problems; the last good one goes on:\n%s",
                "\n".join(f"  {problem}" for problem in self.problems),
            )
            return ConfigurationChanged(problems=self.problems)
        self._unread = frozenset(draft.integration for draft in drafts if not draft.loaded)
        old, self.configuration = self.configuration, new
        if new.log_level != old.log_level:
            self._on_log_level(new.log_level)
        self.restart_needed = _restart_needed(self._started, new)
        changed = tuple(sorted(await self._entries.apply_yaml(drafts)))
        _log.info(
            "Applied the configuration: %s",
            f"{len(changed)} entries changed" if changed else "nothing differs",
        )
        if self.restart_needed:
            _log.warning(
                "Changed in the configuration, but only from the next start on: %s",
                ", ".join(self.restart_needed),
            )
        return ConfigurationChanged(changed, (), self.restart_needed)

    async def _watch(self) -> None:
        while True:
            await until_changed(self._seen)
            try:
                await self.reload()
            except Exception:  # the next change may be better; watching goes on
                _log.exception("The configuration could not be applied")


def _restart_needed(started: Configuration, new: Configuration) -> tuple[str, ...]:
    return tuple(
        name
        for name, at_once in _AT_ONCE.items()
        if not at_once and getattr(started, name) != getattr(new, name)
    )
