"""Bridges are found by entry point: the core imports none."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol, cast

import typer

from ucv.hub import Hub

GROUP = "ucv.bridges"


class RunningBridge(Protocol):
    """A bridge that serves."""

    @property
    def url(self) -> str:
        """Where a person finds it."""

    @property
    def first_start_link(self) -> str | None:
        """The one-time link that makes the administrator, while there is none."""

    async def stop(self) -> None:
        """Close all connections and stop serving."""


class Bridge(Protocol):
    """What an entry point of the group ``ucv.bridges`` names."""

    async def start(self, hub: Hub, host: str, port: int) -> RunningBridge:
        """Serve a started hub; raises `CameraViewerError` where it may or can not."""

    def register_commands(self, app: typer.Typer) -> None:
        """Add the bridge's own commands to ``ucv``."""


@dataclass(frozen=True, slots=True)
class FoundBridge:
    """A bridge with the name of its entry point."""

    name: str
    bridge: Bridge


def find_bridges() -> list[FoundBridge]:
    """Return the installed bridges in the order of their names."""
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return [FoundBridge(point.name, cast("Bridge", point.load())) for point in found]
