"""All config entries: created, changed, reloaded and deleted here, whoever asks."""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from ucv.cameras.camera import Camera
from ucv.cameras.camera_event import CameraEvent
from ucv.config.drafts import EntryDraft, draft_from_mapping
from ucv.entries.book import Entry, EntryBook, each, wholly
from ucv.entries.entry import (
    ChannelChoice,
    EntryConfig,
    EntryOrigin,
    EntryState,
    EntryStatus,
)
from ucv.entries.store import EntryView
from ucv.entries.survey import Survey, survey
from ucv.entries.trial import on_trial
from ucv.errors import (
    AlreadyConfiguredError,
    CameraViewerError,
    ConnectTimeout,
    InvalidAuth,
    StreamNotLive,
)
from ucv.plugins.device import Device
from ucv.plugins.identity import normal_mac, says_the_same
from ucv.plugins.integration import Integration
from ucv.plugins.values import DeviceInfo
from ucv.streams.state import Reason

_log = logging.getLogger(__name__)

#: Seconds for finding out the addresses of a name.
RESOLVE_LIMIT = 3.0
#: Seconds that asking a device on trial for its channels and streams may take.
SURVEY_LIMIT = 30.0


class EntryManager(EntryBook):
    """Owns the entries: everything that is done to them is done here."""

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

    def loaded(self, entry_id: str, camera_id: str | None = None) -> tuple[Integration, Device]:
        """Return what a loaded entry's device, or one of its cameras, is asked through.

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
        if camera_id is None:
            return supervisor.integration, supervisor.device
        if (handle := supervisor.device_of(camera_id)) is None:
            raise StreamNotLive("The recorder has no such channel at the moment.")
        return supervisor.integration, handle

    def active_events(self, camera: Camera) -> builtins.list[CameraEvent]:
        """Return what goes on at a camera at the moment, as far as it reports."""
        entry = self._entries.get(camera.entry_id)
        if entry is None or entry.supervisor is None:
            return []
        return entry.supervisor.active_events(camera.id)

    def survey(self, entry_id: str) -> Survey | None:
        """Return what an entry's device has, whatever is used of it; None if it is not loaded.

        Raises `NotFoundError`.
        """
        supervisor = self._entry(entry_id).supervisor
        return None if supervisor is None else supervisor.survey()

    async def survey_trial(self, device: Device, domain: str) -> Survey:
        """Ask a device on trial what it has; raises what the integration does, and in time."""

        async def call(method: str, handle: Device) -> Any:
            return await self._calls.call(self._integrations[domain], method, handle, limit=None)

        try:
            async with asyncio.timeout(SURVEY_LIMIT):
                return await survey(device, call)
        except TimeoutError:
            raise ConnectTimeout("The device did not tell its streams in time.") from None

    async def is_another(self, entry_id: str, info: DeviceInfo, host: str | None) -> bool:
        """Say whether an entry's device still answers, and is another than the one at ``host``.

        For two that say they are the same: by their MAC addresses, or else by where they are.
        """
        own = await self._own_info(entry_id)
        if own is None:
            return False
        macs = normal_mac(own.mac), normal_mac(info.mac)
        if None not in macs:
            return macs[0] != macs[1]
        with suppress(CameraViewerError):
            return await resolved(self.loaded(entry_id)[1].host) != await resolved(host or "")
        return False

    async def answers(self, entry_id: str) -> bool:
        """Say whether an entry's device still answers where the entry has it."""
        return await self._own_info(entry_id) is not None

    async def _own_info(self, entry_id: str) -> DeviceInfo | None:
        """Return what an entry's device says of itself; None if it has moved."""
        try:
            integration, device = self.loaded(entry_id)
            own: DeviceInfo = await self._calls.call(integration, "probe", device)
        except CameraViewerError:
            return None  # it does not answer where it was
        known, told = self._entry(entry_id).config.unique_id, own.unique_id
        if known is not None and told is not None and not says_the_same(known, told):
            return None  # a third one answers where it was
        return own

    # --- life of the hub ----------------------------------------------------------------------

    async def start(self, drafts: builtins.list[EntryDraft]) -> None:
        """Load what is stored, bring it in line with the YAML, and set all of it up.

        Returns before the devices answer: start-up never waits for a dead camera.
        """
        for config in await self._store.list():
            self._entries[config.id] = Entry(config)
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

        async def stopped(entry: Entry) -> None:
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
        await each(map(self._delete, gone))
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
        await each(self._replace(entry, draft, keep_secrets=False) for entry, draft in changed)
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

    @wholly
    async def rename(self, entry_id: str, name: str) -> None:
        """Call an entry, and the camera that it is, something else; its stream goes on.

        Raises `NotFoundError`, `ReadOnlyError`.
        """
        entry = self._writable(entry_id)
        async with entry.lock:
            await self._save(entry, lambda old: replace(old, name=name))
            if entry.supervisor is not None:
                await entry.supervisor.choose(entry.config)
            self._report(entry, entry.status)

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
        # Also what was refused before may be tried again: a person asks for it.
        async with on_trial(draft, stored, integration, self._calls, self._devices) as reached:
            yield reached

    @wholly
    async def relocate(
        self, entry_id: str, changes: Mapping[str, Any], *, since: EntryConfig | None = None
    ) -> bool:
        """Go on with a device at the address where it was found again, and reload it at once.

        ``changes`` are fields such as ``host``. What YAML defines stays as written there: the new
        address is remembered beside it until the YAML changes. What was changed after ``since`` is
        left as it is. Returns whether the entry has the changes now.
        """
        entry = self._entry(entry_id)
        then = {} if since is None else {**since.data, **since.facts}

        def has(config: EntryConfig, fields: Mapping[str, Any]) -> bool:
            return fields.items() <= {**config.data, **config.facts}.items()

        def moved(old: EntryConfig) -> EntryConfig:
            if not has(old, {key: then[key] for key in changes if key in then}):
                return old
            if old.origin is EntryOrigin.YAML:
                return replace(old, facts={**old.facts, **changes})
            return replace(old, data={**old.data, **changes})

        if moved(entry.config) == entry.config:
            return has(entry.config, changes)
        async with self._paused(entry):
            await self._save(entry, moved)
        if entry.config.origin is EntryOrigin.YAML:
            told = ", ".join(f"{key}: {value}" for key, value in changes.items())
            _log.warning("%s was found at a new address; note it in ucv.yaml: %s", entry_id, told)
        return has(entry.config, changes)

    def refused(self, entry_id: str, reason: Reason, device: Device) -> None:
        """Stop all traffic to a device that refused its credentials, until a person acts.

        ``device`` is a handle that they were sent through: another one has other credentials by
        now.
        """
        entry = self._entries.get(entry_id)
        supervisor = entry.supervisor if entry is not None else None
        if supervisor is not None and device.is_of(supervisor.device):
            supervisor.authentication_failed(reason)

    @wholly
    async def suspend(self, domains: Collection[str]) -> None:
        """Unload the entries of some integrations: their plugin is about to go or be replaced."""

        async def suspended(entry: Entry) -> None:
            async with entry.lock:
                await self._stop(entry)

        await asyncio.gather(*map(suspended, self._of(domains)))

    @wholly
    async def resume(self, domains: Collection[str]) -> None:
        """Set the entries of some integrations up, with the integrations there are now."""
        for entry in self._of(domains):
            async with entry.lock:
                # Somebody may have reloaded it meanwhile.
                unloaded = entry.status.state in (EntryState.NOT_LOADED, EntryState.UNLOAD_FAILED)
                if unloaded and entry.supervisor is None:
                    self._start(entry)

    def _of(self, domains: Collection[str]) -> builtins.list[Entry]:
        return [e for e in self._entries.values() if e.config.integration in domains]

    @wholly
    async def reload(self, entry_id: str) -> None:
        """Unload an entry and set it up again; also what ends ``auth_failed``."""
        async with self._paused(self._entry(entry_id)) as entry:
            await self._devices.forgive(entry.config)

    @wholly
    async def choose_channels(self, entry_id: str, choices: Collection[ChannelChoice]) -> None:
        """Say what is wanted of some channels of a recorder; the others stay as they are.

        Nothing is reloaded: the other cameras go on. Raises `NotFoundError`, `ReadOnlyError`.
        """
        entry = self._writable(entry_id)

        def chosen(old: EntryConfig) -> EntryConfig:
            kept = {choice.channel: choice for choice in old.channels}
            kept.update((choice.channel, choice) for choice in choices)
            usual = {choice for choice in kept.values() if choice == ChannelChoice(choice.channel)}
            return replace(old, channels=tuple(c for c in kept.values() if c not in usual))

        async with entry.lock:
            await self._save(entry, chosen)
            if entry.supervisor is not None:
                await entry.supervisor.choose(entry.config)
            self._report(entry, entry.status)

    async def delete(self, entry_id: str) -> None:
        """Unload an entry and forget it, with its cameras and secrets."""
        await self._delete(self._writable(entry_id))


async def resolved(host: str) -> frozenset[str]:
    """Return the addresses of a host; its name if they cannot be found out."""
    try:
        async with asyncio.timeout(RESOLVE_LIMIT):
            found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, TimeoutError, UnicodeError):
        return frozenset({host.casefold()})
    return frozenset(str(address[4][0]) for address in found)
