"""Which discovered devices are known: they have an entry, or nobody wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ucv.config.schema import keys_of
from ucv.entries.entry import EntryConfig, EntryState
from ucv.entries.manager import EntryManager
from ucv.flows import addresses
from ucv.flows.view import Discovered
from ucv.plugins.integration import Integration

#: Devices that are remembered as not wanted.
MAX_IGNORED = 1000
#: The fact of an entry that says by which key its device was discovered.
KEY_FACT = "discovery_key"


class KnownDevices:
    """Recognises discovered devices.

    Best by their unique id. Else by the key they are discovered under, which is learnt where a
    device was discovered at the place of an entry that is loaded, and so is that entry's.
    """

    def __init__(self, entries: EntryManager) -> None:
        self._entries = entries
        self._keys: dict[str, str] = {}
        self._ignored: dict[tuple[str, str], None] = {}

    def entry_of(self, found: Discovered, integration: Integration) -> EntryConfig | None:
        """Return a discovered device's entry, wherever the device is now; None for a new one."""
        for unique_id in (found.unique_id, found.key):
            if unique_id is not None:
                view = self._entries.find_unique(found.domain, unique_id)
                if view is not None:
                    return view.config
        here: EntryConfig | None = None
        for view in self._entries.list():
            entry = view.config
            if entry.integration != found.domain or _is_another(entry, found):
                continue
            key = self._keys.get(entry.id, entry.facts.get(KEY_FACT))
            if key == found.key:
                return entry
            if addresses.same_place(entry, found, keys_of(integration.schema)):
                here = entry
                if key is None and view.status.state is EntryState.LOADED:
                    self._keys[entry.id] = found.key
        return here

    def learn(self, entry_id: str, found: Discovered) -> None:
        """Know from now on that an entry is of a discovered device."""
        self._keys[entry_id] = found.key

    def forget(self, entry_id: str) -> None:
        """Forget what was learnt of an entry that is gone."""
        self._keys.pop(entry_id, None)

    def ignore(self, found: Discovered) -> None:
        """Do not offer a device any more, until the hub starts anew."""
        self._ignored.update(dict.fromkeys(_marks(found)))
        while len(self._ignored) > MAX_IGNORED:
            del self._ignored[next(iter(self._ignored))]

    def want(self, found: Discovered) -> None:
        """Offer a device again that was ignored."""
        for mark in _marks(found):
            self._ignored.pop(mark, None)

    def is_ignored(self, found: Discovered) -> bool:
        """Say whether a device is not wanted."""
        return any(mark in self._ignored for mark in _marks(found))


def facts_of(found: Discovered | None) -> Mapping[str, Any]:
    """Return what an entry remembers of its discovery."""
    return {} if found is None else {KEY_FACT: found.key}


def is_same(one: Discovered, other: Discovered) -> bool:
    """Say whether the same device was discovered twice."""
    return not set(_marks(one)).isdisjoint(_marks(other))


def is_of(entry: EntryConfig, found: Discovered, integration: Integration) -> bool:
    """Say whether an entry is of a device that was discovered, by what both say."""
    if entry.integration != found.domain or _is_another(entry, found):
        return False
    if entry.unique_id is not None and entry.unique_id in (found.unique_id, found.key):
        return True
    return addresses.same_place(entry, found, keys_of(integration.schema))


def _is_another(entry: EntryConfig, found: Discovered) -> bool:
    return None not in (entry.unique_id, found.unique_id) and entry.unique_id != found.unique_id


def _marks(found: Discovered) -> list[tuple[str, str]]:
    marks = [found.key] if found.unique_id is None else [found.key, found.unique_id]
    return [(found.domain, mark) for mark in marks]
