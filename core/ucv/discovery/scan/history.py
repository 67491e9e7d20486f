"""Scans of the past: what is stored of them, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ucv.discovery.scan.view import ScanResult, ScanView

#: Scans that are remembered, running ones not counted.
MAX_SCANS: Final = 50


@dataclass(frozen=True, slots=True)
class ScanRecord:
    """A scan that is over, with its results."""

    view: ScanView
    results: tuple[ScanResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "scan": self.view.to_json(),
            "results": [result.to_json() for result in self.results],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ScanRecord:
        """Return what `to_json` was made of; raises `KeyError`, `TypeError` or `ValueError`."""
        return cls(
            ScanView.from_json(stored["scan"]),
            tuple(ScanResult.from_json(result) for result in stored["results"]),
        )


class ScanStore(Protocol):
    """Keeps records of scans; raises `StorageError`."""

    async def save(self, record: ScanRecord) -> object:
        """Insert or replace the record of a scan."""

    async def load_all(self, limit: int) -> list[ScanRecord]:
        """Return the newest ones, the newest first."""

    async def delete_oldest(self, keep: int) -> object:
        """Delete all but the newest ``keep``."""


class MemoryScanStore:
    """Keeps records for as long as the program runs."""

    def __init__(self) -> None:
        self.records: dict[str, ScanRecord] = {}

    async def save(self, record: ScanRecord) -> None:
        """See `ScanStore.save`."""
        self.records[record.view.id] = record

    async def load_all(self, limit: int) -> list[ScanRecord]:
        """See `ScanStore.load_all`."""
        newest = sorted(self.records.values(), key=lambda one: one.view.started, reverse=True)
        return newest[:limit]

    async def delete_oldest(self, keep: int) -> None:
        """See `ScanStore.delete_oldest`."""
        for record in (await self.load_all(len(self.records)))[keep:]:
            del self.records[record.view.id]
