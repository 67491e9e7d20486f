"""What a source of pictures is, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ucv.media.access_unit import AccessUnit, VideoFormat


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and password as the wire needs them; the password never shows in a repr."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """Where to read from.

    ``url`` holds no credentials. ``options`` are the provider's own, such as ``transport``.
    """

    url: str
    credentials: Credentials | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class SourceSink(Protocol):
    """Where a source delivers. Called on the event loop; must return quickly."""

    def on_format(self, video_format: VideoFormat) -> None:
        """Take the format of what follows: before the first picture, and when it changes."""

    def on_access_unit(self, unit: AccessUnit) -> None:
        """Take one picture, with its buffer."""

    def on_loss(self, packets: int) -> None:
        """Count RTP packets (or, without RTP, pictures) that never arrived."""

    def on_bytes(self, count: int) -> None:
        """Count bytes as they are read from the network, for the bit rate."""


class Source(Protocol):
    """One connection to one stream of a camera."""

    async def run(self, sink: SourceSink) -> None:
        """Connect, deliver until cancelled, and tear down on the way out.

        Never returns normally while the camera could still send: it raises a `CameraViewerError`
        whose type says what happened (`InvalidAuth`, `ConnectTimeout`, `ConnectionClosed` …).
        """
