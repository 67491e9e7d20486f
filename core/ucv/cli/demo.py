"""The virtual cameras of ``ucv demo``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ucv.errors import PluginError
from ucv.hub import Hub

DOMAIN = "demo"


@runtime_checkable
class OffersDemo(Protocol):
    """An integration with virtual cameras to show."""

    def demo_entries(self) -> list[Mapping[str, Any]]:
        """Return mappings as in the YAML's list of cameras."""


def state_directory(name: str) -> Path:
    """Return where a command keeps its settings by default: in the user's state folder (XDG)."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / name


async def ensure_demo(hub: Hub) -> None:
    """Add the virtual cameras to a hub that has no entry yet; what a user removed stays removed."""
    integration: object = hub.plugins.integrations.get(DOMAIN)
    if not isinstance(integration, OffersDemo):
        raise PluginError("The demo integration is not loaded.")
    if not hub.entries.list():
        for mapping in integration.demo_entries():
            await hub.entries.create(mapping)
