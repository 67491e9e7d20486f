"""A camera made of software that shows JPEG pictures over HTTP, one by one or as a stream."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from typing import Any

from ucv.testing.http_device import VirtualDevice
from ucv.testing.http_message import Answer, Request
from ucv.testing.jpeg_loop import jpeg_loop
from ucv.testing.mjpeg_quirks import QUIRKS, STYLES, checked, with_thumbnail

__all__ = ["QUIRKS", "MjpegDevice", "MultipartStyle"]


@dataclass(frozen=True, slots=True)
class MultipartStyle:
    r"""How a device writes ``multipart/x-mixed-replace``, of which there are many ways.

    - ``boundary``: as in the stream. ``declared``: as in ``Content-Type``, where devices quote it,
      put its dashes in front, or name another one (None: the same).
    - ``dashes``: what precedes the boundary in the stream; RFC 2046 says ``--``, some leave a
      blank after it or leave it out.
    - ``newline``: ``\n`` from devices that do not know better.
    - ``length``: whether parts have a ``Content-Length``; ``length_error`` is added to it, as by
      devices that count the newline after the picture.
    - ``first_boundary``: off: the stream begins with the headers of its first part.
    - ``content_type``: the answer's type; ``{}`` stands for what is declared, None: no such header.
    - ``part_header``: the name of the parts' header, in any case.
    - ``preamble``: bytes before the first boundary.
    - ``chunked``: off: the end of the connection ends the stream, as with HTTP/1.0.
    """

    boundary: str = "frame"
    declared: str | None = None
    dashes: str = "--"
    newline: str = "\r\n"
    length: bool = True
    length_error: int = 0
    first_boundary: bool = True
    content_type: str | None = "multipart/x-mixed-replace; boundary={}"
    part_header: str = "Content-Type"
    preamble: bytes = b""
    chunked: bool = False

    def headers(self) -> dict[str, str]:
        """Return the answer's headers."""
        if self.content_type is None:
            return {}
        declared = self.boundary if self.declared is None else self.declared
        return {"Content-Type": self.content_type.format(declared)}

    def delimiter(self) -> bytes:
        """Return the line between two parts, with its newline."""
        return f"{self.dashes}{self.boundary}{self.newline}".encode()

    def part(self, picture: bytes, *, first: bool) -> bytes:
        """Return one part, with the delimiter before it."""
        lines = [f"{self.part_header}: image/jpeg"]
        if self.length:
            lines.append(f"Content-Length: {len(picture) + self.length_error}")
        end = self.newline.encode()
        head = end.join([*(line.encode() for line in lines), b"", b""])
        before = self.preamble if first else b""
        if not first or self.first_boundary:
            before += self.delimiter()
        return before + head + picture + end


class MjpegDevice(VirtualDevice):
    """Shows its `pictures` under ``/video`` (a stream) and ``/snap.jpg``, in a loop in time.

    ``rate`` is pictures per second, ``seconds`` the loop's length; ``muted`` sends no more of them
    to streams that go on. ``last_frames`` ends a stream after that many. ``quirks``: names of
    `QUIRKS`; raises `ValueError` for unknown ones. Everything else is a `VirtualDevice`'s.
    """

    def __init__(
        self,
        username: str | None = None,
        password: str | None = None,
        *,
        width: int = 320,
        height: int = 180,
        rate: int = 10,
        seconds: int = 2,
        name: str = "MJPEG",
        style: MultipartStyle | None = None,
        quirks: Collection[str] = (),
        **device: Any,
    ) -> None:
        self.quirks = checked(quirks)
        if "basic-only" in self.quirks:
            device["auth"] = "basic"
        if "one-time-nonce" in self.quirks:
            device["one_time_nonces"] = True
        super().__init__(username, password, **device)
        changes = {key: value for name in quirks for key, value in STYLES.get(name, {}).items()}
        self.style = replace(style or MultipartStyle(), **changes)
        self.rate = rate
        self.muted = False
        self.last_frames: int | None = None
        self.viewers = 0
        self.sent = 0
        self.pictures: tuple[bytes, ...] = ()
        self._loop_of = (name, width, height, rate, seconds)
        self.route("/video", self._video)
        self.route("/snap.jpg", self._snapshot)

    async def start(self) -> None:
        """See `VirtualDevice.start`; the first time pictures are drawn."""
        pictures = await asyncio.to_thread(jpeg_loop, *self._loop_of)
        if "thumbnails" in self.quirks:
            pictures = tuple(with_thumbnail(picture, pictures[0]) for picture in pictures)
        self.pictures = pictures
        await super().start()

    def index_at(self, epoch: float) -> int:
        """Return which picture shows that moment (seconds since the epoch)."""
        return int(epoch * self.rate) % len(self.pictures)

    def _snapshot(self, _request: Request) -> bytes:
        return self.pictures[self.index_at(self.clock.time())]

    def _video(self, request: Request) -> Answer | bytes:
        if "stills-only" in self.quirks:
            return self._snapshot(request)
        return Answer(200, self.style.headers(), self._parts(), chunked=self.style.chunked)

    async def _parts(self) -> AsyncIterator[bytes]:
        self.viewers += 1
        count = 0
        next_one = math.floor(self.clock.time() * self.rate)
        try:
            while self.last_frames is None or count < self.last_frames:
                if not self.muted:
                    picture = self.pictures[next_one % len(self.pictures)]
                    yield self.style.part(picture, first=count == 0)
                    self.sent += 1
                    count += 1
                next_one = max(next_one + 1, math.floor(self.clock.time() * self.rate))
                await self.clock.sleep(max(0.0, next_one / self.rate - self.clock.time()))
        finally:
            self.viewers -= 1
