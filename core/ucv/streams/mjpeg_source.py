"""Reads cameras that show JPEG pictures over HTTP, as a stream of parts or one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

from ucv.clock import Clock
from ucv.errors import (
    ConnectionClosed,
    ConnectTimeout,
    InvalidAuth,
    ProtocolError,
    StreamStalled,
    ValidationError,
)
from ucv.http import DeviceHttp, HttpPool, HttpStream
from ucv.lockout import Lockout
from ucv.media.access_unit import HEADROOM, AccessUnit, VideoFormat
from ucv.media.errors import MediaError
from ucv.media.jpeg import picture_size
from ucv.media.mjpeg import MjpegParser
from ucv.media.multipart import boundary_of
from ucv.streams.profile import MJPEG
from ucv.streams.source import Credentials, SourceRequest, SourceSink

#: Seconds without anything from the camera after which it counts as stalled.
IDLE_TIMEOUT = 10.0
#: Bytes of one picture, and pixels: a player has to decode what is passed on.
MAX_PICTURE = 8 * 1024 * 1024
MAX_PIXELS = 64_000_000
#: Still pictures per second where nothing else is asked for.
STILLS_PER_SECOND = 1.0

_CLOCK_RATE = 90_000


class MjpegSource:
    """A `Source` for ``http:`` and ``https:`` addresses of motion JPEG, and of still pictures.

    An answer of one picture is asked for again and again. Pictures are delivered as the camera
    encoded them, as access units of the codec "mjpeg", each a keyframe; the time of a picture is
    that of its arrival.

    Options: ``frame_rate`` (still pictures per second), ``fingerprint`` (of the one certificate to
    trust), ``idle_timeout`` (seconds), ``max_picture`` (bytes). ``{username}`` and ``{password}``
    in the query of the address stand for the credentials, for cameras that want them there; to
    others they are sent as they ask for it (Basic or Digest).

    Beyond what `Source.run` promises it raises `StreamStalled`, `ProtocolError`,
    `EndpointNotFound` and what else `DeviceHttp` does.
    """

    def __init__(self, request: SourceRequest, clock: Clock) -> None:
        options = request.options
        self._request = request
        self._clock = clock
        self._idle = float(options.get("idle_timeout", IDLE_TIMEOUT))
        self._limit = int(options.get("max_picture", MAX_PICTURE))
        self._stills_rate = float(options.get("frame_rate") or STILLS_PER_SECOND)

    async def run(self, sink: SourceSink) -> None:
        """See `Source.run`."""
        # Of its own, like the lockout: a stream takes no place from the device's other requests,
        # and whoever runs this holds the turn to log in to the device already.
        pool = HttpPool(self._clock)
        try:
            client, target = _open(pool, self._request)
            await self._read(client, target, _Delivery(sink, self._clock))
        except MediaError as error:
            raise ProtocolError(f"What the camera sends is no motion JPEG: {error}.") from error
        finally:
            await pool.close()

    async def _read(self, client: DeviceHttp, target: str, delivery: _Delivery) -> NoReturn:
        async with client.stream("GET", target, idle_timeout=self._idle) as answer:
            kind = answer.content_type.partition(";")[0].strip().lower()
            if kind.startswith("text/"):
                raise ProtocolError(f"The camera answers with text ({kind[:64]}), not pictures.")
            await self._pass_on(answer, delivery)
        if kind.startswith("multipart/") or delivery.pictures != 1:
            raise ConnectionClosed("The camera ended the stream.")
        await self._poll(client, target, delivery)

    async def _pass_on(self, answer: HttpStream, delivery: _Delivery) -> None:
        """Deliver the pictures of an answer until it ends."""
        parser = MjpegParser(boundary_of(answer.content_type), max_picture=self._limit)
        try:
            async for chunk in answer:
                delivery.bytes_read(len(chunk))
                for picture in parser.feed(chunk):
                    delivery.picture(picture)
        except ConnectTimeout:
            raise StreamStalled from None

    async def _poll(self, client: DeviceHttp, target: str, delivery: _Delivery) -> NoReturn:
        """Ask for one picture after another; the first was there already."""
        delivery.frame_rate = self._stills_rate
        due = self._clock.monotonic()
        while True:
            # What was missed is not made up for.
            now = self._clock.monotonic()
            due = max(due + 1 / self._stills_rate, now)
            await self._clock.sleep(due - now)
            body = await client.get_bytes(target, limit=self._limit, timeout=self._idle)
            delivery.bytes_read(len(body))
            pictures = MjpegParser(max_picture=self._limit).feed(body)
            if not pictures:
                raise ProtocolError("The camera sent something else than a JPEG picture.")
            delivery.picture(pictures[0])


class _Delivery:
    """Hands pictures to a sink, with their format where it is another than before."""

    def __init__(self, sink: SourceSink, clock: Clock) -> None:
        self.pictures = 0
        self.frame_rate = 0.0
        self._sink = sink
        self._now = clock.monotonic
        self._format: tuple[int, int, float] | None = None

    def bytes_read(self, count: int) -> None:
        self._sink.on_bytes(count)

    def picture(self, jpeg: bytes) -> None:
        received = self._now()
        width, height = picture_size(jpeg)
        if width * height > MAX_PIXELS:
            raise ProtocolError(f"A picture of {width} x {height} pixels is too large.")
        if self._format != (width, height, self.frame_rate):
            self._format = (width, height, self.frame_rate)
            self._sink.on_format(
                VideoFormat(
                    codec=MJPEG,
                    codec_string=MJPEG,
                    width=width,
                    height=height,
                    sps=(),
                    pps=(),
                    clock_rate=_CLOCK_RATE,
                    frame_rate=self.frame_rate,
                )
            )
        self.pictures += 1
        self._sink.on_access_unit(
            AccessUnit(
                bytearray(HEADROOM) + jpeg,
                math.floor(received * _CLOCK_RATE),
                keyframe=True,
                received=received,
            )
        )


def _open(pool: HttpPool, request: SourceRequest) -> tuple[DeviceHttp, str]:
    """Return a client for the address's device, and what to ask it for."""
    try:
        parts = urlsplit(request.url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValidationError("The address of the stream is not valid.") from None
    target, filled = fill_in(parts._replace(scheme="", netloc="").geturl(), request.credentials)
    options: Mapping[str, Any] = request.options
    client = pool.client(
        host,
        port=port,
        tls=parts.scheme.lower() == "https",
        fingerprint=options.get("fingerprint"),
        credentials=None if filled else request.credentials,
        lockout=Lockout(),
    )
    return client, target


def fill_in(target: str, credentials: Credentials | None) -> tuple[str, bool]:
    """Return an address with the credentials where its query wants them, and whether it does.

    Raises `InvalidAuth` where it wants what there is not.
    """
    place, mark, query = target.partition("?")
    filled = query
    for name in ("username", "password"):
        for wanted in (f"{{{name}}}", f"%7B{name}%7D"):
            if wanted in filled:
                if credentials is None:
                    raise InvalidAuth("The address needs a user name and a password.")
                filled = filled.replace(wanted, quote(getattr(credentials, name), safe=""))
    return place + mark + filled, filled != query
