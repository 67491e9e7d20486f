"""What the streams need to know of a camera; `ucv.cameras.camera` has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

#: Option ``source`` of streams of JPEG pictures, and their codec.
MJPEG = "mjpeg"


class ProfileLike(Protocol):
    """A stream profile of a camera."""

    @property
    def name(self) -> str:
        """Unique for the camera."""

    @property
    def role(self) -> str:
        """What the stream is for, such as "main" or "sub"."""

    @property
    def url(self) -> str:
        """Where it is, without credentials."""

    @property
    def options(self) -> Mapping[str, Any]:
        """What the provider is to know."""

    @property
    def frame_rate(self) -> float:
        """Pictures per second as configured, 0.0 for not known."""


class CameraLike(Protocol):
    """A camera with its stream profiles."""

    @property
    def id(self) -> str:
        """Its stable id."""

    @property
    def entry_id(self) -> str:
        """The device it belongs to: credentials and their failure are shared there."""

    @property
    def profiles(self) -> Sequence[ProfileLike]:
        """Its streams, names unique."""

    @property
    def preload(self) -> bool:
        """Whether the main stream is kept connected without viewers."""


def shows_jpeg(profile: ProfileLike) -> bool:
    """Say whether the stream's pictures are JPEG, which players of H.264 cannot be given."""
    return profile.options.get("source") == MJPEG
