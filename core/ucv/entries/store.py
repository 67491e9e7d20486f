"""Where entries are kept, and how they are seen."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Protocol

from ucv.entries.entry import EntryConfig, EntryStatus


class EntryStore(Protocol):
    """Where entries are kept."""

    async def list(self) -> builtins.list[EntryConfig]:
        """Return all of them."""

    async def save(self, *entries: EntryConfig) -> object:
        """Insert or replace some, all or none."""

    async def delete(self, entry_id: str) -> object:
        """Forget one."""


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry with where it stands."""

    config: EntryConfig
    status: EntryStatus
