"""All config entries: created, changed, reloaded and deleted here, whoever asks."""

from __future__ import annotations

import asyncio
import builtins
import logging
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from ucv.bus import EventBus
from ucv.cameras.registry import CameraRegistry
from ucv.clock import Clock
from ucv.config.drafts import EntryDraft, draft_from_mapping
from ucv.entries.entry import (
    EntryChanged,
    EntryConfig,
    EntryOrigin,
    EntryRemoved,
    EntryState,
    EntryStatus,
)
from ucv.entries.supervisor import EntryServices, EntrySupervisor
from ucv.errors import AlreadyConfiguredError, NotFoundError, PluginError, ReadOnlyError
from ucv.plugins.integration import Integration
from ucv.streams.manager import StreamManager
from ucv.streams.source import Credentials
from ucv.streams.state import Reason

_log = logging.getLogger(__name__)

#: How many entries are set up at the same time; for one device it is always one.
CONCURRENT_SETUPS = 32


class EntryStore(Protocol):
    """Where entries are kept."""

    async def list(self) -> builtins.list[EntryConfig]:
        """Return all of them."""

    async def save(self, entry: EntryConfig) -> object:
        """Insert or replace one."""

    async def delete(self, entry_id: str) -> object:
        """Forget one."""


class EntrySecrets(Protocol):
    """Where secret fields are kept, by entry id."""

    async def get(self, owner: str, name: str) -> str | None:
        """Return the value, or None."""

    async def set(self, owner: str, name: str, value: str) -> object:
        """Store a value, encrypted."""

    async def delete(self, owner: str, name: str) -> object:
        """Forget one value."""

    async def delete_owner(self, owner: str) -> object:
        """Forget all values of an entry."""


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry with where it stands."""

    config: EntryConfig
    status: EntryStatus


class _Entry:
    """What the manager holds for an entry."""

    __slots__ = ("config", "lock", "status", "supervisor")

    def __init__(self, config: EntryConfig) -> None:
        self.config = config
        self.status = EntryStatus()
        self.supervisor: EntrySupervisor | None = None
        # Serialises what is done to the entry: a reload waits for a delete, and so on.
        self.lock = asyncio.Lock()


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
        self._entries: dict[str, _Entry] = {}
        self._setups = asyncio.Semaphore(CONCURRENT_SETUPS)
        self._device_locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._services = EntryServices(
            clock=clock,
            cameras=cameras,
            streams=streams,
            random=jitter or random.Random(),  # noqa: S311 - jitter, not cryptography
            credentials=self._credentials,
            gate=self._gate,
            remember=self._remember,
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
            if entry.supervisor is None:
                self._start(entry)

    async def stop(self) -> None:
        """Unload all entries, at the same time; each has its own time limit."""
        await asyncio.gather(*(self._stop(entry) for entry in self._entries.values()))

    async def apply_yaml(self, drafts: builtins.list[EntryDraft]) -> None:
        """Make the entries that YAML defines equal to the drafts; only what differs is touched."""
        wanted = {draft.id: draft for draft in drafts}
        for entry in builtins.list(self._entries.values()):
            if entry.config.origin is EntryOrigin.YAML and entry.config.id not in wanted:
                await self._delete(entry)
        for draft in drafts:
            entry_or_none = self._entries.get(draft.id)
            if entry_or_none is None:
                await self._add(draft, EntryOrigin.YAML)
            elif entry_or_none.config.origin is not EntryOrigin.YAML:
                _log.error(
                    "The id %s in the YAML is already that of a camera added on the page; "
                    "give one of them another id",
                    draft.id,
                )
            elif draft.loaded and await self._differs(entry_or_none.config, draft):
                await self._replace(entry_or_none, draft, keep_secrets=False)

    # --- changing -----------------------------------------------------------------------------

    async def create(self, mapping: Mapping[str, Any]) -> EntryConfig:
        """Add an entry from a mapping as in the YAML's list of cameras, and set it up.

        Raises `ValidationError` with each fault under ``details["errors"]``, or
        `AlreadyConfiguredError` for an id in use. An id made from the name gets a number instead.
        """
        draft = draft_from_mapping(mapping, self._integrations)
        if draft.id in self._entries:
            if mapping.get("id") is not None:
                raise AlreadyConfiguredError(
                    f"The id {draft.id} is in use already.", details={"id": draft.id}
                )
            number = 2
            while f"{draft.id}-{number}" in self._entries:
                number += 1
            draft = replace(draft, id=f"{draft.id}-{number}")
        entry = await self._add(draft, EntryOrigin.USER)
        return entry.config

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

    async def reload(self, entry_id: str) -> None:
        """Unload an entry and set it up again; also what ends ``auth_failed``."""
        entry = self._entry(entry_id)
        async with entry.lock:
            await self._stop(entry)
            self._start(entry)

    async def delete(self, entry_id: str) -> None:
        """Unload an entry and forget it, with its cameras and secrets."""
        await self._delete(self._writable(entry_id))

    # --- one entry ----------------------------------------------------------------------------

    def _entry(self, entry_id: str) -> _Entry:
        if (entry := self._entries.get(entry_id)) is None:
            raise NotFoundError("There is no such entry.", details={"entry": entry_id[:64]})
        return entry

    def _writable(self, entry_id: str) -> _Entry:
        entry = self._entry(entry_id)
        if entry.config.origin is EntryOrigin.YAML:
            raise ReadOnlyError(details={"entry": entry_id})
        return entry

    async def _add(self, draft: EntryDraft, origin: EntryOrigin) -> _Entry:
        config = EntryConfig(
            id=draft.id,
            integration=draft.integration,
            name=draft.name,
            origin=origin,
            data=dict(draft.data),
            secrets=frozenset(draft.secrets),
            preload=draft.preload,
            disabled=draft.disabled,
        )
        # Reserved before the first await, so that two requests cannot both get the id.
        entry = self._entries[draft.id] = _Entry(config)
        try:
            # Secrets first: a crash in between leaves no entry that lacks its password.
            for name, value in draft.secrets.items():
                await self._secrets.set(draft.id, name, value)
            await self._store.save(config)
        except BaseException:
            del self._entries[draft.id]
            raise
        self._start(entry)
        return entry

    async def _replace(
        self,
        entry: _Entry,
        draft: EntryDraft,
        *,
        keep_secrets: bool,
        cleared: set[str] | frozenset[str] = frozenset(),
    ) -> None:
        async with entry.lock:
            await self._stop(entry)
            old = entry.config
            kept = (old.secrets - cleared) if keep_secrets else frozenset[str]()
            data = dict(draft.data)
            config = replace(
                old,
                name=draft.name,
                integration=draft.integration,
                data=data,
                facts=old.facts if data == dict(old.data) else {},
                secrets=kept | frozenset(draft.secrets),
                preload=draft.preload,
                disabled=draft.disabled,
            )
            for name, value in draft.secrets.items():
                await self._secrets.set(config.id, name, value)
            await self._store.save(config)
            for name in old.secrets - config.secrets:
                await self._secrets.delete(config.id, name)
            entry.config = config
            self._start(entry)

    async def _delete(self, entry: _Entry) -> None:
        async with entry.lock:
            entry_id = entry.config.id
            if self._entries.get(entry_id) is not entry:
                return
            await self._stop(entry)
            for camera in self._cameras.of_entry(entry_id):
                await self._cameras.remove(camera.id)
            await self._store.delete(entry_id)
            await self._secrets.delete_owner(entry_id)
            del self._entries[entry_id]
            self._bus.publish(EntryRemoved(entry_id))

    async def _differs(self, config: EntryConfig, draft: EntryDraft) -> bool:
        if (
            config.name != draft.name
            or config.integration != draft.integration
            or dict(config.data) != dict(draft.data)
            or config.preload != draft.preload
            or config.disabled != draft.disabled
            or config.secrets != frozenset(draft.secrets)
        ):
            return True
        for name, value in draft.secrets.items():
            if await self._secrets.get(config.id, name) != value:
                return True
        return False

    def _start(self, entry: _Entry) -> None:
        def report(status: EntryStatus) -> None:
            entry.status = status
            self._bus.publish(EntryChanged(entry.config, status))

        integration = self._integrations.get(entry.config.integration)
        if entry.config.disabled:
            report(EntryStatus(EntryState.DISABLED))
        elif integration is None:
            sentence = f"The integration {entry.config.integration} is not loaded."
            report(EntryStatus(EntryState.SETUP_ERROR, Reason(PluginError.code, sentence)))
        else:
            entry.supervisor = EntrySupervisor(entry.config, integration, self._services, report)
            entry.supervisor.start()

    async def _stop(self, entry: _Entry) -> None:
        supervisor, entry.supervisor = entry.supervisor, None
        if supervisor is not None:
            entry.status = EntryStatus()
            await supervisor.stop()

    def _on_auth_failed(self, camera_id: str, reason: Reason) -> None:
        camera = self._cameras.find(camera_id)
        entry = self._entries.get(camera.entry_id) if camera is not None else None
        if entry is not None and entry.supervisor is not None:
            entry.supervisor.authentication_failed(reason)

    # --- what supervisors are given -----------------------------------------------------------

    async def _credentials(self, config: EntryConfig) -> Credentials | None:
        username = config.data.get("username")
        password = await self._secrets.get(config.id, "password")
        if not username and password is None:
            return None
        return Credentials(str(username or ""), password or "")

    @asynccontextmanager
    async def _gate(self, config: EntryConfig) -> AsyncIterator[None]:
        key = _device_key(config)
        lock, waiting = self._device_locks.get(key, (None, 0))
        lock = lock or asyncio.Lock()
        self._device_locks[key] = (lock, waiting + 1)
        try:
            async with lock, self._setups:
                yield
        finally:
            lock, waiting = self._device_locks[key]
            if waiting == 1:
                del self._device_locks[key]
            else:
                self._device_locks[key] = (lock, waiting - 1)

    async def _remember(self, entry_id: str, facts: dict[str, Any]) -> None:
        entry = self._entry(entry_id)
        config = replace(entry.config, facts={**entry.config.facts, **facts})
        if config.facts != entry.config.facts:
            await self._store.save(config)
            entry.config = config


def _device_key(config: EntryConfig) -> str:
    # Entries of one host share its connections and its account lock, whatever their paths.
    if host := config.data.get("host"):
        return str(host).casefold()
    if url := config.data.get("url"):
        return urlsplit(str(url)).hostname or config.id
    return config.id
