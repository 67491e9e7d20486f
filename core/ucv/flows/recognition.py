"""Whether a device that answers has an entry already, or only says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ucv.entries.entry import EntryConfig
from ucv.entries.manager import EntryManager
from ucv.flows import addresses
from ucv.plugins.identity import distinct_id
from ucv.plugins.values import DeviceInfo


@dataclass(frozen=True, slots=True)
class Met:
    """Who a device is: ``info``, and its ``entry`` if it has one, with what changes of that."""

    info: DeviceInfo
    entry: EntryConfig | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


async def recognise(
    entries: EntryManager, domain: str, info: DeviceInfo, data: Mapping[str, Any]
) -> Met:
    """Return the entry of a device that is reached with the fields ``data``, if it has one.

    Cheap devices share serial numbers: where the device of the entry still answers at its own
    address, this one is another, and is known by an id of its own from now on.
    """
    if info.unique_id is None:
        return Met(info)
    known = entries.find_unique(domain, info.unique_id)
    if known is None:
        return Met(info)
    entry = known.config
    changes = addresses.changes(entry, data)
    if not changes or not await entries.is_another(entry.id, info, addresses.host_of(data)):
        return Met(info, entry, changes)
    alone = replace(info, unique_id=distinct_id(info.unique_id, info.mac, addresses.host_of(data)))
    twin = entries.find_unique(domain, alone.unique_id or "")
    if twin is None:
        return Met(alone)
    return Met(alone, twin.config, addresses.changes(twin.config, data))
