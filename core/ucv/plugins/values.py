"""The values an integration returns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_CHANNEL_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """Who a device says it is. What it does not tell is None.

    ``unique_id`` never changes for the device (a serial number, a MAC address): by it the device is
    recognised at a new address; make it with `ucv.stable_id`, which knows the serial numbers that
    cheap devices share. ``clock_offset`` is how far the device's clock is ahead of ours, in
    seconds.
    """

    unique_id: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    mac: str | None = None
    firmware: str | None = None
    clock_offset: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One of the cameras of a recorder, see `Integration.channels`.

    ``id`` is the recorder's own number or word for it: up to 32 letters, digits, ``-`` and ``_``,
    and it stays the same. ``name`` is what the recorder calls it. ``online`` says whether the
    recorder has a picture of it, None if it does not tell. The rest is about the camera behind
    the channel, as far as the recorder tells.
    """

    id: str
    name: str | None = None
    online: bool | None = None
    model: str | None = None
    serial: str | None = None
    mac: str | None = None
    firmware: str | None = None

    def __post_init__(self) -> None:
        if not _CHANNEL_ID.fullmatch(self.id):
            raise ValueError("The id of a channel is 1 to 32 letters, digits, - and _.")


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream a device offers.

    ``role`` says what it is for: "main", "sub", or a word of the integration's own. ``url`` holds
    no credentials, the core adds them: one with a user name or password raises `ValueError`.
    ``name`` tells streams of the same role apart and is the role if not given. ``codec``
    ("h264", "h265", "mjpeg" …) and ``audio`` ("aac", "g711a", "g711u", "g726", "opus" …, None for
    none or unknown) are what the device says of it, whether or not it can be played. ``width`` and
    ``height`` are pixels, ``frame_rate`` is pictures and ``bit_rate`` bits per second, 0 if
    unknown. ``options`` are the stream provider's own, such as ``transport``.
    """

    role: str
    url: str
    name: str | None = field(default=None, kw_only=True)
    codec: str | None = field(default=None, kw_only=True)
    width: int = field(default=0, kw_only=True)
    height: int = field(default=0, kw_only=True)
    frame_rate: float = field(default=0.0, kw_only=True)
    bit_rate: int = field(default=0, kw_only=True)
    audio: str | None = field(default=None, kw_only=True)
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
