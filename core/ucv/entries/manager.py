"""All config entries: created, changed, reloaded and deleted here, whoever asks."""

from __future__ import annotations

import asyncio
import builtins
import logging
import random
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from ucv.bus import EventBus
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock
from ucv.config.drafts import EntryDraft, draft_from_mapping
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
from ucv.entries.trial import on_trial
from ucv.errors import (
    AlreadyConfiguredError,
    InvalidAuth,
    NotFoundError,
    PluginNotLoaded,
    ReadOnlyError,
    StreamNotLive,
    WrongDevice,
)
from ucv.plugins.calls import Calls
from ucv.plugins.device import Device
from ucv.plugins.integration import Integration
from ucv.plugins.values import DeviceInfo
from ucv.streams.manager import StreamManager
from ucv.streams.state import Reason

_log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def _wholly(
    change: Callable[Concatenate[EntryManager, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[EntryManager, P], Coroutine[Any, Any, T]]:
    """Bring a change to its end, also when whoever asked for it is cancelled meanwhile."""

    @wraps(change)
    async def changed(manager: EntryManager, /, *args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(change(manager, *args, **kwargs), name=change.__name__)
        manager._changes.add(task)
        task.add_done_callback(manager._changed)
        return await asyncio.shield(task)

    return changed


class _Entry:
    """What the manager holds for an entry."""

    __slots__ = ("config", "lock", "saving", "status", "supervisor")

    def __init__(self, config: EntryConfig) -> None:
        self.config = config
        self.status = EntryStatus()
        self.supervisor: EntrySupervisor | None = None
        # Serialises what is done to the entry: a reload waits for a delete, and so on.
        self.lock = asyncio.Lock()
        # Serialises what is stored of it, also by its supervisor, which must not wait for a change.
        self.saving = asyncio.Lock()


class EntryManager:
    """Owns the entries and their supervisors."""

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
        self._entries: dict[str, _Entry] = {}
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

    # --- reading ------------------------------------------------------------------------------

    def list(self) -> builtins.list[EntryView]:
        """Return all entries in the order of their names."""
        views = [EntryView(entry.config, entry.status) for entry in self._entries.values()]
        return sorted(views, key=lambda view: (view.config.name.casefold(), view.config.id))

    def get(self, entry_id: str) -> EntryView:
        """Return one; raises `NotFoundError`."""
        entry = self._entry(entry_id)
        return EntryView(entry.config, entry.status)

    def status(self, entry_id: str) -> EntryStatus:
        """Return where an entry stands; raises `NotFoundError`."""
        return self._entry(entry_id).status

    def find_unique(self, domain: str, unique_id: str) -> EntryView | None:
        """Return the entry of a device, by what never changes of it; None if there is none."""
        for entry in self._entries.values():
            config = entry.config
            if config.integration == domain and config.unique_id == unique_id:
                return EntryView(config, entry.status)
        return None

    def loaded(self, entry_id: str) -> tuple[Integration, Device]:
        """Return what a loaded entry's device is asked through.

        Raises `NotFoundError`, `InvalidAuth` while somebody has to log in again, and
        `StreamNotLive` with the reason when it is not loaded.
        """
        entry = self._entry(entry_id)
        supervisor, status = entry.supervisor, entry.status
        if status.state is EntryState.AUTH_FAILED:
            raise InvalidAuth(status.reason.message if status.reason else "")
        if supervisor is None or supervisor.device is None:
            reason = status.reason
            raise StreamNotLive(reason.message if reason else "The camera is not set up.")
        return supervisor.integration, supervisor.device

    # --- life of the hub ----------------------------------------------------------------------

    async def start(self, drafts: builtins.list[EntryDraft]) -> None:
        """Load what is stored, bring it in line with the YAML, and set all of it up.

        Returns before the devices answer: start-up never waits for a dead camera.
        """
        for config in await self._store.list():
            self._entries[config.id] = _Entry(config)
        await self.apply_yaml(drafts)
        for camera in self._cameras.list():
            if camera.entry_id not in self._entries:
                await self._cameras.remove(camera.id)
        for entry in self._entries.values():
            if entry.supervisor is None and entry.status.state is EntryState.NOT_LOADED:
                self._start(entry)

    async def stop(self) -> None:
        """Unload all entries, at the same time; each has its own time limit.

        What is being changed is changed wholly, but nothing is set up any more.
        """
        self._stopped = True

        async def stopped(entry: _Entry) -> None:
            async with entry.lock:
                await self._stop(entry)

        await asyncio.gather(*map(stopped, self._entries.values()))
        while self._changes:
            await asyncio.wait(self._changes)

    async def apply_yaml(self, drafts: builtins.list[EntryDraft]) -> builtins.list[str]:
        """Make the entries that YAML defines equal to the drafts; only what differs is touched.

        Returns the ids of those that were added, changed or removed.
        """
        async with self._applying:
            return await self._apply_yaml(drafts)

    async def _apply_yaml(self, drafts: builtins.list[EntryDraft]) -> builtins.list[str]:
        # All at once: a thousand cameras would take a thousand times the wait for the disk, and for
        # devices that do not let go.
        wanted = {draft.id for draft in drafts}
        gone = [
            entry
            for entry in self._entries.values()
            if entry.config.origin is EntryOrigin.YAML and entry.config.id not in wanted
        ]
        await _each(map(self._delete, gone))
        touched = [entry.config.id for entry in gone]
        stored = await self._secrets.all_values()
        if self._stopped:
            return touched
        new = [draft for draft in drafts if not self._is_taken(draft.id)]
        there = [draft for draft in drafts if self._is_taken(draft.id)]
        await self._add(*((self._config(draft, EntryOrigin.YAML), draft.secrets) for draft in new))
        touched += [draft.id for draft in new]
        changed = []
        for draft in there:
            current = self._entries.get(draft.id)
            if current is None or current.config.origin is not EntryOrigin.YAML:
                _log.error(
                    "The id %s in the YAML is already that of a camera added on the page; "
                    "give one of them another id",
                    draft.id,
                )
            elif draft.loaded and self._differs(current.config, draft, stored):
                changed.append((current, draft))
        await _each(self._replace(entry, draft, keep_secrets=False) for entry, draft in changed)
        return touched + [draft.id for _, draft in changed]

    # --- changing -----------------------------------------------------------------------------

    async def create(
        self,
        mapping: Mapping[str, Any],
        *,
        unique_id: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> EntryConfig:
        """Add an entry from a mapping as in the YAML's list of cameras, and set it up.

        ``unique_id`` and ``facts`` are what asking the device on trial has told. Raises
        `ValidationError` with each fault under ``details["errors"]``, or `AlreadyConfiguredError`
        for an id in use. An id made from the name gets a number instead.
        """
        draft = draft_from_mapping(mapping, self._integrations)
        if self._is_taken(draft.id):
            if mapping.get("id") is not None:
                raise AlreadyConfiguredError(
                    f"The id {draft.id} is in use already.", details={"id": draft.id}
                )
            number = 2
            while self._is_taken(f"{draft.id}-{number}"):
                number += 1
            draft = replace(draft, id=f"{draft.id}-{number}")
        config = self._config(draft, EntryOrigin.USER, unique_id, facts)
        await self._add((config, draft.secrets))
        return config

    async def update(self, entry_id: str, mapping: Mapping[str, Any]) -> EntryConfig:
        """Replace what an entry is configured with, and reload it.

        Secret fields that the mapping does not name keep their value; None forgets it. Raises
        `NotFoundError`, `ReadOnlyError`, `ValidationError`.
        """
        entry = self._writable(entry_id)
        given = {key: value for key, value in mapping.items() if value is not None}
        cleared = {key for key, value in mapping.items() if value is None}
        draft = draft_from_mapping(
            {**given, "id": entry_id},
            self._integrations,
            stored_secrets=entry.config.secrets - cleared,
        )
        await self._replace(entry, draft, keep_secrets=True, cleared=cleared)
        return entry.config

    @asynccontextmanager
    async def trial(
        self, mapping: Mapping[str, Any], *, entry_id: str | None = None
    ) -> AsyncIterator[tuple[Device, DeviceInfo]]:
        """Reach a device with a configuration that is not stored, and let go of it afterwards.

        With ``entry_id``, secrets that the mapping does not name are that entry's. The device's
        ``facts`` are what the integration remembered. Raises `ValidationError`, and what
        `Integration.setup` and `Integration.probe` raise.
        """
        stored = self._entry(entry_id).config if entry_id is not None else None
        draft = draft_from_mapping(
            mapping if stored is None else {**mapping, "id": entry_id},
            self._integrations,
            stored_secrets=stored.secrets if stored else (),
        )
        integration = self._integrations[draft.integration]
        async with on_trial(draft, stored, integration, self._calls, self._devices) as reached:
            yield reached

    @_wholly
    async def relocate(self, entry_id: str, changes: Mapping[str, Any]) -> None:
        """Go on with a device at the address where it was found again, and reload it at once.

        ``changes`` are fields such as ``host``. What YAML defines stays as written there: the new
        address is remembered beside it until the YAML changes.
        """
        entry = self._entry(entry_id)

        def moved(old: EntryConfig) -> EntryConfig:
            if old.origin is EntryOrigin.YAML:
                return replace(old, facts={**old.facts, **changes})
            return replace(old, data={**old.data, **changes})

        if moved(entry.config) == entry.config:
            return
        async with self._paused(entry):
            await self._save(entry, moved)
        if entry.config.origin is EntryOrigin.YAML:
            _log.warning(
                "%s was found at a new address; note it in ucv.yaml: %s",
                entry_id,
                ", ".join(f"{key}: {value}" for key, value in changes.items()),
            )

    def refused(self, entry_id: str, reason: Reason, device: Device) -> None:
        """Stop all traffic to a device that refused its credentials, until a person acts.

        ``device`` is the handle they were sent through: another one has other credentials by now.
        """
        entry = self._entries.get(entry_id)
        supervisor = entry.supervisor if entry is not None else None
        if supervisor is not None and supervisor.device is device:
            supervisor.authentication_failed(reason)

    @_wholly
    async def suspend(self, domains: Collection[str]) -> None:
        """Unload the entries of some integrations: their plugin is about to go or be replaced."""

        async def suspended(entry: _Entry) -> None:
            async with entry.lock:
                await self._stop(entry)

        await asyncio.gather(*map(suspended, self._of(domains)))

    @_wholly
    async def resume(self, domains: Collection[str]) -> None:
        """Set the entries of some integrations up, with the integrations there are now."""
        for entry in self._of(domains):
            async with entry.lock:
                # Somebody may have reloaded it meanwhile.
                unloaded = entry.status.state in (EntryState.NOT_LOADED, EntryState.UNLOAD_FAILED)
                if unloaded and entry.supervisor is None:
                    self._start(entry)

    def _of(self, domains: Collection[str]) -> builtins.list[_Entry]:
        return [e for e in self._entries.values() if e.config.integration in domains]

    @_wholly
    async def reload(self, entry_id: str) -> None:
        """Unload an entry and set it up again; also what ends ``auth_failed``."""
        async with self._paused(self._entry(entry_id)):
            pass

    async def delete(self, entry_id: str) -> None:
        """Unload an entry and forget it, with its cameras and secrets."""
        await self._delete(self._writable(entry_id))

    def _changed(self, task: asyncio.Task[Any]) -> None:
        self._changes.discard(task)
        # Whoever asked for it may be gone, and then nobody else hears of it.
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("%s failed: %s", task.get_name(), error)

    # --- one entry ----------------------------------------------------------------------------

    def _entry(self, entry_id: str, known: _Entry | None = None) -> _Entry:
        entry = self._entries.get(entry_id)
        if entry is None or (known is not None and entry is not known):
            raise NotFoundError("There is no such entry.", details={"entry": entry_id[:64]})
        return entry

    def _writable(self, entry_id: str) -> _Entry:
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

    @_wholly
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
            entry = self._entries[config.id] = _Entry(config)
            self._report(entry, entry.status)
            self._start(entry)

    @_wholly
    async def _replace(
        self,
        entry: _Entry,
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

    async def _put_back(self, entry_id: str, secrets: Mapping[str, str | None]) -> None:
        for name, value in secrets.items():
            if value is None:
                await self._secrets.delete(entry_id, name)
            else:
                await self._secrets.set(entry_id, name, value)

    @_wholly
    async def _delete(self, entry: _Entry) -> None:
        entry_id = entry.config.id
        async with self._paused(entry):
            for camera in self._cameras.of_entry(entry_id):
                await self._cameras.remove(camera.id)
            await self._store.delete(entry_id)
            await self._secrets.delete_owner(entry_id)
            del self._entries[entry_id]
            self._bus.publish(EntryRemoved(entry_id))

    @asynccontextmanager
    async def _paused(self, entry: _Entry) -> AsyncIterator[None]:
        """Hold an entry unloaded, and set it up again as it is then, also after a failure.

        Raises `NotFoundError` for one that was deleted while this waited for its turn.
        """
        async with entry.lock:
            self._entry(entry.config.id, entry)
            try:
                await self._stop(entry)
                yield
            finally:
                self._start(entry)

    async def _save(self, entry: _Entry, change: Callable[[EntryConfig], EntryConfig]) -> None:
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
            or config.secrets != frozenset(draft.secrets)
            or config.version != self._version(draft.integration, config.version)
            or any(stored.get((config.id, name)) != own for name, own in draft.secrets.items())
        )

    def _start(self, entry: _Entry) -> None:
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

    async def _stop(self, entry: _Entry) -> None:
        supervisor, entry.supervisor = entry.supervisor, None
        if entry.status.state is not EntryState.NOT_LOADED:
            self._report(entry, EntryStatus())
        if supervisor is not None:
            await supervisor.stop()

    def _report(self, entry: _Entry, status: EntryStatus) -> None:
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

    async def _identify(self, entry_id: str, known: DeviceInfo) -> None:
        entry = self._entry(entry_id)
        old, new = entry.config.unique_id, known.unique_id
        if new is None or new == old:
            return
        if old is not None:
            raise WrongDevice(
                f"The device at this address says it is {new}, but {old} is expected. If it takes "
                "its place, remove the camera and add it anew.",
                details={"expected": old, "found": new},
            )
        twin = self.find_unique(entry.config.integration, new)
        if twin is not None:
            _log.warning("%s and %s say that they are the same device", entry_id, twin.config.id)
        await self._save(entry, lambda config: replace(config, unique_id=new))

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


async def _each(changes: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all at once, and raise what the first of them that failed did."""
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    for failed in filter(None, outcomes):
        raise failed


def _same_device(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    where = ("host", "url", "http_port", "rtsp_port", "port")
    return all(old.get(key) == new.get(key) for key in where)
