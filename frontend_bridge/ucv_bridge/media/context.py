"""What the media endpoint needs of the bridge."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from ucv.clock import Clock
from ucv.streams.manager import StreamManager


class MediaHub(Protocol):
    """The parts of the hub that media come from."""

    @property
    def streams(self) -> StreamManager:
        """All live streams."""

    @property
    def clock(self) -> Clock:
        """What time it is."""


class MediaContext(Protocol):
    """The part of the bridge's context that concerns media."""

    @property
    def hub(self) -> MediaHub:
        """The hub that is served."""

    def authorize(self, request: web.Request, camera_id: str | None = None) -> object:
        """Raise `Unauthorized` or `Forbidden` if the client may not see the camera."""
