"""The entries there are: stored, each with its supervisor, changed one step at a time."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from ucv.bus import EventBus
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock
from ucv.config.drafts import EntryDraft
from ucv.entries.devices import Devices, EntrySecrets
from ucv.entries.entry import (
    EntryChanged,
    EntryConfig,
    EntryOrigin,
    EntryRemoved,
    EntryState,
    EntryStatus,
)
from ucv.entries.migration import migrated
from ucv.entries.store import EntryStore, EntryView
from ucv.entries.supervisor import EntryServices, EntrySupervisor
from ucv.errors import (
    NotFoundError,
    PluginNotLoaded,
    ReadOnlyError,
    WrongDevice,
)
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.identity import distinct_id, says_the_same
from ucv.plugins.integration import Integration
from ucv.plugins.values import DeviceInfo
from ucv.streams.manager import StreamManager
from ucv.streams.state import Reason

_log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
B = TypeVar("B", bound="EntryBook")


def wholly(
    change: Callable[Concatenate[B, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[B, P], Coroutine[Any, Any, T]]:
    """Bring a change to its end, also when whoever asked for it is cancelled meanwhile."""

    @wraps(change)
    async def changed(book: B, /, *args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(change(book, *args, **kwargs), name=change.__name__)
        book._changes.add(task)
        task.add_done_callback(book._changed)
        return await asyncio.shield(task)

    return changed


class Entry:
    """What is held for an entry."""

    __slots__ = ("config", "lock", "saving", "status", "supervisor")

    def __init__(self, config: EntryConfig) -> None:
        self.config = config
        self.status = EntryStatus()
        self.supervisor: EntrySupervisor | None = None
        # Serialises what is done to the entry: a reload waits for a delete, and so on.
        self.lock = asyncio.Lock()
        # Serialises what is stored of it, also by its supervisor, which must not wait for a change.
        self.saving = asyncio.Lock()


class EntryBook:
    """Holds the entries and their supervisors; what may be done to them, `EntryManager` says."""

    def __init__(
        self,
        *,
        bus: EventBus,
        clock: Clock,
        store: EntryStore,
        secrets: EntrySecrets,
        integrations: Mapping[str, Integration],
        calls: Calls,
        devices: Devices,
        cameras: CameraRegistry,
        streams: StreamManager,
        jitter: random.Random | None = None,
    ) -> None:
        self._bus = bus
        self._store = store
        self._secrets = secrets
        self._integrations = integrations
        self._cameras = cameras
        self._streams = streams
        self._calls = calls
        self._devices = devices
        self._entries: dict[str, Entry] = {}
        self._changes: set[asyncio.Task[Any]] = set()
        # Ids of entries that are being stored, and are not seen by anybody yet.
        self._reserved: set[str] = set()
        self._applying = asyncio.Lock()
        self._stopped = False
        self._services = EntryServices(
            bus=bus,
            clock=clock,
            calls=calls,
            devices=devices,
            cameras=cameras,
            streams=streams,
            random=jitter or random.Random(),  # noqa: S311 - jitter, not cryptography
            remember=self._remember,
            migrate=self._migrate,
            identify=self._identify,
        )
        streams.on_auth_failed = self._on_auth_failed

    def _changed(self, task: asyncio.Task[Any]) -> None:
        self._changes.discard(task)
        # Whoever asked for it may be gone, and then nobody else hears of it.
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("%s failed: %s", task.get_name(), error)

    def find_unique(self, domain: str, unique_id: str) -> EntryView | None:
        """Return the entry of a device, by what never changes of it; None if there is none."""
        for entry in self._entries.values():
            config = entry.config
            if config.integration == domain and config.unique_id == unique_id:
                return EntryView(config, entry.status)
        return None

    def _entry(self, entry_id: str, known: Entry | None = None) -> Entry:
        entry = self._entries.get(entry_id)
        if entry is None or (known is not None and entry is not known):
            raise NotFoundError("There is no such entry.", details={"entry": entry_id[:64]})
        return entry

    def _writable(self, entry_id: str) -> Entry:
        entry = self._entry(entry_id)
        if entry.config.origin is EntryOrigin.YAML:
            raise ReadOnlyError(details={"entry": entry_id})
        return entry

    def _is_taken(self, entry_id: str) -> bool:
        return entry_id in self._entries or entry_id in self._reserved

    def _config(
        self,
        draft: EntryDraft,
        origin: EntryOrigin,
        unique_id: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> EntryConfig:
        return EntryConfig(
            id=draft.id,
            integration=draft.integration,
            name=draft.name,
            origin=origin,
            data=dict(draft.data),
            secrets=frozenset(draft.secrets),
            preload=draft.preload,
            disabled=draft.disabled,
            profiles=draft.profiles,
            channels=draft.channels,
            facts=dict(facts or {}),
            unique_id=unique_id,
            version=self._version(draft.integration, 1),
        )

    async def _add(self, *new: tuple[EntryConfig, Mapping[str, str]]) -> None:
        """Add entries, each with its secrets: all of them, or none."""
        if new:
            # Before anything is awaited, so that two requests cannot both get an id.
            self._reserved |= {config.id for config, _ in new}
            await self._store_new(*new)

    @wholly
    async def _store_new(self, *new: tuple[EntryConfig, Mapping[str, str]]) -> None:
        configs = [config for config, _ in new]
        try:
            # Secrets first: a crash in between leaves no entry that lacks its password.
            await self._secrets.set_all(
                {(config.id, name): value for config, own in new for name, value in own.items()}
            )
            try:
                await self._store.save(*configs)
            except BaseException:
                for config in configs:
                    await self._secrets.delete_owner(config.id)
                raise
        finally:
            self._reserved -= {config.id for config in configs}
        for config in configs:
            entry = self._entries[config.id] = Entry(config)
            self._report(entry, entry.status)
            self._start(entry)

    @wholly
    async def _replace(
        self,
        entry: Entry,
        draft: EntryDraft,
        *,
        keep_secrets: bool,
        cleared: set[str] | frozenset[str] = frozenset(),
    ) -> None:
        def changed(old: EntryConfig) -> EntryConfig:
            kept = (old.secrets - cleared) if keep_secrets else frozenset[str]()
            data = dict(draft.data)
            same = data == dict(old.data) and draft.integration == old.integration
            return replace(
                old,
                name=draft.name,
                integration=draft.integration,
                data=data,
                facts=old.facts if same else {},
                # Another address may be that of another device.
                unique_id=old.unique_id if same or _same_device(old.data, data) else None,
                version=self._version(draft.integration, old.version),
                secrets=kept | frozenset(draft.secrets),
                preload=draft.preload,
                disabled=draft.disabled,
                profiles=draft.profiles,
                channels=draft.channels,
            )

        async with self._paused(entry):
            old = entry.config
            before = {name: await self._secrets.get(old.id, name) for name in draft.secrets}
            await self._secrets.set_all({(old.id, name): v for name, v in draft.secrets.items()})
            try:
                await self._save(entry, changed)
            except BaseException:
                await self._put_back(old.id, before)
                raise
            for name in old.secrets - entry.config.secrets:
                await self._secrets.delete(old.id, name)
            await self._devices.forgive(entry.config)

    async def _put_back(self, entry_id: str, secrets: Mapping[str, str | None]) -> None:
        for name, value in secrets.items():
            if value is None:
                await self._secrets.delete(entry_id, name)
            else:
                await self._secrets.set(entry_id, name, value)

    @wholly
    async def _delete(self, entry: Entry) -> None:
        entry_id = entry.config.id
        async with self._paused(entry):
            for camera in self._cameras.of_entry(entry_id):
                await self._cameras.remove(camera.id)
            await self._store.delete(entry_id)
            await self._secrets.delete_owner(entry_id)
            del self._entries[entry_id]
            self._bus.publish(EntryRemoved(entry_id))

    @asynccontextmanager
    async def _paused(self, entry: Entry) -> AsyncIterator[Entry]:
        """Hold an entry unloaded, and set it up again as it is then, also after a failure.

        Raises `NotFoundError` for one that was deleted while this waited for its turn.
        """
        async with entry.lock:
            self._entry(entry.config.id, entry)
            try:
                await self._stop(entry)
                yield entry
            finally:
                self._start(entry)

    async def _save(self, entry: Entry, change: Callable[[EntryConfig], EntryConfig]) -> None:
        """Store what an entry is changed to; one change after the other, so that none is lost."""
        async with entry.saving:
            config = change(entry.config)
            if config != entry.config:
                await self._store.save(config)
                entry.config = config

    def _differs(
        self, config: EntryConfig, draft: EntryDraft, stored: Mapping[tuple[str, str], str]
    ) -> bool:
        return (
            config.name != draft.name
            or config.integration != draft.integration
            or dict(config.data) != dict(draft.data)
            or config.preload != draft.preload
            or config.disabled != draft.disabled
            or config.profiles != draft.profiles
            or config.channels != draft.channels
            or config.secrets != frozenset(draft.secrets)
            or config.version != self._version(draft.integration, config.version)
            or any(stored.get((config.id, name)) != own for name, own in draft.secrets.items())
        )

    def _start(self, entry: Entry) -> None:
        if self._stopped or self._entries.get(entry.config.id) is not entry:
            return

        report = partial(self._report, entry)
        integration = self._integrations.get(entry.config.integration)
        if entry.config.disabled:
            report(EntryStatus(EntryState.DISABLED))
        elif integration is None:
            sentence = f"The integration {entry.config.integration} is not loaded."
            report(EntryStatus(EntryState.SETUP_ERROR, Reason(PluginNotLoaded.code, sentence)))
        else:
            entry.supervisor = EntrySupervisor(entry.config, integration, self._services, report)
            entry.supervisor.start()

    async def _stop(self, entry: Entry) -> None:
        supervisor, entry.supervisor = entry.supervisor, None
        if entry.status.state is not EntryState.NOT_LOADED:
            self._report(entry, EntryStatus())
        if supervisor is not None:
            await supervisor.stop()

    def _report(self, entry: Entry, status: EntryStatus) -> None:
        entry.status = status
        # Of one that was deleted while it was waited for, nobody wants to hear any more.
        if self._entries.get(entry.config.id) is entry:
            self._bus.publish(EntryChanged(entry.config, status))

    def _on_auth_failed(self, camera_id: str, reason: Reason) -> None:
        camera = self._cameras.find(camera_id)
        entry = self._entries.get(camera.entry_id) if camera is not None else None
        if entry is not None and entry.supervisor is not None:
            entry.supervisor.authentication_failed(reason)

    # --- what supervisors are given -----------------------------------------------------------

    def _version(self, domain: str, otherwise: int) -> int:
        integration = self._integrations.get(domain)
        return integration.entry_version if integration is not None else otherwise

    async def _remember(self, entry_id: str, facts: dict[str, Any]) -> EntryConfig:
        entry = self._entry(entry_id)
        await self._save(entry, lambda old: replace(old, facts={**old.facts, **facts}))
        return entry.config

    async def _identify(self, entry_id: str, known: DeviceInfo) -> str | None:
        entry = self._entry(entry_id)
        old, new = entry.config.unique_id, known.unique_id
        if new is None or (old is not None and says_the_same(old, new)):
            return old
        if old is not None:
            raise WrongDevice(
                f"The device at this address says it is {new}, but {old} is expected. If it takes "
                "its place, remove the camera and add it anew.",
                details={"expected": old, "found": new},
            )
        twin = self.find_unique(entry.config.integration, new)
        if twin is not None:
            _log.warning("%s and %s say that they are the same device", entry_id, twin.config.id)
            new = distinct_id(new, known.mac, entry.config.data.get("host"))
        await self._save(entry, lambda config: replace(config, unique_id=new))
        return new

    async def _migrate(
        self, config: EntryConfig, integration: Integration, device: Device
    ) -> EntryConfig:
        new, secrets = await migrated(config, integration, self._calls, device)
        if new is not config:
            await self._secrets.set_all({(config.id, key): own for key, own in secrets.items()})
            await self._save(
                self._entry(config.id),
                lambda old: replace(old, data=new.data, secrets=new.secrets, version=new.version),
            )
            _log.info(
                "%s was brought from version %d to %d", config.id, config.version, new.version
            )
        return new


async def each(changes: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all at once, and raise what the first of them that failed did."""
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    for failed in filter(None, outcomes):
        raise failed


def _same_device(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    where = ("host", "url", "http_port", "rtsp_port", "port")
    return all(old.get(key) == new.get(key) for key in where)
