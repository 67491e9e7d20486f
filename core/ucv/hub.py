"""The composition root: builds the parts, starts and stops them in order."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import ucv
from ucv.backup import refuse_interrupted
from ucv.bus import EventBus
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock, SystemClock
from ucv.config.configuration import Configuration, read, validate_cameras
from ucv.config.paths import ConfigDirectory
from ucv.configuration_runtime import ConfigurationRuntime
from ucv.diagnostics.entry import Diagnostics
from ucv.diagnostics.history import History
from ucv.discovery.coordinator import DiscoveryCoordinator
from ucv.discovery.scan.manager import ScanManager
from ucv.entries.control import CameraControl
from ucv.entries.devices import Devices, http_client
from ucv.entries.manager import EntryManager
from ucv.flows.manager import FlowManager
from ucv.http import HttpPool
from ucv.hub_lock import HubLock
from ucv.logs import set_log_level
from ucv.plugin_runtime import PluginRuntime, PluginsChanged
from ucv.plugins.calls import Calls
from ucv.plugins.discovery_handlers import ScanHandler
from ucv.plugins.faults import PluginFaults
from ucv.plugins.loader import PluginManager
from ucv.plugins.sources import Candidate
from ucv.plugins.start_marker import StartMarker
from ucv.plugins.watchdog import Blocked, LoopWatchdog
from ucv.secrets import KeyRing, Redactor, SecretStore
from ucv.storage.cameras import CameraRepository
from ucv.storage.database import Database
from ucv.storage.discovery import FoundDeviceRepository, ScanRepository
from ucv.storage.entries import EntryRepository
from ucv.storage.secrets import SecretRepository
from ucv.streams.manager import StreamManager
from ucv.streams.providers import default_providers

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_storage(
    directory: ConfigDirectory, redactor: Redactor | None = None, url: str | None = None
) -> AsyncIterator[tuple[Database, SecretStore]]:
    """Open the database and the secrets of a configuration directory, new or in use by a hub.

    ``url`` names another database than the directory's own. Every stored secret is known to the
    redactor before this returns. Raises `StorageError` and `SecretsError`.
    """
    directory.prepare()
    database = await Database.open(directory, url)
    try:
        secrets = SecretStore(
            SecretRepository(database), KeyRing(directory.storage), redactor or Redactor()
        )
        await secrets.all_values()
        yield database, secrets
    finally:
        await database.close()


class Hub:
    """Everything that runs, by name. Only the bridge and the command line hold the whole of it.

    ``redactor`` should be the one that the log handlers use. ``plugins`` are loaded beside those
    that are found.
    """

    bus: EventBus
    database: Database
    secrets: SecretStore
    plugins: PluginManager
    entries: EntryManager
    cameras: CameraRegistry
    streams: StreamManager
    calls: Calls
    faults: PluginFaults
    control: CameraControl
    diagnostics: Diagnostics
    flows: FlowManager
    discovery: DiscoveryCoordinator
    scans: ScanManager
    plugin_runtime: PluginRuntime
    configuration_runtime: ConfigurationRuntime

    def __init__(
        self,
        path: Path | str,
        *,
        clock: Clock | None = None,
        redactor: Redactor | None = None,
        safe_mode: bool = False,
        configuration: Configuration | None = None,
        plugins: Sequence[Candidate] = (),
    ) -> None:
        self.directory = ConfigDirectory(Path(path))
        self.clock: Clock = clock or SystemClock()
        self.redactor = redactor or Redactor()
        self.safe_mode = safe_mode
        self.version = ucv.__version__
        self.started_at = 0.0
        self.configuration = configuration or read(self.directory)
        self.bus = EventBus()
        self._extra_plugins = plugins
        self._resources = AsyncExitStack()

    async def start(self) -> None:
        """Start all parts; entries are set up in the background.

        Raises `HubRunning` when another hub works on the directory, `ConfigInvalid` with all
        problems of the YAML, `StorageError`, `SecretsError`; what was started by then is stopped
        again.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        began = time.perf_counter()
        self.directory.prepare()
        self._resources.enter_context(HubLock(self.directory.storage))
        refuse_interrupted(self.directory)
        self.database, self.secrets = await self._resources.enter_async_context(
            open_storage(self.directory, self.redactor, self.configuration.database)
        )
        self.plugins = load_plugins(
            self.configuration,
            self.directory,
            safe_mode=self.safe_mode,
            clock=self.clock,
            marker=StartMarker(self.directory.storage, clock=self.clock),
        )
        self._resources.callback(self.plugins.close)
        # A plugin that is being written may lie in a folder that is searched anyway.
        found = set(self.plugins.paths().values())
        self.plugins.load_all(one for one in self._extra_plugins if one.path not in found)
        drafts = validate_cameras(
            self.configuration, self.plugins.integrations, complete=self.plugins.complete
        )
        self._start_plugins()
        self._start_cameras()
        self._start_diagnostics()
        await self.cameras.load()
        await self.entries.start(drafts)
        await self._start_discovery()
        self.configuration_runtime = ConfigurationRuntime(
            self.configuration,
            bus=self.bus,
            entries=self.entries,
            plugins=self.plugins,
            on_log_level=set_log_level,
            unread={draft.integration for draft in drafts if not draft.loaded},
        )
        self._resources.push_async_callback(self.configuration_runtime.stop)
        self.configuration_runtime.start()
        self._resources.callback(self.bus.subscribe(PluginsChanged, self._on_plugins_changed))
        self.started_at = self.clock.time()
        _log.info(
            "UCV %s started in %.0f ms with %d entries from %s",
            self.version,
            (time.perf_counter() - began) * 1000,
            len(self.entries.list()),
            self.directory.path,
        )

    def _start_plugins(self) -> None:
        self.faults = PluginFaults(self.clock, on_crash_loop=self._on_crash_loop)
        self.calls = Calls(
            trace=self.plugins.trace, owner_of=self.plugins.owner_of, on_fault=self.faults.note
        )
        self._providers = default_providers()
        self.plugin_runtime = PluginRuntime(
            plugins=self.plugins,
            providers=self._providers,
            calls=self.calls,
            faults=self.faults,
            bus=self.bus,
        )
        self.plugin_runtime.start()
        self._resources.push_async_callback(self.plugin_runtime.stop)
        watchdog = LoopWatchdog(self.plugins.paths, on_block=self._on_block)
        watchdog.start()
        self._resources.callback(watchdog.stop)

    def _start_cameras(self) -> None:
        http = HttpPool(self.clock)
        self._resources.push_async_callback(http.close)
        self.streams = StreamManager(
            bus=self.bus,
            clock=self.clock,
            providers=self._providers,
            settings=self.configuration.streams,
        )
        self._resources.push_async_callback(self.streams.stop)
        self.cameras = CameraRegistry(CameraRepository(self.database), self.bus)
        devices = Devices(
            clock=self.clock,
            secrets=self.secrets,
            make_http=partial(http_client, http),
            on_fault=self._on_device_fault,
        )
        self.entries = EntryManager(
            bus=self.bus,
            clock=self.clock,
            store=EntryRepository(self.database),
            secrets=self.secrets,
            integrations=self.plugins.integrations,
            calls=self.calls,
            devices=devices,
            cameras=self.cameras,
            streams=self.streams,
        )
        self._resources.push_async_callback(self.entries.stop)
        self.flows = FlowManager(
            self.entries,
            integrations=lambda: self.plugins.integrations,
            calls=self.calls,
            bus=self.bus,
            clock=self.clock,
            redactor=self.redactor,
        )
        self._resources.push_async_callback(self.flows.stop)
        self.plugin_runtime.attach(self.entries, self.flows)
        self.control = CameraControl(
            clock=self.clock,
            calls=self.calls,
            entries=self.entries,
            cameras=self.cameras,
            streams=self.streams,
        )
        self._resources.push_async_callback(self.control.stop)

    async def _start_discovery(self) -> None:
        self.discovery = DiscoveryCoordinator(
            settings=self.configuration.discovery,
            clock=self.clock,
            bus=self.bus,
            entries=self.entries,
            cameras=self.cameras,
            flows=self.flows,
            integrations=lambda: self.plugins.integrations,
            store=FoundDeviceRepository(self.database),
            providers=self._providers,
            on_fault=self._on_device_fault,
        )
        self._resources.push_async_callback(self.discovery.stop)
        self.scans = ScanManager(
            clock=self.clock,
            handlers=self._scan_handlers,
            bus=self.bus,
            store=ScanRepository(self.database),
            on_report=self.discovery.report,
            on_fault=self._on_device_fault,
            rejections=self.discovery.rejections,
            allow_public=self.configuration.discovery.scan_public,
        )
        self._resources.push_async_callback(self.scans.stop)
        await self.discovery.start(self.plugins.discovery)

    def _scan_handlers(self) -> list[ScanHandler]:
        return [one for one in self.plugins.discovery if isinstance(one, ScanHandler)]

    def _on_plugins_changed(self, _event: PluginsChanged) -> None:
        handlers = self.plugins.discovery
        self.plugin_runtime.soon(self.discovery.listen(handlers), "listen for devices")
        self.plugin_runtime.soon(self.configuration_runtime.on_plugins_changed(), "read cameras")

    def _start_diagnostics(self) -> None:
        history = History(self.bus, self.clock)
        history.start()
        self._resources.callback(history.stop)
        self.diagnostics = Diagnostics(
            clock=self.clock,
            calls=self.calls,
            plugins=self.plugins,
            faults=self.faults,
            entries=self.entries,
            cameras=self.cameras,
            streams=self.streams,
            history=history,
            redactor=self.redactor,
        )

    def _on_device_fault(self, domain: str, what: str, error: BaseException) -> None:
        self.calls.fault(self.plugins.owner_of(domain), what, error)

    def _on_block(self, blocked: Blocked) -> None:
        self.faults.note(blocked.plugin, "the event loop", blocked.as_fault())

    def _on_crash_loop(self, name: str, error: BaseException) -> None:
        self.plugin_runtime.quarantine_soon(name, error)

    async def stop(self) -> None:
        """Stop all parts in the reverse order; cameras are torn down."""
        await self._resources.aclose()


def load_plugins(
    configuration: Configuration,
    directory: ConfigDirectory,
    *,
    safe_mode: bool = False,
    clock: Clock | None = None,
    marker: StartMarker | None = None,
) -> PluginManager:
    """Load the built-in integrations and, unless in safe mode, everybody else's."""
    folders: Sequence[Path] = [directory.custom_integrations, *configuration.plugins]
    return PluginManager.load(folders=folders, safe_mode=safe_mode, clock=clock, marker=marker)
