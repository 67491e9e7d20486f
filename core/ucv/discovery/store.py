"""What is remembered of found devices while the hub is not running."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ucv.discovery.merging import FoundDevice
from ucv.discovery.view import AddressSpan

#: Fields of `Sighting` that are remembered.
_TOLD = (
    *("name", "manufacturer", "model", "serial", "mac", "firmware"),
    *("http_port", "rtsp_port"),
)


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device as stored; ``data`` is plain JSON."""

    id: str
    last_seen: float
    data: Mapping[str, Any]


class DeviceStore(Protocol):
    """Keeps records of devices; raises `StorageError`."""

    async def list(self) -> builtins.list[DeviceRecord]:
        """Return all of them."""

    async def save(self, records: Sequence[DeviceRecord], *, deleted: Collection[str]) -> object:
        """Insert or replace some and delete others, in one transaction."""


class MemoryDeviceStore:
    """Keeps records for as long as the program runs."""

    def __init__(self) -> None:
        self.records: dict[str, DeviceRecord] = {}

    async def list(self) -> builtins.list[DeviceRecord]:
        """See `DeviceStore.list`."""
        return builtins.list(self.records.values())

    async def save(self, records: Sequence[DeviceRecord], *, deleted: Collection[str]) -> None:
        """See `DeviceStore.save`."""
        for device_id in deleted:
            self.records.pop(device_id, None)
        self.records.update((record.id, record) for record in records)


def record_of(device: FoundDevice) -> DeviceRecord:
    """Return what is stored of a device."""
    told = {name: device.told(name) for name in _TOLD}
    return DeviceRecord(
        device.id,
        device.last_seen,
        {
            "host": device.host,
            "first_seen": device.first_seen,
            "ignored": device.ignored,
            "entry_id": device.entry_id,
            "marks": sorted(map(list, device.marks)),
            "addresses": [
                [span.host, span.first_seen, span.last_seen] for span in device.addresses.values()
            ],
            "told": {name: value for name, value in told.items() if value is not None},
        },
    )


def device_of(record: DeviceRecord) -> FoundDevice:
    """Return the device of a record, of which nothing is known now but what it once said."""
    data = record.data
    return FoundDevice(
        id=record.id,
        host=data["host"],
        first_seen=data["first_seen"],
        last_seen=record.last_seen,
        marks={tuple(mark) for mark in data["marks"]},
        addresses={span[0]: AddressSpan(*span) for span in data["addresses"]},
        ignored=data["ignored"],
        entry_id=data["entry_id"],
        remembered=data["told"],
    )
