"""The values an integration returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """Who a device says it is. What it does not tell is None.

    ``unique_id`` never changes for the device (a serial number, a MAC address): by it the device is
    recognised at a new address.
    """

    unique_id: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    mac: str | None = None
    firmware: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream a device offers.

    ``role`` says what it is for: "main", "sub", or a word of the integration's own. ``url`` holds
    no credentials, the core adds them: one with a user name or password raises `ValueError`.
    ``name`` tells streams of the same role apart and is the role if not given. ``width`` and
    ``height`` are pixels and ``frame_rate`` pictures per second, 0 if unknown. ``options`` are the
    stream provider's own, such as ``transport``.
    """

    role: str
    url: str
    name: str | None = field(default=None, kw_only=True)
    codec: str | None = field(default=None, kw_only=True)
    width: int = field(default=0, kw_only=True)
    height: int = field(default=0, kw_only=True)
    frame_rate: float = field(default=0.0, kw_only=True)
    options: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.url, str) or "://" not in self.url:
            raise ValueError("The address of a stream is text such as rtsp://192.0.2.10/live.")
        if "@" in urlsplit(self.url).netloc:
            raise ValueError("The address of a stream must not hold credentials.")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A still picture as the device encoded it."""

    data: bytes = field(repr=False)
    content_type: str = "image/jpeg"
