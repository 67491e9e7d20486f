"""What a config entry is, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ucv.bus import Event
from ucv.streams.state import Reason


class EntryState(StrEnum):
    """Where an entry stands in its life."""

    NOT_LOADED = "not_loaded"
    SETUP_IN_PROGRESS = "setup_in_progress"
    LOADED = "loaded"
    SETUP_RETRY = "setup_retry"
    SETUP_ERROR = "setup_error"
    AUTH_FAILED = "auth_failed"
    MIGRATION_ERROR = "migration_error"
    UNLOAD_FAILED = "unload_failed"
    DISABLED = "disabled"


#: What may follow each state. Whatever is done to an entry, it is unloaded first: so each way from
#: one configuration to another, and to the end, leads through ``not_loaded``, unless the device was
#: not let go of. An entry that is removed leaves from ``not_loaded`` or ``unload_failed``.
TRANSITIONS: Mapping[EntryState, frozenset[EntryState]] = {
    EntryState.NOT_LOADED: frozenset(
        {
            EntryState.SETUP_IN_PROGRESS,
            # Its integration is not there.
            EntryState.SETUP_ERROR,
            EntryState.DISABLED,
            EntryState.UNLOAD_FAILED,
        }
    ),
    EntryState.SETUP_IN_PROGRESS: frozenset(EntryState)
    - {EntryState.SETUP_IN_PROGRESS, EntryState.DISABLED},
    EntryState.SETUP_RETRY: frozenset(
        {EntryState.SETUP_IN_PROGRESS, EntryState.AUTH_FAILED, EntryState.NOT_LOADED}
    ),
    EntryState.LOADED: frozenset({EntryState.AUTH_FAILED, EntryState.NOT_LOADED}),
    # In these it rests until somebody acts.
    EntryState.SETUP_ERROR: frozenset({EntryState.NOT_LOADED}),
    EntryState.AUTH_FAILED: frozenset({EntryState.NOT_LOADED}),
    EntryState.MIGRATION_ERROR: frozenset({EntryState.NOT_LOADED}),
    EntryState.DISABLED: frozenset({EntryState.NOT_LOADED}),
    EntryState.UNLOAD_FAILED: frozenset(
        {
            EntryState.NOT_LOADED,
            EntryState.SETUP_IN_PROGRESS,
            EntryState.SETUP_ERROR,
            EntryState.DISABLED,
        }
    ),
}


class EntryOrigin(StrEnum):
    """Who defined an entry."""

    YAML = "yaml"
    """The configuration file: read-only everywhere else."""
    USER = "user"
    """Someone on the page or through the API."""


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """What a person wants of one channel of a recorder: a name of its own, or not to see it."""

    channel: str
    name: str | None = None
    use: bool = True

    def to_mapping(self) -> dict[str, Any]:
        """Return it as it is written in YAML, without what is usual."""
        mapping: dict[str, Any] = {"channel": self.channel}
        if self.name is not None:
            mapping["name"] = self.name
        if not self.use:
            mapping["use"] = False
        return mapping


@dataclass(frozen=True, slots=True)
class EntryConfig:
    """An entry as stored: ``data`` follows the integration's schema and holds no secret.

    ``id`` is also the id of the camera of a one-camera entry. ``secrets`` names the secret fields
    that have a value in the store. ``facts`` is what the integration found out by itself and
    remembers, such as a path that answered; they are forgotten when ``data`` changes. ``profiles``
    names the streams to use, none: all. ``channels`` holds what is wanted of single channels of a
    recorder; those it does not name are used as they are.
    """

    id: str
    integration: str
    name: str
    origin: EntryOrigin = EntryOrigin.USER
    data: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    preload: bool = False
    disabled: bool = False
    unique_id: str | None = None
    version: int = 1
    profiles: tuple[str, ...] = ()
    channels: tuple[ChannelChoice, ...] = ()

    def channel(self, channel_id: str) -> ChannelChoice:
        """Return what is wanted of a channel."""
        known = (choice for choice in self.channels if choice.channel == channel_id)
        return next(known, ChannelChoice(channel_id))


@dataclass(frozen=True, slots=True)
class EntryStatus:
    """State with its reason; ``next_try`` is seconds since the epoch, 0.0 for none."""

    state: EntryState = EntryState.NOT_LOADED
    reason: Reason | None = None
    next_try: float = 0.0


@dataclass(frozen=True, slots=True)
class EntryChanged(Event):
    """An entry was added, or its configuration or state changed."""

    entry: EntryConfig
    status: EntryStatus


@dataclass(frozen=True, slots=True)
class EntryRemoved(Event):
    """An entry was deleted."""

    entry_id: str
